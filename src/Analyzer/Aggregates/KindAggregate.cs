using Faultrec.Traces;

namespace Faultrec.Analyzer;

/// <summary>How many faults of each kind and severity, and what did they cost? The totals are the sum of these.</summary>
public sealed class KindAggregate
{
    private readonly LatencyHistogram[] _latency = new LatencyHistogram[FaultKindNames.Count * SeverityNames.Count];
    private readonly long[] _faults = new long[FaultKindNames.Count * SeverityNames.Count];
    private readonly long[] _byKernel = new long[FaultKindNames.Count];

    public KindAggregate()
    {
        for (var i = 0; i < _latency.Length; i++)
            _latency[i] = new LatencyHistogram();
    }

    public long Faults(FaultKind kind, Severity severity) => _faults[Cell(kind, severity)];

    public long Faults(Severity severity)
    {
        long faults = 0;
        for (var cell = (int)severity; cell < _faults.Length; cell += SeverityNames.Count)
            faults += _faults[cell];
        return faults;
    }

    /// <summary>Of a kind's faults, those raised by kernel mode touching the program's memory.</summary>
    public long ByKernel(FaultKind kind) => _byKernel[(int)kind];

    public LatencyHistogram Latency(Severity severity)
    {
        var sum = new LatencyHistogram();
        for (var cell = (int)severity; cell < _latency.Length; cell += SeverityNames.Count)
            sum.Merge(_latency[cell]);
        return sum;
    }

    public LatencyHistogram Latency(FaultKind kind)
    {
        var sum = new LatencyHistogram();
        for (var severity = 0; severity < SeverityNames.Count; severity++)
            sum.Merge(_latency[Cell(kind, (Severity)severity)]);
        return sum;
    }

    internal void Add<TWeights>(FaultBatch batch, in Verdicts verdicts, TWeights weights)
        where TWeights : struct, IRowWeights
    {
        var severities = verdicts.Severities;
        var kinds = verdicts.Kinds;
        var (durations, byKernel) = (batch.DurationNs, batch.KernelAccess);
        for (var i = 0; i < severities.Length; i++)
        {
            var cell = Cell(kinds[i], severities[i]);
            _faults[cell] += weights.Of(i);
            if (durations[i] >= 0)
                _latency[cell].Add(durations[i], weights.Of(i));
            if (byKernel[i])
                _byKernel[(int)kinds[i]] += weights.Of(i);
        }
    }

    public void Merge(KindAggregate other)
    {
        for (var i = 0; i < _faults.Length; i++)
        {
            _faults[i] += other._faults[i];
            _latency[i].Merge(other._latency[i]);
        }

        for (var i = 0; i < _byKernel.Length; i++)
            _byKernel[i] += other._byKernel[i];
    }

    private static int Cell(FaultKind kind, Severity severity) => ((int)kind * SeverityNames.Count) + (int)severity;
}
