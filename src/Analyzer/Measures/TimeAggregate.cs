using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Columns;

namespace Faultrec.Analyzer.Measures;

/// <summary>What happened in each bucket of time? Counts and cost; <see cref="FirstTouchAggregate"/> knows which pages were new.</summary>
internal sealed class TimeAggregate(TimeAxis axis) : IMeasure<TimeAggregate>
{
    public static Measure<TimeAggregate> Measure { get; } = new(plan => new TimeAggregate(AxisOf(plan)));

    /// <summary>At most so many buckets, of a round width.</summary>
    public const int MostBuckets = 60;

    private readonly FaultCounts[] _counts = new FaultCounts[axis.Count];

    public TimeAxis Axis => axis;

    /// <summary>The axis of the time line of this trace.</summary>
    public static TimeAxis AxisOf(MeasurePlan plan) => plan.Window.Round(MostBuckets);

    public ref readonly FaultCounts Counts(int bucket) => ref _counts[bucket];

    public FaultColumns Columns => FaultColumns.TimeNs | FaultColumns.DurationNs;

    public void Add<TWeights>(FaultBatch batch, in Verdicts verdicts, TWeights weights)
        where TWeights : struct, IRowWeights
    {
        var severities = verdicts.Severities;
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
