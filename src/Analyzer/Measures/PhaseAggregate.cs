using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Facts;
using Faultrec.Traces.Columns;

namespace Faultrec.Analyzer.Measures;

/// <summary>What happened in each phase of the recording? Counts and cost; <see cref="NewPageAggregate"/> knows which pages were new.</summary>
internal sealed class PhaseAggregate(PhaseClock clock) : IMeasure<PhaseAggregate>
{
    /// <summary>Null where no mark was set.</summary>
    public static Measure<PhaseAggregate> Measure { get; }
        = new(plan => Phases.Of(plan.Metadata) is { All.Count: > 0 } phases ? new PhaseAggregate(new PhaseClock(phases)) : null);

    private readonly FaultCounts[] _counts = new FaultCounts[clock.Count];

    public ref readonly FaultCounts Counts(int phase) => ref _counts[phase];

    public FaultColumns Columns => FaultColumns.TimeNs | FaultColumns.DurationNs;

    public void Add<TWeights>(FaultBatch batch, in Verdicts verdicts, TWeights weights)
        where TWeights : struct, IRowWeights
    {
        var severities = verdicts.Severities;
        for (var row = 0; row < severities.Length;)
        {
            var (phase, end) = clock.Run(batch.TimeNs.AsSpan(0, severities.Length), row);
            for (; row < end; row++)
                _counts[phase].Add(severities[row], batch.DurationNs[row], weights.Of(row));
        }
    }

    public void Merge(PhaseAggregate other)
    {
        for (var i = 0; i < _counts.Length; i++)
            _counts[i].Merge(other._counts[i]);
    }
}

/// <summary>Which phase a time is in.</summary>
internal sealed class PhaseClock(Phases phases)
{
    private readonly long[] _startNs = [.. phases.All.Skip(1).Select(phase => phase.FromNs!.Value)];

    public int Count => phases.All.Count;

    /// <returns>The phase of <paramref name="row"/>, and the first row after it that is in another.</returns>
    public (int Phase, int End) Run(ReadOnlySpan<long> times, int row)
    {
        // Of phases that begin at the same time all but the last have no time.
        var phase = UpperBound(times[row]);
        var from = phase == 0 ? long.MinValue : _startNs[phase - 1];
        var to = phase == _startNs.Length ? long.MaxValue : _startNs[phase] - 1;
        var run = times[(row + 1)..].IndexOfAnyExceptInRange(from, to);
        return (phase, run < 0 ? times.Length : row + 1 + run);
    }

    // Phases that have begun by then, but for the first.
    private int UpperBound(long timeNs)
    {
        var (low, high) = (0, _startNs.Length);
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (_startNs[middle] <= timeNs)
                low = middle + 1;
            else
                high = middle;
        }

        return low;
    }
}
