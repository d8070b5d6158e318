using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Columns;

namespace Faultrec.Analyzer.Measures;

/// <summary>What happened in each bucket of time? Counts and cost; which pages were new is <see cref="FirstTouchAggregate"/>'s.</summary>
public sealed class TimeAggregate(TimeAxis axis)
{
    /// <summary>At most so many buckets, of a round width.</summary>
    public const int MostBuckets = 60;

    internal const FaultColumns Columns = FaultColumns.TimeNs | FaultColumns.DurationNs;

    private readonly FaultCounts[] _counts = new FaultCounts[axis.Count];

    public TimeAxis Axis => axis;

    public ref readonly FaultCounts Counts(int bucket) => ref _counts[bucket];

    internal void Add<TWeights>(FaultBatch batch, ReadOnlySpan<Severity> severities, TWeights weights)
        where TWeights : struct, IRowWeights
    {
        for (var row = 0; row < severities.Length;)
        {
            var (bucket, end) = TimeRun.From(axis, batch.TimeNs.AsSpan(0, severities.Length), row);
            for (; row < end; row++)
                _counts[bucket].Add(severities[row], batch.DurationNs[row], weights.Of(row));
        }
    }

    public void Merge(TimeAggregate other)
    {
        for (var i = 0; i < _counts.Length; i++)
            _counts[i].Merge(other._counts[i]);
    }
}
