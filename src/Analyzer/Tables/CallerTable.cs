using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Tables;

internal static class CallerTable
{
    public static TableDefinition<CallerRow> Definition { get; } = new()
    {
        Name = "caller",
        Title = "callers",
        Question = "which functions called the code that faulted, as a tree",
        JsonKey = "callers",
        Needs = StackFacts.Needs,
        IsInReport = false,
        // In the order in which a tree is written.
        Rows = report => report.Stacks is { } stacks ? new CallerTree(stacks.Table, stacks.Names, stacks.Faults).Build(stacks.ByStack) : [],
        Keep = Keep,
        // JSON always has the whole tree.
        Json = (json, key, report, _) => json.WriteTable(key, Definition!.Build(report, 0)),
        Columns = (table, report) => table
            .Integer("depth", "depth", "calls between the faulting function and this one", CellFormat.Id, ColumnAudience.Wide, row => row.Depth)
            .Counts(row => row.Counts)
            .Real("share", "share", "of all faults of the report", CellFormat.Percent, ColumnAudience.Everyone, row => row.Share)
            .Time(report, row => row.Counts)
            .Text("functions", "called by", "the faulting function and its callers up to this one", ColumnAudience.Wide,
                row => string.Join(" < ", row.Functions), TableBuilder<CallerRow>.NotInJson)
            .Json((json, row) => json.WriteStrings("functions", row.Functions))
            .Beside(row => new RowText.Branch(row.Depth, string.Join(" < ", row.Functions))),
        Note = report => $"branches with less than {Units.Percent(CallerTree.SmallestShare)} of the faults are left out; {StackText.Note(report)}",
    };

    // --top N counts functions that faulted; all their branches are kept.
    private static int Keep(IReadOnlyList<CallerRow> rows, int top)
    {
        var (kept, roots) = (0, 0);
        while (kept < rows.Count && (rows[kept].Depth > 0 || top == 0 || ++roots <= top))
            kept++;
        return kept;
    }
}
