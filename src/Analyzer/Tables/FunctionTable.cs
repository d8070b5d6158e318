namespace Faultrec.Analyzer.Tables;

internal static class FunctionTable
{
    public static TableDefinition<CodeRow> Definition { get; } = new()
    {
        Name = "function",
        Title = "functions",
        Question = "which functions faulted, alone and with their callees",
        JsonKey = "functions",
        Needs = StackFacts.Needs,
        IsInReport = false,
        Rows = report => report.Stacks is { Names: var names } stacks ? CodeRows.Rows(stacks, names.FunctionCount, names.FunctionIdOf, names.Function) : [],
        Columns = (table, report) => CodeRows.Columns(
            table
                .Text("function", "function", "name of the function; without a name its module and address", ColumnAudience.Everyone, row => row.Name)
                .Text("module", "in", "executable or library of the function, else its source file", ColumnAudience.Everyone, row => row.Module ?? row.File,
                    TableBuilder<CodeRow>.NotInJson)
                .Json((json, row) => json.WriteString("module", row.Module)),
            report),
        Note = StackText.Note,
    };
}
