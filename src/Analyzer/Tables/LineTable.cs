namespace Faultrec.Analyzer.Tables;

internal static class LineTable
{
    public static TableDefinition<CodeRow> Definition { get; } = new()
    {
        Name = "line",
        Title = "lines",
        Question = "which source lines faulted, alone and with their callees",
        JsonKey = "lines",
        Needs = StackFacts.Needs,
        IsInReport = false,
        Rows = report => report.Stacks is { Names: var names } stacks ? CodeRows.Rows(stacks, names.LineCount, names.LineIdOf, names.Line) : [],
        Columns = (table, report) => CodeRows.Columns(
            table
                .Text("file", "file", "source file, else the module", ColumnAudience.Everyone, row => row.File ?? row.Module, TableBuilder<CodeRow>.NotInJson)
                .Json((json, row) => json.WriteString("file", row.File))
                .Integer("line", "line", "line in the source file; null: not known", CellFormat.Id, ColumnAudience.Everyone, row => row.Line)
                .Text("function", "function", "function of the line", ColumnAudience.Everyone, row => row.Name)
                .Json((json, row) => json.WriteString("module", row.Module)),
            report),
        Note = StackText.Note,
    };
}
