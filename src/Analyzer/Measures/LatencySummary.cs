namespace Faultrec.Analyzer.Measures;

/// <summary>Durations of a group of faults, ns; all null when no duration is known. Percentiles: <see cref="LatencyHistogram"/>.</summary>
/// <param name="Count">Faults with a known duration.</param>
internal sealed record LatencySummary(long Count, long? MinNs, long? P50Ns, long? P90Ns, long? P99Ns, long? MaxNs, long? SumNs)
{
    public static LatencySummary Of(LatencyHistogram histogram)
        => histogram.Count == 0
            ? new LatencySummary(0, null, null, null, null, null, null)
            : new LatencySummary(
                histogram.Count,
                histogram.Min,
                histogram.Percentile(0.5),
                histogram.Percentile(0.9),
                histogram.Percentile(0.99),
                histogram.Max,
                histogram.Sum);
}
