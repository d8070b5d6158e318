using System.Text;
using System.Text.Json;
using Faultrec.Analyzer.Render;
using Faultrec.Analyzer.Tables;
using Xunit;

namespace Faultrec.Analyzer.Tests;

public class FormatTests
{
    private static readonly Fault[] Faults = [new(0x10000), new(0x10000, DurationNs: 3000), new(0x20000, 2, 9000, Major: true)];

    [Fact]
    public void CsvHasPlainNumbersAndEmptyFieldsForNull()
    {
        var report = Story.Report(Story.Metadata(Story.TwoRegions), [.. Faults, new(0x8, 0, DurationNs: null, Signal: 11)]);

        Assert.Equal(
            """
            id,name,kind,pid,start,end,bytes,pages,faults,minor,major,failed,distinct_pages,density,coverage,refaults,faults_per_mib,major_ratio,latency_p50_ns,latency_p90_ns,latency_p99_ns,latency_max_ns,latency_sum_ns,heat
            1,[anon],anon,10,0x10000,0x14000,16384,4,2,2,0,0,1,0.5,0.25,1,128,0,1000,3000,3000,3000,4000,2 0…
            0,[no mapping],none,,,,,,1,0,0,1,1,,,0,,0,,,,,,0 0…
            2,/lib/a.so,file,10,0x20000,0x22000,8192,2,1,0,1,0,1,0.5,0.5,0,128,1,9000,9000,9000,9000,9000,1 0…
            """.ReplaceLineEndings("\r\n") + "\r\n",
            Csv(report, "region").Replace(string.Concat(Enumerable.Repeat(" 0", 63)), " 0…", StringComparison.Ordinal));
    }

    [Fact]
    public void CsvOfSeveralTracesNamesThemInItsFirstColumn()
    {
        var table = CommTable.Definition.Build(Story.Report(Story.Metadata(Story.TwoRegions), Faults), 0);
        var writer = new StringWriter();
        CsvReport.Write(writer, table, "a.parquet", withHeader: true);
        CsvReport.Write(writer, table, "b.parquet", withHeader: false);

        Assert.Equal(
            """
            trace,comm,threads,faults,minor,major,failed,latency_sum_ns
            a.parquet,app,1,3,2,1,0,13000
            b.parquet,app,1,3,2,1,0,13000

            """.ReplaceLineEndings("\r\n"),
            writer.ToString());
    }

    [Fact]
    public void MarkdownIsHeadingsAndTables()
    {
        var writer = new StringWriter();
        MarkdownReport.Write(writer, Story.Report(Story.Metadata(Story.TwoRegions), Faults), RegionTable.Definition, 1);

        Assert.Equal(
            """
            # Page faults of app --work

            67 % of the faults (2) are in \[anon\] 0x10000-0x14000 (16.0 KiB) of app (pid 10), on one page, so 1 is a repeat. 1 was major and took 9.00 µs, 69 % of the time; it was in /lib/a.so. In all 13.0 µs went into the fault handler, 3.00 µs at the median.

            - trace.parquet, recorded 2026-01-02 03:04:05 UTC on box, Linux 6.18.0 x86\_64, backend tracepoint, for 1.50 s
            - complete: 3 faults captured, 0 lost; the program exited with status 0
            - 3 faults: 2 minor, 1 major, 0 failed; 2 distinct pages
            - 13.0 µs in faults in 1.50 s: at an average moment &lt;0.01 threads were in the fault handler; &lt;0.1 % of the life of 1 thread

            ## Regions

            | id | region | pid | start | end | size | pages | faults | minor | major | failed | distinct | density | cover | refaults | per MiB | major share | p50 | p90 | p99 | max | time | heat |
            | ---: | --- | ---: | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |
            | 1 | \[anon\] | 10 | 0x10000 | 0x14000 | 16.0 KiB | 4 | 2 | 2 | 0 | 0 | 1 | 0.50 | 25 % | 1 | 128.00 | 0 % | 1.00 µs | 3.00 µs | 3.00 µs | 3.00 µs | 4.00 µs | █                                                                |

            … 1 more region; `--top 0` shows all

            """,
            writer.ToString());
    }

    [Fact]
    public void JsonHasExactlyTheKeysOfTheContractAndThoseDocumentedBesides()
    {
        using var json = JsonDocument.Parse(Json(Story.Report(Story.Metadata(Story.TwoRegions), Faults)));
        var root = json.RootElement;

        AssertKeys(
            "trace capture filter finding sampling totals kinds kinds_note severities regions processes threads files comms comm_kinds handlers page_table "
            + "tlb_flushes physical fault_time slow_ns causes causes_note worst_faults lock_waits slab stacks stack_recording faults_without_stack functions "
            + "lines callers touchers stack_frames resident growth releases churn phases phases_note timeline heat_maps hot_ranges locality storm_window_ns "
            + "storms", root);
        AssertKeys("path schema command target host kernel arch page_size backend started_at duration_ns", root.GetProperty("trace"));
        AssertKeys(
            "events failed lost missed sampled_out sampled_out_major excluded lost_sideband counts_lost without_entry without_outcome unfollowed "
            + "without_region regions_folded regions_omitted perf_minor perf_major kernel_minor kernel_major kernel_exec in_calls in_calls_major unseen "
            + "spool_bytes_dropped marks_dropped marks_moved complete words limits memory",
            root.GetProperty("capture"));
        AssertKeys("faults minor major failed distinct_pages latency_ns gup recorded estimated counts_exact", root.GetProperty("totals"));
        AssertKeys("count min p50 p90 p99 max sum", root.GetProperty("totals").GetProperty("latency_ns"));
        AssertKeys("kind faults minor major failed latency_ns share by_kernel traceevent family", root.GetProperty("kinds")[0]);
        AssertKeys("severity faults share minor major failed latency_ns", root.GetProperty("severities")[0]);
        AssertKeys(
            "id name kind pid start end bytes pages faults minor major failed distinct_pages density coverage refaults "
            + "faults_per_mib major_ratio latency_ns heat",
            root.GetProperty("regions")[0]);
        AssertKeys("pid comm threads faults minor major failed fault_time_ns", root.GetProperty("processes")[0]);
        AssertKeys("pid tid comm faults minor major failed fault_time_ns", root.GetProperty("threads")[0]);
        AssertKeys("path regions processes faults minor major failed latency_ns", root.GetProperty("files")[0]);
        AssertKeys("comm threads faults minor major failed fault_time_ns", root.GetProperty("comms")[0]);
    }

    [Fact]
    public void TheDocumentListsEveryTableWithItsQuestion()
    {
        var document = Document("report.md").Split('\n');

        Assert.Equal(
            ReportTables.All.Select(table => $"| `{table.Name}` | {table.Question} |"),
            document.SkipWhile(line => line != "| `--by` | answers |").Skip(2).TakeWhile(line => line.StartsWith('|')));
    }

    [Fact]
    public void JsonHasTheNumbers()
    {
        using var json = JsonDocument.Parse(Json(Story.Report(Story.Metadata(Story.TwoRegions), Faults)));
        var region = json.RootElement.GetProperty("regions")[0];

        Assert.Equal(
            ("0x10000", "0x14000", 4, 2, 1, 0.5, 0.25, 1),
            (region.GetProperty("start").GetString(), region.GetProperty("end").GetString(), region.GetProperty("pages").GetInt32(),
                region.GetProperty("faults").GetInt32(), region.GetProperty("distinct_pages").GetInt32(), region.GetProperty("density").GetDouble(),
                region.GetProperty("coverage").GetDouble(), region.GetProperty("refaults").GetInt32()));
        Assert.Equal(64, region.GetProperty("heat").GetArrayLength());
        Assert.Equal(1.0, json.RootElement.GetProperty("regions")[1].GetProperty("major_ratio").GetDouble());
        Assert.Equal("2026-01-02T03:04:05Z", json.RootElement.GetProperty("trace").GetProperty("started_at").GetString());
        Assert.Equal(JsonValueKind.Null, json.RootElement.GetProperty("capture").GetProperty("kernel_minor").ValueKind);
    }

    /// <summary>A page of docs/.</summary>
    internal static string Document(string name) => System.IO.File.ReadAllText(DocumentPath(name));

    internal static string DocumentPath(string name)
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!System.IO.File.Exists(Path.Combine(folder.FullName, "Toolkit.sln")))
            folder = folder.Parent!;
        return Path.Combine(folder.FullName, "docs", name);
    }

    internal static string Csv(FaultReport report, string table)
    {
        var writer = new StringWriter();
        CsvReport.Write(writer, ReportTables.Find(table)!.Build(report, 0), null, withHeader: true);
        return writer.ToString();
    }

    internal static string Json(FaultReport report)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
            JsonReport.Write(json, report, 0);
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    /// <summary>An object has these members and no others. Their order is nobody's business.</summary>
    internal static void AssertKeys(string expected, JsonElement element)
        => Assert.Equal(expected.Split(' ').Order(StringComparer.Ordinal),
            element.EnumerateObject().Select(property => property.Name).Order(StringComparer.Ordinal));
}
