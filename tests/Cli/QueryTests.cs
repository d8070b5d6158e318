using System.Text.Json;

namespace Faultrec.Cli.Tests;

/// <summary>`faultrec query`: the words, the formats, and what SQL cannot reach.</summary>
public sealed class QueryTests : CliTest
{
    private const string Count = "SELECT region, count(*) AS n, max(duration_ns) / 4 AS quarter, major FROM faults GROUP BY ALL ORDER BY region";

    [Theory]
    [InlineData("text", "region            n quarter major\n/usr/bin/toucher 50  149.75 false\n[heap]           50   149.5 false\n")]
    [InlineData("csv", "region,n,quarter,major\n/usr/bin/toucher,50,149.75,false\n[heap],50,149.5,false\n")]
    [InlineData("markdown",
        "| region | n | quarter | major |\n| --- | ---: | ---: | --- |\n| /usr/bin/toucher | 50 | 149.75 | false |\n| \\[heap\\] | 50 | 149.5 | false |\n")]
    [InlineData("json",
        "[\n{\"region\":\"/usr/bin/toucher\",\"n\":50,\"quarter\":149.75,\"major\":false},\n"
        + "{\"region\":\"[heap]\",\"n\":50,\"quarter\":149.5,\"major\":false}\n]\n")]
    public void Formats(string format, string expected)
    {
        SmallTrace.Write(Folder["trace"]);

        Assert.Equal(new Finished(0, expected, ""), Faultrec("query", "trace", Count, "--format", format));
    }

    [Fact]
    public void ValuesOfEveryShape()
    {
        SmallTrace.Write(Folder["trace"]);

        var json = Faultrec("query", "trace",
            "SELECT NULL AS a, 1.50 AS b, 'inf'::DOUBLE AS c, [1, 2] AS d, 2::HUGEINT ** 70 AS e, '-x' AS f, true AS g, DATE '2026-01-02' AS h, 1 AS a",
            "--format", "json").Output;
        var csv = Faultrec("query", "trace", "SELECT NULL AS a, -1 AS b, '=1+1' AS c, 'a,b' AS d", "--format", "csv").Output;

        Assert.Equal(
            "[\n{\"a\":null,\"b\":1.50,\"c\":\"inf\",\"d\":\"[1, 2]\",\"e\":1.1805916207174113e+21,\"f\":\"-x\","
            + "\"g\":true,\"h\":\"2026-01-02\",\"a_1\":1}\n]\n",
            json);
        Assert.Equal("a,b,c,d\n,-1,'=1+1,\"a,b\"\n", csv);
        Assert.Equal("[]\n", Faultrec("query", "trace", "SELECT 1 WHERE false", "--format", "json").Output);
    }

    [Fact]
    public void RecordedTracesCountAsReportAndDumpDo()
    {
        foreach (var path in Directory.GetFiles(Checkout.RecordedTraces, "*.parquet").Order(StringComparer.Ordinal)
            .Take(Effort.Of(full: int.MaxValue, brief: 3)))
        {
            using var report = JsonDocument.Parse(Faultrec("report", path, "--format", "json").Output);
            using var query = JsonDocument.Parse(Faultrec("query", path,
                "SELECT kind, sum(weight) AS faults, sum(weight) FILTER (major) AS major FROM faults GROUP BY kind ORDER BY faults DESC, kind",
                "--format", "json").Output);
            var dumped = Lines(Faultrec("dump", path)).Skip(1).Select(line => line[(line.LastIndexOf(',') + 1)..]);
            var queried = Lines(Faultrec("query", path, "SELECT kind FROM faults", "--format", "csv")).Skip(1);

            Assert.Equal(
                report.RootElement.GetProperty("kinds").EnumerateArray()
                    .Select(kind => (kind.GetProperty("kind").GetString(), kind.GetProperty("faults").GetInt64())).Order(),
                query.RootElement.EnumerateArray().Select(kind => (kind.GetProperty("kind").GetString(), kind.GetProperty("faults").GetInt64())).Order());
            Assert.Equal(dumped, queried);
        }

        static string[] Lines(Finished result) => result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    [Fact]
    public void TheSchemaHasEveryColumnOfTheFile()
    {
        var header = Faultrec("dump", SmallTrace.Write(Folder["trace"])).Output.Split('\n')[0];

        var schema = Faultrec("query", "--schema", "--format", "csv");

        Assert.Equal((0, ""), (schema.Status, schema.Error));
        var columns = schema.Output.Split('\n').Where(line => line.StartsWith("faults,", StringComparison.Ordinal)).Select(line => line.Split(',')[1]);
        Assert.Equal(header.Split(','), columns.Except(["trace", "host", "date", "severity"]));
        Assert.Contains("regions", Faultrec("query", "--schema").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void FoldersPatternsAndSeveralTraces()
    {
        foreach (var folder in (string[])["fleet/host=a/date=2026-01-02", "fleet/host=b/date=2026-01-02"])
        {
            Directory.CreateDirectory(Folder[folder]);
            SmallTrace.Write(Folder[folder + "/t.parquet"]);
        }

        const string hosts = "SELECT host, date, count(*) FROM faults GROUP BY ALL ORDER BY ALL";
        const string both = "host,date,count_star()\na,2026-01-02,100\nb,2026-01-02,100\n";
        Assert.Equal(both, Faultrec("query", "fleet", hosts, "--format", "csv").Output);
        Assert.Equal(both, Faultrec("query", "fleet/host=*/*/*.parquet", hosts, "--format", "csv").Output);
        Assert.Equal(both, Faultrec("query", "fleet/host=a/date=2026-01-02/t.parquet", "fleet/host=b/", hosts, "--format", "csv").Output);
        Assert.Equal("trace\nfleet/host=a/date=2026-01-02/t.parquet\n",
            Faultrec("query", "fleet", "SELECT DISTINCT trace FROM faults WHERE host = 'a'", "--format", "csv").Output);
        AssertRefused(2, "no file matches", "query", "fleet/host=c/*", hosts);
        AssertRefused(2, "same file", "query", "fleet", "fleet/host=b", hosts);
    }

    [Fact]
    public void TopCutsAndSaysSo()
    {
        SmallTrace.Write(Folder["trace"]);

        Assert.Equal(52, Faultrec("query", "trace", "SELECT time_ns FROM faults").Output.Count(c => c == '\n'));
        Assert.EndsWith("\n… more rows; --top 0 shows all\n", Faultrec("query", "trace", "SELECT time_ns FROM faults", "--top", "99").Output);
        Assert.Equal(101, Faultrec("query", "trace", "SELECT time_ns FROM faults", "--top", "0").Output.Count(c => c == '\n'));
        Assert.Equal(101, Faultrec("query", "trace", "SELECT time_ns FROM faults", "--format", "csv").Output.Count(c => c == '\n'));
        Assert.Equal(3, Faultrec("query", "trace", "SELECT time_ns FROM faults", "--format", "csv", "--top", "2").Output.Count(c => c == '\n'));
    }

    [Fact]
    public void WhatIsNoQuestion()
    {
        SmallTrace.Write(Folder["trace"]);

        AssertRefused(2, "syntax error at or near \"SELEC\"", "query", "trace", "SELEC 1");
        AssertRefused(2, "\"durration\" not found", "query", "trace", "SELECT durration FROM faults");
        AssertRefused(2, "not a single statement that reads", "query", "trace", "");
        AssertRefused(2, "not a single statement that reads", "query", "trace", "SELECT 1; SELECT 2");
        AssertRefused(2, "INTERNAL Error", "query", "trace", "SELECT ?");
        AssertRefused(2, "as the last word, SQL", "query");
        AssertRefused(2, "as the last word, SQL", "query", "trace");
        AssertRefused(2, "as the last word, SQL", "query", "trace", "trace");
        AssertRefused(2, "Could not convert", "query", "trace", "SELECT region::INTEGER FROM faults");
        AssertRefused(2, "expected one of text", "query", "trace", "SELECT 1", "--format", "xml");
        AssertRefused(3, "no such file", "query", "missing", "SELECT 1");
    }

    [Fact]
    public void MemoryIsBounded()
    {
        SmallTrace.Write(Folder["trace"], faults: 200_000);

        AssertRefused(4, "more than --memory", "query", "trace", "SELECT count(*) FROM (SELECT DISTINCT f.address + g.time_ns FROM faults f, faults g)",
            "--memory", "64MiB");
        Assert.Equal("count_star()\n      200000\n", Faultrec("query", "trace", "SELECT count(*) FROM faults", "--memory", "64MiB").Output);
    }

    [Fact]
    public void DamageIsFoundBeforeItIsCounted()
    {
        SmallTrace.Write(Folder["trace"]);
        var bytes = File.ReadAllBytes(Folder["trace"]);
        bytes[200] ^= 0x10;
        File.WriteAllBytes(Folder["trace"], bytes);

        AssertRefused(3, "its checksum is wrong", "query", "trace", "SELECT count(*) FROM faults");
        Assert.Equal(0, Faultrec("query", "trace", "SELECT count(*) FROM faults", "--no-verify").Status);
    }

    [Theory]
    [InlineData("SELECT * FROM read_text('secret')")]
    [InlineData("SELECT * FROM read_blob('/etc/passwd')")]
    [InlineData("SELECT * FROM read_csv('secret')")]
    [InlineData("SELECT * FROM read_parquet('other')")]
    [InlineData("SELECT * FROM 'other.parquet'")]
    [InlineData("SELECT * FROM parquet_kv_metadata('other')")]
    [InlineData("SELECT * FROM read_json('secret')")]
    [InlineData("SELECT * FROM sniff_csv('secret')")]
    [InlineData("SELECT * FROM glob('*')")]
    [InlineData("SELECT * FROM read_parquet('https://example.com/x.parquet')")]
    [InlineData("SELECT * FROM read_duckdb('other')")]
    [InlineData("COPY (SELECT 1) TO 'written.csv'")]
    [InlineData("COPY faults TO 'trace'")]
    [InlineData("EXPORT DATABASE 'written'")]
    [InlineData("ATTACH 'written.db'")]
    [InlineData("INSTALL httpfs")]
    [InlineData("LOAD json")]
    [InlineData("SET enable_external_access = true")]
    [InlineData("RESET ALL")]
    [InlineData("PRAGMA enable_profiling")]
    [InlineData("CREATE TABLE t AS SELECT 1")]
    [InlineData("DROP VIEW faults")]
    [InlineData("CALL force_checkpoint()")]
    [InlineData("SELECT 1; COPY (SELECT 1) TO 'written.csv'")]
    [InlineData("SELECT 1'); COPY (SELECT 1) TO 'written.csv'; --")]
    [InlineData("SELECT * FROM query('COPY (SELECT 1) TO ''written.csv''')")]
    public void SqlReachesNothingButTheTraces(string sql)
    {
        var before = Prepare();

        var result = Faultrec("query", "trace", sql);

        Assert.Equal((2, ""), (result.Status, result.Output));
        Assert.DoesNotContain("hidden", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
        Assert.Equal(before, Contents());
    }

    // These are SELECTs that DuckDB lets run; none may leave a file behind.
    [Theory]
    [InlineData("SELECT * FROM enable_profiling(format = 'json', save_location = 'written.json'), faults")]
    [InlineData("SELECT * FROM enable_logging(storage = 'file', storage_path = 'written')")]
    [InlineData("SELECT write_log('x') FROM enable_logging(storage = 'file', storage_path = 'written'), faults")]
    [InlineData("SELECT count(*) FROM force_checkpoint()")]
    public void SqlWritesNothing(string sql)
    {
        var before = Prepare();

        _ = Faultrec("query", "trace", sql);

        Assert.Equal(before, Contents());
    }

    [Fact]
    [Trait("Needs", "native")]
    public void WithoutTheLibraryOnlyQueryIsMissing()
    {
        SmallTrace.Write(Folder["trace"]);
        Directory.CreateDirectory(Folder["bin"]);
        Directory.CreateDirectory(Folder["lib"]);
        File.Copy(Checkout.Faultrec, Folder["bin/faultrec"]);
        // A library in the current folder is nobody's to load.
        File.Copy(Library, Folder["libduckdb.so"]);

        var missing = Bash("bin/faultrec query trace 'SELECT 1'");
        var report = Bash("bin/faultrec report trace --by kind");
        var schema = Bash("bin/faultrec query --schema");
        File.WriteAllText(Folder["bin/libduckdb.so"], "no library");
        var broken = Bash("bin/faultrec query trace 'SELECT 1'");
        File.Delete(Folder["bin/libduckdb.so"]);
        File.Copy(Library, Folder["lib/libduckdb.so"]);
        var inLib = Bash("bin/faultrec query trace 'SELECT 1 AS one'");

        Assert.Equal((4, ""), (missing.Status, missing.Output));
        Assert.Contains("libduckdb.so is neither beside the executable", Assert.Single(missing.ErrorLines), StringComparison.Ordinal);
        Assert.Equal((0, 0), (report.Status, schema.Status));
        Assert.Equal(4, broken.Status);
        Assert.Contains("cannot be loaded", Assert.Single(broken.ErrorLines), StringComparison.Ordinal);
        Assert.Equal(new Finished(0, "one\n  1\n", ""), inLib);
    }

    [Fact]
    public void TheOutputIsAFileButNoTrace()
    {
        SmallTrace.Write(Folder["trace"]);

        Assert.Equal(new Finished(0, "", ""), Faultrec("query", "trace", "SELECT 1 AS one", "--format", "csv", "-o", "out.csv"));
        Assert.Equal("one\r\n1\r\n", File.ReadAllText(Folder["out.csv"]));
        AssertRefused(2, "is a file that is being read", "query", "trace", "SELECT 1", "-o", "trace");
    }

    [Theory]
    [InlineData("text")]
    [InlineData("csv")]
    [InlineData("markdown")]
    [InlineData("json")]
    public void HostileTextIsInert(string format)
    {
        const string name = "=a\e[31mred\a\r\nfake line\t\u202eevil</td><script>|`*_\"";
        SmallTrace.Write(Folder["trace"], faults: 2, comm: name, region: name);

        var result = Faultrec("query", "trace", "SELECT comm, region, comm AS \"=\e[1m\" FROM faults WHERE region_id = 2", "--format", format);

        Assert.Equal((0, ""), (result.Status, result.Error));
        Assert.DoesNotContain(result.Output, c => (char.IsControl(c) && c != '\n') || c == '\u202e');
        Assert.Contains("evil", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("\nfake line", result.Output, StringComparison.Ordinal);
        if (format == "csv")
            Assert.StartsWith("comm,region,'=\\x1b[1m\n\"'=a", result.Output);
        if (format == "markdown")
            Assert.DoesNotContain("<script>", result.Output, StringComparison.Ordinal);
        var error = Faultrec("query", "trace", "SELECT 'x\e[31m' + \"no\e[1m\ncolumn\" FROM faults");
        Assert.Equal(2, error.Status);
        Assert.DoesNotContain(Assert.Single(error.ErrorLines), char.IsControl);
    }

    private static string Library => Path.Combine(Path.GetDirectoryName(Checkout.Faultrec)!, "libduckdb.so");

    private string Prepare()
    {
        SmallTrace.Write(Folder["trace"]);
        SmallTrace.Write(Folder["other"], comm: "hidden");
        File.WriteAllText(Folder["secret"], "hidden,hidden\nhidden,hidden\n");
        return Contents();
    }

    private string Contents()
        => string.Join('\n',
            Folder.Names.Select(name => $"{name} {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(Folder[name])))}"));

    private void AssertRefused(int status, string because, params string[] arguments)
    {
        var result = Faultrec(arguments);

        Assert.Equal((status, ""), (result.Status, result.Output));
        Assert.Contains(because, Assert.Single(result.ErrorLines), StringComparison.Ordinal);
    }
}
