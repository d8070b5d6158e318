using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Columns;

namespace Faultrec.Analyzer.Measures;

/// <summary>How many faults in each bucket of time?</summary>
internal sealed class ActivityAggregate(TimeAxis axis) : IMeasure<ActivityAggregate>
{
    public static Measure<ActivityAggregate> Measure { get; } = new(plan => new ActivityAggregate(plan.Window.Equal(Buckets)));

    /// <summary>Buckets of the recording or of the filter's window.</summary>
    public const int Buckets = 64;

    private readonly long[] _faults = new long[axis.Count];

    public TimeAxis Axis => axis;

    public IReadOnlyList<long> Faults => _faults;

    public FaultColumns Columns => FaultColumns.TimeNs;

    public void Add<TWeights>(FaultBatch batch, in Verdicts verdicts, TWeights weights)
        where TWeights : struct, IRowWeights
    {
        var count = batch.Count;
        for (var row = 0; row < count;)
        {
            var (bucket, end) = TimeRun.From(axis, batch.TimeNs.AsSpan(0, count), row);
            if (typeof(TWeights) == typeof(OneEach))
                _faults[bucket] += end - row;
            else
                _faults[bucket] += TimeRun.Weight(row, end, weights);
            row = end;
        }
    }

    public void Merge(ActivityAggregate other)
    {
        for (var i = 0; i < _faults.Length; i++)
            _faults[i] += other._faults[i];
    }
}

/// <summary>A run of neighbouring rows in one bucket of time: since rows are ordered by time, a block has hardly more runs than buckets.</summary>
internal static class TimeRun
{
    /// <returns>The bucket of <paramref name="row"/>, and the first row after it that is in another.</returns>
    public static (int Bucket, int End) From(TimeAxis axis, ReadOnlySpan<long> times, int row)
    {
        var bucket = axis.BucketOf(times[row]);
        var start = axis.StartNs(bucket);
        var run = times[(row + 1)..].IndexOfAnyExceptInRange(start, start + axis.LengthNs(bucket) - 1);
        return (bucket, run < 0 ? times.Length : row + 1 + run);
    }

    public static long Weight<TWeights>(int row, int end, TWeights weights)
        where TWeights : struct, IRowWeights
    {
        long sum = 0;
        for (; row < end; row++)
            sum += weights.Of(row);
        return sum;
    }
}
