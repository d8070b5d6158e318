using Faultrec.Traces.Columns;

namespace Faultrec.Query;

/// <summary>The columns of the view `faults`: the file's own, in its order, and the Analyzer's. docs/format.md is their full text.</summary>
internal static class FaultColumnList
{
    public const string View = "faults";

    /// <summary>Columns that older files lack and whose value is then not NULL.</summary>
    public static readonly IReadOnlyDictionary<string, string> Defaults = new Dictionary<string, string> { ["gup"] = "false", ["weight"] = "1", ["grew"] = "false", ["merged"] = "false" };

    public static readonly IReadOnlyList<ViewColumn> OfFile = [.. TraceSchema.Facts.Select(fact => Column(fact.Name, SqlType(fact.Type), fact.Meaning))];

    public static readonly IReadOnlyList<ViewColumn> OfAnalyzer =
    [
        Column("severity", "VARCHAR", "minor, major or failed; unknown where major is NULL"),
        Column("kind", "VARCHAR", "why the fault happened, as docs/kinds.md names it"),
    ];

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
