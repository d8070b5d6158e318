using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;

namespace Faultrec.Analyzer.Tables;

internal sealed record LevelRow(WalkEnd End, FaultCounts Counts, LatencySummary Latency);

internal static class LevelTable
{
    private static readonly WalkEnd[] TopDown =
        [WalkEnd.Pgd, WalkEnd.P4d, WalkEnd.Pud, WalkEnd.Pmd, WalkEnd.Pte, WalkEnd.NotPresent, WalkEnd.Present, WalkEnd.Unknown];

    public static TableDefinition<LevelRow> Definition { get; } = new()
    {
        Name = "level",
        Title = "page-table levels",
        Question = "which level of the page table had no entry",
        JsonKey = "page_table/levels",
        WhyEmpty = report => Unrecorded.PageTables(report.Metadata),
        Rows = Rows,
        Keep = static (_, _) => 0,
        Columns = (table, report) => table
            .Text("level", "missing at", "level of the page table at which the walk to the address ended", ColumnAudience.Everyone, row => row.End.Name())
            .Counts(row => row.Counts)
            .Real("share", "share", "of all faults of the table", CellFormat.Percent, ColumnAudience.Everyone,
                row => (double)row.Counts.Faults / report.Rows(Definition!).Sum(level => level.Counts.Faults))
            .Latency(row => row.Latency, ColumnAudience.Wide, ColumnAudience.Everyone),
    };

    // From the top level down; only those that faults ended at.
    private static List<LevelRow> Rows(FaultReport report)
    {
        var rows = new List<LevelRow>();
        if (!KindRule.CanTell(report.Metadata))
            return rows;
        foreach (var end in TopDown)
        {
            var counts = report.Find(KindAggregate.Measure)!.Counts(end, out var latency);
            if (counts.Faults > 0)
                rows.Add(new LevelRow(end, counts, LatencySummary.Of(latency)));
        }

        return rows;
    }
}
