using System.Globalization;
using DuckDB.NET.Data;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Compare;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Simulate;
using Faultrec.Analyzer.Tables;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Analyzer.Tests;

/// <summary>Medians, ranges and differences of random traces once more in SQL, from the raw columns of six files.</summary>
public sealed class ComparisonOracleTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void EveryFigureIsWhatDuckdbMakesOfTheRows(bool isSample)
    {
        using var files = new Files(isSample);
        var sides = files.Traces.ConvertAll(Measure);
        var comparison = TraceComparison.Of(sides[..3], sides[3..], FaultFilter.None);
        using var duckdb = Load(files, isSample);

        // Of a sample the receipt's exact counts replace sums of weights, where it has them; here it has none.
        foreach (var subject in (Subject[])[Subject.Total, Subject.Region, Subject.Process, Subject.File])
        {
            var expected = Query(duckdb, Spreads(subject));
            var actual = comparison.Rows(subject).Select(Cells).Order(StringComparer.Ordinal).ToList();
            Assert.NotEmpty(expected);
            Assert.Equal(expected, actual);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void SideBySideEachTraceHasWhatDuckdbMakesOfItsRows(bool isSample)
    {
        using var files = new Files(isSample);
        var traces = new SideBySide(files.Traces.ConvertAll(Measure), FaultFilter.None);
        using var duckdb = Load(files, isSample);

        foreach (var subject in (Subject[])[Subject.Total, Subject.Region, Subject.Process, Subject.File, Subject.Severity, Subject.Comm])
        {
            var expected = Query(duckdb, Columns(subject));
            var actual = traces.Rows(subject)
                .Select(row => $"{row.Item.Name}|{row.Item.Process}|{row.Item.Order}|{row.Metric.Name()}|{string.Join(' ', row.Values)}")
                .Order(StringComparer.Ordinal).ToList();
            Assert.NotEmpty(expected);
            Assert.Equal(expected, actual);
        }
    }

    /// <summary>Six random traces of one program.</summary>
    private sealed class Files : IDisposable
    {
        public Files(bool isSample)
        {
            Metadata = RandomTrace.Metadata(isSample) with
            {
                Processes = [.. Enumerable.Range(0, 4).Select(i => new ProcessEntry { Pid = 100 + i, Comm = i < 2 ? "worker" : $"app{i}" })],
            };
            Traces = [.. Enumerable.Range(0, 6).Select(i => new TemporaryTrace(Metadata, RandomTrace.Faults(Metadata, 1000 + (i * 700), seed: 40 + i), 900))];
        }

        public TraceMetadata Metadata { get; }

        public List<TemporaryTrace> Traces { get; }

        public void Dispose() => Traces.ForEach(trace => trace.Dispose());
    }

    private static TraceMeasures Measure(TemporaryTrace file)
    {
        using var reader = TraceReader.Open(file.Path);
        return TraceMeasures.Of(ReportBuilder.Build(reader, FaultFilter.None, ReportTables.All));
    }

    private static string Cells(ComparedRow row) => string.Join(
        '|',
        row.Item.Name, row.Item.Process ?? "", row.Item.Order, row.Metric.Name(),
        row.Before!.Median, row.Before.Min, row.Before.Max, row.After!.Median, row.After.Min, row.After.Max,
        row.Difference, row.Verdict.Name());

    private static DuckDBConnection Load(Files files, bool isSample)
    {
        var metadata = files.Metadata;
        var duckdb = new DuckDBConnection("DataSource=:memory:");
        duckdb.Open();
        Execute(duckdb, "CREATE TABLE ledger (id INT, pid INT, name TEXT, path TEXT)");
        foreach (var region in metadata.Regions)
        {
            var path = region.Path is null ? "NULL" : $"'{region.Path}'";
            Execute(duckdb, string.Create(CultureInfo.InvariantCulture, $"INSERT INTO ledger VALUES ({region.Id}, {region.Pid}, '{region.Name}', {path})"));
        }

        Execute(duckdb,
            "CREATE VIEW comms AS SELECT pid, CASE WHEN pid < 102 THEN 'worker' ELSE 'app' || (pid - 100) END AS comm FROM (SELECT DISTINCT pid FROM ledger)");
        // Regions have no time of birth here: in the order of processes, then of ids; only those that faulted count.
        var parts = files.Traces.Select((file, i) => string.Create(
            CultureInfo.InvariantCulture,
            $"SELECT {i} AS trace, pid, address // 4096 AS page, region_id, coalesce(duration_ns, 0) AS ns, "
            + $"CASE WHEN signal IS NOT NULL OR coalesce(fault_result, 0) & 3 <> 0 THEN 'failed' WHEN major THEN 'major' ELSE 'minor' END AS severity, "
            + $"severity = 'major' AS major, comm AS thread, weight FROM '{file.Path}'"));
        Execute(duckdb, $"CREATE TABLE rows AS {string.Join(" UNION ALL ", parts)}");
        Execute(duckdb, $"CREATE TABLE faults AS SELECT * FROM rows {(isSample ? ", unnest(range(weight))" : "")}");
        Execute(duckdb, """
            CREATE VIEW regions AS SELECT trace, region_id, name, comm, row_number() OVER (PARTITION BY trace, comm, name ORDER BY pid, region_id) AS place
            FROM (SELECT DISTINCT trace, region_id FROM faults) JOIN ledger ON id = region_id JOIN comms USING (pid)
            """);
        return duckdb;
    }

    // A row a trace and item.
    private static string Items(Subject subject)
    {
        const string figures = "count(*)::BIGINT AS faults, (count(*) FILTER (major))::BIGINT AS major, sum(ns)::BIGINT AS ns";
        return subject switch
        {
            Subject.Total
                => $"SELECT trace, 'all' AS name, '' AS process, 0 AS place, {figures}, count(DISTINCT (pid, page)) AS pages FROM faults GROUP BY ALL",
            Subject.Process => $"SELECT trace, comm AS name, '' AS process, 0 AS place, {figures}, count(DISTINCT (pid, page)) AS pages FROM faults "
                + "JOIN comms USING (pid) GROUP BY ALL",
            Subject.Severity => $"SELECT trace, severity AS name, '' AS process, 0 AS place, {figures}, 0 AS pages FROM faults GROUP BY ALL",
            Subject.Comm => $"SELECT trace, thread AS name, '' AS process, 0 AS place, {figures}, 0 AS pages FROM faults GROUP BY ALL",
            // A page of a file that two mappings had counts in each.
            Subject.File => $"SELECT trace, path AS name, '' AS process, 0 AS place, {figures}, count(DISTINCT (region_id, page)) AS pages FROM faults "
                + "JOIN ledger ON id = region_id WHERE path IS NOT NULL GROUP BY ALL",
            _ => $"""
                SELECT trace, name, comm AS process, place, {figures}, count(DISTINCT page) AS pages FROM faults JOIN regions USING (trace, region_id) GROUP BY ALL
                UNION ALL SELECT trace, '[no mapping]', '', 1, {figures}, count(DISTINCT (pid, page)) FROM faults WHERE region_id = 0 GROUP BY trace
                """,
        };
    }

    // A row a trace, item and figure.
    private static string Long(Subject subject) => $"""
        WITH items AS ({Items(subject)}),
            keys AS (SELECT DISTINCT name, process, place FROM items),
            filled AS (
                SELECT trace, name, process, place, coalesce(faults, 0) AS faults, coalesce(major, 0) AS major, coalesce(ns, 0) AS time_ns, coalesce(pages, 0) AS distinct_pages
                FROM keys CROSS JOIN range(6) AS traces(trace) LEFT JOIN items USING (trace, name, process, place)),
            long AS (UNPIVOT filled ON faults, major, time_ns, distinct_pages INTO NAME metric VALUE value)
        """;

    private static string Columns(Subject subject) => $"""
        {Long(subject)}
        SELECT concat_ws('|', name, process, place, metric, string_agg(value, ' ' ORDER BY trace)) FROM long
        GROUP BY name, process, place, metric HAVING metric = 'faults' OR max(value) > 0
        """;

    private static string Spreads(Subject subject) => $"""
        {Long(subject)},
            spreads AS (
                SELECT name, process, place, metric,
                    quantile_disc(value, 0.5) FILTER (trace < 3) AS bm, min(value) FILTER (trace < 3) AS b0, max(value) FILTER (trace < 3) AS b1,
                    quantile_disc(value, 0.5) FILTER (trace >= 3) AS am, min(value) FILTER (trace >= 3) AS a0, max(value) FILTER (trace >= 3) AS a1
                FROM long GROUP BY ALL)
        SELECT concat_ws('|', name, process, place, metric, bm, b0, b1, am, a0, a1, am - bm,
            CASE WHEN b0 = a1 AND b1 = a0 THEN 'same' WHEN b0 <= a1 AND a0 <= b1 THEN 'within noise' ELSE 'differs' END) FROM spreads
        """;

    private static List<string> Query(DuckDBConnection duckdb, string sql)
    {
        using var command = duckdb.CreateCommand();
        command.CommandText = sql;
        using var reader = command.ExecuteReader();
        var rows = new List<string>();
        while (reader.Read())
            rows.Add(reader.GetString(0));
        rows.Sort(StringComparer.Ordinal);
        return rows;
    }

    private static void Execute(DuckDBConnection duckdb, string sql)
    {
        using var command = duckdb.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
