using System.Globalization;
using DuckDB.NET.Data;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Tables;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Analyzer.Tests;

/// <summary>A trace, its report, and the same file in an engine that reads it with its own Parquet reader.</summary>
public abstract class DuckDbTest : IDisposable
{
    protected const string Latency = """
        count(duration_ns), coalesce(min(duration_ns), -1), coalesce(quantile_disc(duration_ns, 0.5), -1), coalesce(quantile_disc(duration_ns, 0.9), -1),
        coalesce(quantile_disc(duration_ns, 0.99), -1), coalesce(max(duration_ns), -1), coalesce(sum(duration_ns), -1)
        """;

    protected const string Counts = """
        count(*) FILTER (severity = 'minor'), count(*) FILTER (severity = 'major'), count(*) FILTER (severity = 'failed')
        """;

    private readonly TemporaryTrace _file;
    private readonly DuckDBConnection _duckdb = new("DataSource=:memory:");

    private protected DuckDbTest(TraceMetadata metadata, Fault[] faults)
    {
        var isSample = metadata.Sampling is not null;
        _file = new TemporaryTrace(metadata, faults, 3_000);
        using var reader = TraceReader.Open(_file.Path);
        Report = ReportBuilder.Build(reader, FaultFilter.None, ReportTables.All);
        _duckdb.Open();
        Execute("CREATE TABLE regions (id INT, path TEXT, range_start BIGINT, range_end BIGINT, died_ns BIGINT)");
        foreach (var region in metadata.Regions)
        {
            Execute(string.Create(CultureInfo.InvariantCulture,
                $"INSERT INTO regions VALUES ({region.Id}, {(region.Path is null ? "NULL" : $"'{region.Path}'")}, {region.Start}, {region.End}, "
                + $"{region.DiedNs?.ToString(CultureInfo.InvariantCulture) ?? "NULL"})"));
        }

        Execute("CREATE TABLE nodes (node INT, parent INT, name TEXT)");
        for (var node = 0; node < RandomTrace.Stacks.NodeFrames.Count; node++)
        {
            var frame = RandomTrace.Stacks.Frames[RandomTrace.Stacks.NodeFrames[node]];
            Execute(string.Create(CultureInfo.InvariantCulture,
                $"INSERT INTO nodes VALUES ({node}, {RandomTrace.Stacks.Parents[node]}, '{frame.Function ?? "[libc.so.6+0xd]"}')"));
        }

        Execute($"CREATE VIEW rows AS SELECT *, address // 4096 AS page, file_row_number AS place FROM read_parquet('{_file.Path}', file_row_number = true)");
        Execute($"""
            CREATE VIEW faults AS SELECT *, address // 4096 AS page,
                CASE WHEN signal IS NOT NULL OR coalesce(fault_result, 0) & 3 <> 0 THEN 'failed' WHEN major THEN 'major' ELSE 'minor' END AS severity
            FROM '{_file.Path}' {(isSample ? ", unnest(range(weight))" : "")}
            """);
    }

    private protected FaultReport Report { get; }

    protected string TracePath => _file.Path;

    public void Dispose()
    {
        _duckdb.Dispose();
        _file.Dispose();
        GC.SuppressFinalize(this);
    }

    protected void Same(string sql, IEnumerable<object[]> rows)
    {
        var expected = Query(sql);
        var actual = rows.ToList();
        expected.Sort(Compare);
        actual.Sort(Compare);
        Assert.NotEmpty(expected);
        Assert.Equal(expected.Count, actual.Count);
        for (var i = 0; i < expected.Count; i++)
        {
            Assert.Equal(expected[i].Length, actual[i].Length);
            for (var column = 0; column < expected[i].Length; column++)
            {
                if (actual[i][column] is Approximate answer)
                    Assert.InRange(answer.Value, (long)(Number(expected[i][column]) * 0.98), (long)Math.Ceiling(Number(expected[i][column]) * 1.02));
                else if (actual[i][column] is string text)
                    Assert.Equal(expected[i][column], text);
                else
                    Assert.Equal(Number(expected[i][column]), Number(actual[i][column]));
            }
        }
    }

    // By the leading columns, which are every table's key.
    private static int Compare(object[] left, object[] right)
    {
        for (var i = 0; i < left.Length; i++)
        {
            var order = left[i] is string text ? string.CompareOrdinal(text, (string)right[i]) : Number(left[i]).CompareTo(Number(right[i]));
            if (order != 0)
                return order;
        }

        return 0;
    }

    private static long Number(object value) => value is Approximate answer ? answer.Value : Convert.ToInt64(value, CultureInfo.InvariantCulture);

    private List<object[]> Query(string sql)
    {
        using var command = _duckdb.CreateCommand();
        command.CommandText = sql;
        using var reader = command.ExecuteReader();
        var rows = new List<object[]>();
        while (reader.Read())
        {
            var row = new object[reader.FieldCount];
            for (var i = 0; i < row.Length; i++)
                row[i] = reader.GetValue(i) is System.Numerics.BigInteger big ? (long)big : reader.GetValue(i);
            rows.Add(row);
        }

        return rows;
    }

    protected void Execute(string sql)
    {
        using var command = _duckdb.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    /// <summary>Within the histogram's error.</summary>
    protected sealed record Approximate(long Value);
}
