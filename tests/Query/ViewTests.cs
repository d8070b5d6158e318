using Faultrec.Analyzer.Dump;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;

namespace Faultrec.Query.Tests;

public sealed class ViewTests
{
    [Fact]
    public void TheSchemaIsWhatTheDatabaseHas()
    {
        using var file = new TemporaryTrace(Story.Metadata(Story.TwoRegions), [new Fault(0x10000)], 1);

        foreach (var view in TraceQuery.Schema.GroupBy(column => column.View))
        {
            Assert.Equal(
                view.Select(column => (column.Name, column.Type)),
                Asked.Rows($"SELECT column_name, column_type FROM (DESCRIBE {view.Key})", file.Path).Select(row => (row[0]!, row[1]!)));
        }

        Assert.Equal(
            TraceQuery.Schema.Select(column => column.View).Distinct().Order(StringComparer.Ordinal),
            Asked.Rows("SELECT name FROM (SHOW TABLES)", file.Path).Select(row => row[0]!).Order(StringComparer.Ordinal));
    }

    /// <summary>The views, `dump` and data frames go by one list; this holds what each of them adds.</summary>
    [Fact]
    public void AFaultHasTheSameColumnsEverywhere()
    {
        var ofFile = TraceSchema.Columns.Select(column => column.Name).ToList();

        Assert.Equal([.. ofFile, "severity", "kind"], TraceQuery.Schema.Where(column => column.View == "faults").Skip(3).Select(column => column.Name));
        Assert.Equal([.. ofFile, "kind"], DumpHeader());
        Assert.All(TraceSchema.Columns, column => Assert.InRange(column.Meaning.Length, 2, 100));

        static string[] DumpHeader()
        {
            using var file = new TemporaryTrace(Story.Metadata(Story.TwoRegions), [new Fault(0x10000)], 1);
            using var reader = TraceReader.Open(file.Path);
            using var output = new MemoryStream();
            TraceDump.Write(reader, FaultFilter.None, false, output);
            return System.Text.Encoding.UTF8.GetString(output.ToArray()).Split("\r\n")[0].Split(',');
        }
    }

    [Fact]
    public void MetadataAsItIs()
    {
        var metadata = Story.Metadata(Story.TwoRegions) with
        {
            Regions =
            [
                .. Story.TwoRegions,
                new Region
                {
                    Id = 3,
                    Pid = 11,
                    Start = 0xffff_ffff_ff60_0000,
                    End = 0xffff_ffff_ff60_1000,
                    Prot = "r-xp",
                    Name = "[vsyscall]",
                    BornNs = 7,
                    Inode = ulong.MaxValue,
                },
            ],
            Receipt = new Receipt { Events = 2, Lost = 3, KernelMinor = 5 },
        };
        using var file = new TemporaryTrace(metadata, [new Fault(0x10000), new Fault(0x20000, Region: 2)], 1);

        Assert.Equal(
            """
            1 10 [anon] anon NULL rw-p 65536 4 0 NULL
            2 10 /lib/a.so file /lib/a.so r--p 131072 2 0 NULL
            3 11 [vsyscall] special NULL r-xp -10485760 1 18446744073709551615 7
            """,
            Asked.Text("SELECT region_id, pid, name, kind, path, prot, start_address, pages, inode, born_ns FROM regions ORDER BY region_id", file.Path));
        Assert.Equal("10 NULL app", Asked.Text("SELECT pid, parent_pid, comm FROM processes", file.Path));
        Assert.Equal("10 10 app", Asked.Text("SELECT pid, tid, comm FROM threads", file.Path));
        Assert.Equal(
            "app --work tracepoint 2026-01-02 03:04:05 1500000000 2 3 5 NULL false",
            Asked.Text("SELECT command, backend, started_at, duration_ns, rows, lost, kernel_minor, kernel_major, complete FROM traces", file.Path));
        Assert.StartsWith("INCOMPLETE: 2 faults captured, 3 lost", Asked.Text("SELECT receipt FROM traces", file.Path));
    }

    [Fact]
    public void StacksAreFoldedFromTheOutermostFrame()
    {
        var table = new StackTable(
            [],
            [new StackFrame { Kind = "user", Function = "main" }, new StackFrame { Kind = "user", Function = "fi;ll\n" }],
            [-1, 0],
            [0, 1]);
        using var with = new TemporaryTrace(Story.Metadata(Story.TwoRegions) with { Stacks = table }, [new Fault(0x10000) { Stack = 1 }, new Fault(0x11000)],
            2);
        using var without = new TemporaryTrace(Story.Metadata(Story.TwoRegions), [new Fault(0x10000)], 1);

        Assert.Equal("0 main\n1 main;fi:ll\\x0a", Asked.Text("SELECT stack_id, s.stack FROM stacks s ORDER BY stack_id", without.Path, with.Path));
        Assert.Equal(
            "2 NULL\n1 main;fi:ll\\x0a",
            Asked.Text("SELECT count(*), s.stack FROM faults LEFT JOIN stacks s USING (trace, stack_id) GROUP BY s.stack ORDER BY 1 DESC", without.Path,
                with.Path));
        Assert.Equal("0", Asked.Text("SELECT count(*) FROM stacks", without.Path));
    }

    [Fact]
    public void RowsKeepTheirOrderAndTheSqlsOwn()
    {
        var metadata = RandomTrace.Metadata();
        using var file = new TemporaryTrace(metadata, RandomTrace.Faults(metadata, 20_000, 1), 3_000);

        var times = Asked.Rows("SELECT time_ns FROM faults", file.Path).ConvertAll(row => long.Parse(row[0]!));
        var addresses = Asked.Rows("SELECT address FROM faults ORDER BY address DESC", file.Path).ConvertAll(row => long.Parse(row[0]!));

        Assert.Equal(20_000, times.Count);
        Assert.Equal(times.Order(), times);
        Assert.Equal(addresses.OrderDescending(), addresses);
    }

    [Fact]
    public void AnOlderFileBesideANewer()
    {
        var old = Path.Combine(Root(), "tests/Trace/first-columns.parquet");
        using var file = new TemporaryTrace(Story.Metadata(Story.TwoRegions), [new Fault(0x10000) { Weight = 4, Gup = true }], 1);
        using var reader = TraceReader.Open(old);

        var alone = Asked.Text("SELECT DISTINCT gup, weight, grew, handler, stack_id FROM faults", old);
        var both = Asked.Text("SELECT DISTINCT gup, weight, grew, handler FROM faults ORDER BY weight", file.Path, old);

        Assert.Equal("false 1 false NULL NULL", alone);
        Assert.Equal("false 1 false NULL\ntrue 4 false NULL", both);
        Assert.Equal(reader.RowCount.ToString(), Asked.Text("SELECT count(*) FROM faults", old));
    }

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "Toolkit.sln")))
            folder = folder.Parent;
        return folder.FullName;
    }
}
