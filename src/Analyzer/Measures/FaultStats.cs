using Faultrec.Analyzer.Classify;

namespace Faultrec.Analyzer.Measures;

/// <summary>Counts and cost of the faults of one group.</summary>
internal sealed class FaultStats
{
    private FaultCounts _counts;

    public ref readonly FaultCounts Counts => ref _counts;

    public LatencyHistogram Latency { get; } = new();

    public void Add(Severity severity, long durationNs, int weight)
    {
        _counts.Add(severity, durationNs, weight);
        if (durationNs >= 0)
            Latency.Add(durationNs, weight);
    }

    public void Merge(FaultStats other)
    {
        _counts.Merge(other._counts);
        Latency.Merge(other.Latency);
    }
}
