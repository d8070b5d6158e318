using System.Globalization;
using DuckDB.NET.Data;
using Faultrec.Traces;
using Xunit;

namespace Faultrec.Analyzer.Tests;

public sealed class DuckDbOracleTests() : DuckDbOracle(isSample: false);

/// <summary>A sampled trace must give what a trace would that had every row as often as its weight says.</summary>
public sealed class SampledDuckDbOracleTests() : DuckDbOracle(isSample: true);

/// <summary>Every table once more in SQL, by an engine that reads the same file with its own Parquet reader.</summary>
public abstract class DuckDbOracle : IDisposable
{
    private const string Latency = """
        count(duration_ns), coalesce(min(duration_ns), -1), coalesce(quantile_disc(duration_ns, 0.5), -1), coalesce(quantile_disc(duration_ns, 0.9), -1),
        coalesce(quantile_disc(duration_ns, 0.99), -1), coalesce(max(duration_ns), -1), coalesce(sum(duration_ns), -1)
        """;

    private const string Counts = """
        count(*) FILTER (severity = 'minor'), count(*) FILTER (severity = 'major'), count(*) FILTER (severity = 'failed')
        """;

    private readonly TemporaryTrace _file;
    private readonly DuckDBConnection _duckdb = new("DataSource=:memory:");
    private readonly FaultReport _report;

    protected DuckDbOracle(bool isSample)
    {
        var metadata = RandomTrace.Metadata(isSample);
        _file = new TemporaryTrace(metadata, RandomTrace.Faults(metadata, 20_000, seed: 11), 3_000);
        using var reader = TraceReader.Open(_file.Path);
        _report = ReportBuilder.Build(reader, FaultFilter.None);
        _duckdb.Open();
        Execute("CREATE TABLE regions (id INT, path TEXT, range_start BIGINT, range_end BIGINT)");
        foreach (var region in metadata.Regions)
            Execute(string.Create(CultureInfo.InvariantCulture, $"INSERT INTO regions VALUES ({region.Id}, {(region.Path is null ? "NULL" : $"'{region.Path}'")}, {region.Start}, {region.End})"));
        Execute($"""
            CREATE VIEW faults AS SELECT *, address // 4096 AS page,
                CASE WHEN signal IS NOT NULL OR coalesce(fault_result, 0) & 3 <> 0 THEN 'failed' WHEN major THEN 'major' ELSE 'minor' END AS severity
            FROM '{_file.Path}' {(isSample ? ", unnest(range(weight))" : "")}
            """);
    }

    public void Dispose()
    {
        _duckdb.Dispose();
        _file.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public void Weights() => Same($"SELECT sum(weight), count(*) FROM '{_file.Path}'", [[_report.Totals.Counts.Faults, _report.Sample?.Rows ?? _report.Totals.Counts.Faults]]);

    [Fact]
    public void Totals() => Same(
        $"SELECT {Counts}, count(DISTINCT (pid, page)), {Latency} FROM faults",
        [Row(_report.Totals.Counts, [_report.Totals.DistinctPages], _report.Totals.Latency)]);

    [Fact]
    public void Severities() => Same(
        $"SELECT severity, {Counts}, {Latency} FROM faults GROUP BY severity",
        _report.Severities.Select(row => Row(row.Counts, [], row.Latency).Prepend(row.Severity.Name()).ToArray()));

    [Fact]
    public void Regions() => Same(
        $"SELECT region_id, {Counts}, count(DISTINCT (CASE WHEN region_id = 0 THEN pid ELSE 0 END, page)), {Latency} FROM faults GROUP BY region_id",
        _report.Regions.Select(row => Row(row.Counts, [row.DistinctPages], row.Latency).Prepend(row.Id).ToArray()));

    [Fact]
    public void Heat() => Same(
        "SELECT region_id, (address - range_start) * 64 // (range_end - range_start) AS bucket, count(*) FROM faults JOIN regions ON id = region_id GROUP BY ALL",
        _report.Regions.SelectMany(row => row.Heat.Select((faults, bucket) => new object[] { row.Id, bucket, faults })).Where(row => (long)row[2] != 0));

    [Fact]
    public void Files() => Same(
        $"SELECT path, count(DISTINCT region_id), count(DISTINCT pid), {Counts}, {Latency} FROM faults JOIN regions ON id = region_id WHERE path IS NOT NULL GROUP BY path",
        _report.Files.Select(row => Row(row.Counts, [], row.Latency).Prepend(row.Processes).Prepend(row.Regions).Prepend(row.Path).ToArray()));

    [Fact]
    public void Processes() => Same(
        $"SELECT pid, count(DISTINCT tid), {Counts}, sum(duration_ns) FROM faults GROUP BY pid",
        _report.Processes.Select(row => new object[] { row.Pid, row.Threads, row.Counts.Minor, row.Counts.Major, row.Counts.Failed, row.Counts.DurationNs }));

    [Fact]
    public void Threads() => Same(
        $"SELECT pid, tid, {Counts}, sum(duration_ns) FROM faults GROUP BY pid, tid",
        _report.Threads.Select(row => new object[] { row.Pid, row.Tid, row.Counts.Minor, row.Counts.Major, row.Counts.Failed, row.Counts.DurationNs }));

    [Fact]
    public void Comms() => Same(
        $"SELECT comm, count(DISTINCT (pid, tid)), {Counts}, sum(duration_ns) FROM faults GROUP BY comm",
        _report.Comms.Select(row => new object[] { row.Comm, row.Threads, row.Counts.Minor, row.Counts.Major, row.Counts.Failed, row.Counts.DurationNs }));

    private static object[] Row(FaultCounts counts, object[] more, LatencySummary latency) =>
    [
        counts.Minor, counts.Major, counts.Failed, .. more,
        latency.Count, latency.MinNs ?? -1, new Approximate(latency.P50Ns ?? -1), new Approximate(latency.P90Ns ?? -1), new Approximate(latency.P99Ns ?? -1),
        latency.MaxNs ?? -1, latency.SumNs ?? -1,
    ];

    private void Same(string sql, IEnumerable<object[]> rows)
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

    private void Execute(string sql)
    {
        using var command = _duckdb.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    /// <summary>Within the histogram's error.</summary>
    private sealed record Approximate(long Value);
}
