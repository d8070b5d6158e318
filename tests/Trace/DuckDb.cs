using DuckDB.NET.Data;

namespace Faultrec.Trace.Tests;

/// <summary>DuckDB: a Parquet reader and writer that shares no code with the one under test.</summary>
internal static class DuckDb
{
    /// <returns>Rows of values; null for SQL NULL.</returns>
    public static List<object?[]> Query(string sql)
    {
        using var connection = new DuckDBConnection("DataSource=:memory:");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        using var reader = command.ExecuteReader();
        var rows = new List<object?[]>();
        while (reader.Read())
        {
            var row = new object?[reader.FieldCount];
            for (var i = 0; i < row.Length; i++)
                row[i] = reader.IsDBNull(i) ? null : reader.GetValue(i);
            rows.Add(row);
        }

        return rows;
    }

    public static void Execute(string sql) => Query(sql);

    /// <summary>The file's own key-value pairs.</summary>
    public static Dictionary<string, string> KeyValues(string path)
        => Query($"SELECT decode(key), decode(value) FROM parquet_kv_metadata('{path}')")
            .ToDictionary(row => (string)row[0]!, row => (string)row[1]!);
}
