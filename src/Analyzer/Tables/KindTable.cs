using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Tables;

/// <param name="ByKernel">Raised by kernel mode touching the program's memory.</param>
/// <param name="Pages">That the faults mapped.</param>
/// <param name="Share">Of all faults of the table.</param>
internal sealed record KindRow(FaultKind Kind, FaultCounts Counts, long ByKernel, long Pages, LatencySummary Latency, double Share);

internal static class KindTable
{
    public static TableDefinition<KindRow> Definition { get; } = new()
    {
        Name = "kind",
        Title = "kinds",
        RowName = "kind",
        Question = "why faults happened",
        JsonKey = "kinds",
        JsonNoteKey = "kinds_note",
        Rows = Rows,
        Columns = (table, _) => table
            .Text("kind", "kind", "why the faults happened (docs/kinds.md)", ColumnAudience.Everyone, row => row.Kind.Name())
            .Text("traceevent", "TraceEvent", "name that PerfView's TraceEvent has for the same", ColumnAudience.Wide,
                row => row.Kind.TraceEventName() ?? "", TableBuilder<KindRow>.NotInJson)
            .Json((json, row) => json.WriteString("traceevent", row.Kind.TraceEventName()))
            .Faults(row => row.Counts)
            .Real("share", "share", "of all faults of the table", CellFormat.Percent, ColumnAudience.Everyone, row => row.Share)
            .Severities(row => row.Counts, major: ColumnAudience.Everyone, rest: ColumnAudience.Machine)
            .Integer("by_kernel", "by kernel", "faults that kernel mode raised by touching the program's memory", CellFormat.Count, ColumnAudience.Wide,
                row => row.ByKernel)
            .Latency(row => row.Latency, ColumnAudience.Wide, ColumnAudience.Everyone)
            .Text("family", "they are", "what faults of this kind are, as the first screen says it", ColumnAudience.Everyone,
                row => KindFamily.Of(row.Kind).Name),
        Note = Note,
    };

    private static List<KindRow> Rows(FaultReport report)
    {
        var aggregate = report.Find(KindAggregate.Measure)!;
        var kinds = Enumerable.Range(0, FaultKindNames.Count)
            .Select(kind => (Kind: (FaultKind)kind, Counts: aggregate.Counts((FaultKind)kind, out var latency), Latency: latency)).ToList();
        var all = kinds.Sum(kind => kind.Counts.Faults);
        var rows = kinds.Where(kind => kind.Counts.Faults > 0)
            .Select(kind => new KindRow(kind.Kind, kind.Counts, aggregate.ByKernel(kind.Kind), aggregate.Pages(kind.Kind),
                LatencySummary.Of(kind.Latency), (double)kind.Counts.Faults / all))
            .ToList();
        rows.Sort((a, b) => Ordering.ByFaults(a.Counts, b.Counts, a.Kind.CompareTo(b.Kind)));
        return rows;
    }

    /// <summary>Why kinds are unknown, in one line; null when all are known.</summary>
    private static string? Note(FaultReport report)
    {
        var unknown = report.Rows(Definition).Where(row => row.Kind == FaultKind.Unknown).Sum(row => row.Counts.Faults);
        if (unknown == 0)
            return null;
        var consequence = $"so kinds are unknown{(report.Metadata.KnowsMajor ? "; minor, major and failed are right" : "")}";
        return report.Metadata switch
        {
            { PageTable: null } => $"the file is older than page-table facts, {consequence}",
            { PageTable: { Recorded: false, Reason: var reason } } => $"page-table facts were not recorded ({reason ?? "no reason given"}), {consequence}",
            { Arch: not "x86_64" and var arch } => $"page-table entries of {arch} cannot be read by this version, {consequence}",
            _ => $"{(report.Sample is null ? "" : "about ")}{Units.Of(unknown, "fault")} of unknown kind: "
                + $"what was recorded of {(unknown == 1 ? "it" : "them")} proves no kind",
        };
    }
}
