using Faultrec.Traces.Columns;

namespace Faultrec.Query;

/// <summary>The columns of the view `faults`: the file's own, in its order, and the Analyzer's. docs/format.md is their full text.</summary>
internal static class FaultColumnList
{
    public const string View = "faults";

    public static readonly IReadOnlyList<ViewColumn> OfFile =
        [.. TraceSchema.Columns.Select(column => Column(column.Name, SqlType(column.Type), column.Meaning))];

    public static readonly IReadOnlyList<ViewColumn> OfAnalyzer =
    [
        Column("severity", "VARCHAR", "minor, major or failed; unknown where major is NULL"),
        Column("kind", "VARCHAR", "why the fault happened, as docs/kinds.md names it"),
    ];

    /// <summary>SQL for a column of the file; a file older than the column is read as docs/format.md says.</summary>
    /// <param name="isPresent">At least one of the files has the column; the others then have NULL.</param>
    public static string Sql(TraceColumn column, bool isPresent)
    {
        var absent = column.Generation > 1 ? column.AbsentValue : null;
        return !isPresent ? $"CAST({absent ?? "NULL"} AS {SqlType(column.Type)})" : absent is null ? column.Name : $"coalesce({column.Name}, {absent})";
    }

    private static string SqlType(Type type) => type switch
    {
        _ when type == typeof(long) => "BIGINT",
        _ when type == typeof(int) => "INTEGER",
        _ when type == typeof(sbyte) => "TINYINT",
        _ when type == typeof(bool) => "BOOLEAN",
        _ => "VARCHAR",
    };

    private static ViewColumn Column(string name, string type, string meaning) => new(View, name, type, meaning);
}
