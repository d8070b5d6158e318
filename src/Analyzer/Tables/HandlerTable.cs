using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Tables;

/// <param name="Function">Null: faults whose row names no handler.</param>
/// <param name="Reason">Why the function could not be probed; null where it was.</param>
internal sealed record HandlerRow(string? Function, string? Reason, FaultCounts Counts, LatencySummary Latency);

internal static class HandlerTable
{
    public static TableDefinition<HandlerRow> Definition { get; } = new()
    {
        Name = "handler",
        Title = "handlers",
        RowName = "handler",
        Question = "which kernel functions served faults (--handlers)",
        JsonKey = "handlers",
        Needs = [HandlerAggregate.Measure],
        WhyEmpty = report => Unrecorded.Handlers(report.Metadata),
        Rows = Rows,
        Columns = (table, _) => table
            .Text("function", "function", "kernel function that served the faults; empty: inlined, not probed or not asked for", ColumnAudience.Everyone,
                row => row.Function)
            .Counts(row => row.Counts)
            .Latency(row => row.Latency, ColumnAudience.Wide)
            .Text("refusal", "not probed because", "why the function could not be probed; empty: it was", ColumnAudience.Everyone, row => row.Reason ?? "",
                TableBuilder<HandlerRow>.NotInJson)
            .Json((json, row) => json.WriteString("refusal", row.Reason)),
        Note = Note,
    };

    // Every function that was asked for, with faults or not, and the faults without one.
    private static List<HandlerRow> Rows(FaultReport report)
    {
        var rows = new List<HandlerRow>();
        if (report.Find(HandlerAggregate.Measure) is not { } aggregate)
            return rows;
        var refusals = new Dictionary<string, string?>();
        foreach (var probe in report.Metadata.Handlers)
            refusals[probe.Function] = probe.Reason;
        foreach (var function in aggregate.ByFunction.Keys)
            refusals.TryAdd(function, null);
        foreach (var (function, reason) in refusals)
            rows.Add(RowOf(function, reason, aggregate.ByFunction.GetValueOrDefault(function) ?? new FaultStats()));
        if (aggregate.Unknown.Counts.Faults > 0)
            rows.Add(RowOf(null, null, aggregate.Unknown));
        rows.Sort((a, b) => Ordering.ByFaults(a.Counts, b.Counts, string.CompareOrdinal(a.Function, b.Function)));
        return rows;
    }

    // What stands in for a handler that is not known.
    private static string? Note(FaultReport report)
        => report.Rows(Definition).FirstOrDefault(row => row.Function is null) is { Counts: var counts }
            ? $"{(report.Sample is null ? "" : "about ")}{Units.Of(counts.Faults, "fault")} without a handler: "
                + $"what served {(counts.Faults == 1 ? "it" : "them")} is inlined, "
                + "could not be probed or was not asked for; file_page comes from address and mapping there, the kind from the kernel's accounting"
            : null;

    private static HandlerRow RowOf(string? function, string? reason, FaultStats stats)
        => new(function, reason, stats.Counts, LatencySummary.Of(stats.Latency));
}
