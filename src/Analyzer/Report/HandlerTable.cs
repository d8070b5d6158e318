using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Report;

/// <param name="Function">Null: faults whose row names no handler.</param>
/// <param name="Refusal">Why the function could not be probed; null where it was.</param>
public sealed record HandlerRow(string? Function, string? Refusal, FaultCounts Counts, LatencySummary Latency);

/// <summary>Rows of the handler table: every function that was asked for, with faults or not, and the faults without one.</summary>
internal static class HandlerTable
{
    /// <param name="aggregate">Null: `--handlers` was not given, there are no rows.</param>
    public static List<HandlerRow> Build(TraceMetadata metadata, HandlerAggregate? aggregate)
    {
        var rows = new List<HandlerRow>();
        if (aggregate is null)
            return rows;
        var refusals = new Dictionary<string, string?>();
        foreach (var probe in metadata.Handlers)
            refusals[probe.Function] = probe.Refusal;
        foreach (var function in aggregate.ByFunction.Keys)
            refusals.TryAdd(function, null);
        foreach (var (function, refusal) in refusals)
            rows.Add(RowOf(function, refusal, aggregate.ByFunction.GetValueOrDefault(function) ?? new FaultStats()));
        if (aggregate.Unknown.Counts.Faults > 0)
            rows.Add(RowOf(null, null, aggregate.Unknown));
        rows.Sort((a, b) => Ordering.ByFaults(a.Counts, b.Counts, string.CompareOrdinal(a.Function, b.Function)));
        return rows;
    }

    /// <summary>What stands in for a handler that is not known; null when every fault has one.</summary>
    public static string? Note(FaultReport report)
    {
        foreach (var row in report.Handlers)
        {
            if (row.Function is null)
            {
                return $"{(report.Sample is null ? "" : "about ")}{Units.Of(row.Counts.Faults, "fault")} without a handler: what served {(row.Counts.Faults == 1 ? "it" : "them")} is inlined, "
                    + "could not be probed or was not asked for; file_page comes from address and mapping there, the kind from the kernel's accounting";
            }
        }

        return null;
    }

    private static HandlerRow RowOf(string? function, string? refusal, FaultStats stats)
        => new(function, refusal, stats.Counts, LatencySummary.Of(stats.Latency));
}
