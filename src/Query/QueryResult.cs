namespace Faultrec.Query;

/// <summary>How a column's values are written where types matter.</summary>
public enum ValueShape
{
    Text,
    Number,
    Boolean,
}

/// <param name="Name">Unique in its result; raw.</param>
/// <param name="Type">As SQL names it.</param>
public sealed record QueryColumn(string Name, string Type)
{
    private static readonly string[] Numbers =
    [
        "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "FLOAT", "DOUBLE",
    ];

    public ValueShape Shape
        => Type == "BOOLEAN" ? ValueShape.Boolean
            : Array.IndexOf(Numbers, Type) >= 0 || (Type.StartsWith("DECIMAL(", StringComparison.Ordinal) && !Type.EndsWith(']')) ? ValueShape.Number
            : ValueShape.Text;
}

/// <param name="Rows">Every value as DuckDB writes it, null for NULL; raw. Made while they are read, once; a row is valid until the next.</param>
public sealed record QueryResult(IReadOnlyList<QueryColumn> Columns, IEnumerable<string?[]> Rows);
