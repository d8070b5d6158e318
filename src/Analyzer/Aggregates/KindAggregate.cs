using Faultrec.Traces;

namespace Faultrec.Analyzer;

/// <summary>How many faults of each severity, and what did they cost? The totals are the sum of these.</summary>
public sealed class KindAggregate
{
    private readonly LatencyHistogram[] _latency = [new(), new(), new()];
    private readonly long[] _faults = new long[SeverityNames.Count];

    public long Faults(Severity severity) => _faults[(int)severity];

    public LatencyHistogram Latency(Severity severity) => _latency[(int)severity];

    internal void Add<TWeights>(FaultBatch batch, ReadOnlySpan<Severity> severities, TWeights weights)
        where TWeights : struct, IRowWeights
    {
        var durations = batch.DurationNs.AsSpan(0, severities.Length);
        for (var i = 0; i < severities.Length; i++)
        {
            var severity = (int)severities[i];
            _faults[severity] += weights.Of(i);
            if (durations[i] >= 0)
                _latency[severity].Add(durations[i], weights.Of(i));
        }
    }

    public void Merge(KindAggregate other)
    {
        for (var i = 0; i < SeverityNames.Count; i++)
        {
            _faults[i] += other._faults[i];
            _latency[i].Merge(other._latency[i]);
        }
    }
}
