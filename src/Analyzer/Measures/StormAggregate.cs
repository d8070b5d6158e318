using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Columns;

namespace Faultrec.Analyzer.Measures;

/// <summary>How many faults, and how much time in them, in each of many short windows?</summary>
internal sealed class StormAggregate(TimeAxis axis) : IMeasure<StormAggregate>
{
    public static Measure<StormAggregate> Measure { get; } = new(plan => new StormAggregate(Windows(plan.Window)));

    private const long WindowNs = 10_000_000;

    /// <summary>Most windows; for a longer recording their length is doubled until there are no more than this.</summary>
    private const int MostWindows = 65_536;

    private readonly long[] _faults = new long[axis.Count];
    private readonly long[] _durationNs = new long[axis.Count];

    public TimeAxis Axis => axis;

    /// <summary>By window.</summary>
    public IReadOnlyList<long> Faults => _faults;

    public IReadOnlyList<long> DurationNs => _durationNs;

    /// <param name="window">The time to cut into windows.</param>
    public static TimeAxis Windows(TimeAxis window)
    {
        var axis = window with { BucketNs = WindowNs };
        while ((axis.ToNs - axis.FromNs - 1) / axis.BucketNs >= MostWindows)
            axis = axis with { BucketNs = axis.BucketNs * 2 };
        return axis;
    }

    public FaultColumns Columns => FaultColumns.TimeNs | FaultColumns.DurationNs;

    public void Add<TWeights>(FaultBatch batch, in Verdicts verdicts, TWeights weights)
        where TWeights : struct, IRowWeights
    {
        var count = batch.Count;
        for (var row = 0; row < count;)
        {
            var (window, end) = TimeRun.From(axis, batch.TimeNs.AsSpan(0, count), row);
            for (; row < end; row++)
            {
                _faults[window] += weights.Of(row);
                _durationNs[window] += Math.Max(batch.DurationNs[row], 0) * weights.Of(row);
            }
        }
    }

    public void Merge(StormAggregate other)
    {
        for (var i = 0; i < _faults.Length; i++)
        {
            _faults[i] += other._faults[i];
            _durationNs[i] += other._durationNs[i];
        }
    }
}
