using System.Text.Json;
using System.Text.RegularExpressions;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Info;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Render;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Tables;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Analyzer.Tests;

public class StackStories
{
    private static FaultReport Report(FaultFilter? filter = null) => Story.Report(StackStory.Metadata(), StackStory.Faults, filter);

    [Fact]
    public void StacksAreCountedAndWhatHasNoneToo()
    {
        var report = Report();

        // A row without a stack, and one whose stack the table does not have.
        Assert.Equal(2, report.Stacks!.WithoutStack.Faults);
        Assert.Equal([(2, 3L, 0L, 3.0 / 8), (1, 1, 1, 1.0 / 8), (4, 1, 0, 1.0 / 8), (7, 1, 0, 1.0 / 8)],
            report.StackRows.Select(row => (row.StackId, row.Counts.Faults, row.Counts.Major, row.Share)));
        Assert.Equal((1000L, 3000L, 5000L), (report.StackRows[0].Latency.P50Ns, report.StackRows[0].Latency.MaxNs, report.StackRows[0].Latency.SumNs));
    }

    [Fact]
    public void AFunctionHasWhatItTouchedItselfAndWhatItsCalleesDidAndRecursionCountsOnce()
    {
        var functions = Report().Functions.ToDictionary(row => row.Name, row => (row.Self.Faults, row.Total.Faults, row.Total.Major));

        Assert.Equal((3, 3, 0), functions["memset"]);
        Assert.Equal((1, 4, 1), functions["fill"]);
        Assert.Equal((1, 1, 0), functions["walk"]);
        Assert.Equal((0, 5, 1), functions["main"]);
        Assert.Equal((1, 1, 0), functions["[libstripped.so+0x1234]"]);
        Assert.Equal("memset", Report().Functions[0].Name);
        Assert.DoesNotContain("reserve", functions.Keys);
    }

    [Fact]
    public void LinesTellTwoLinesOfAFunctionApartAndAFunctionDoesNot()
    {
        var table = StackStory.Table with
        {
            Frames = [.. StackStory.Table.Frames, StackStory.Table.Frames[1] with { Line = 13, Address = 13 }],
            Parents = [.. StackStory.Table.Parents, 0],
            NodeFrames = [.. StackStory.Table.NodeFrames, 7],
        };
        var report = Story.Report(StackStory.Metadata() with { Stacks = table }, [new(0x10000) { Stack = 1 }, new(0x11000) { Stack = 8 }]);

        Assert.Equal(["app.c:12 1", "app.c:13 1", "app.c:30 0"], report.Lines.Select(row => $"{Path.GetFileName(row.File)}:{row.Line} {row.Self.Faults}"));
        Assert.Equal(["fill 2", "main 0"], report.Functions.Select(row => $"{row.Name} {row.Self.Faults}"));
    }

    [Fact]
    public void TheTreeOfCallersBeginsAtWhatFaultedAndJoinsWhatHasOneCaller()
    {
        // fill faulted itself and through memset; main reached walk twice over.
        var metadata = StackStory.Metadata();
        var faults = Enumerable.Repeat(new Fault(0x10000) { Stack = 2 }, 60)
            .Concat(Enumerable.Repeat(new Fault(0x10000) { Stack = 4 }, 25))
            .Concat(Enumerable.Repeat(new Fault(0x10000) { Stack = 3 }, 14))
            .Append(new Fault(0x10000) { Stack = 7 })
            .Concat(Enumerable.Repeat(new Fault(0x10000), 100));
        var rows = Story.Report(metadata, [.. faults], groupSize: 50).Callers;

        // The address without a symbol has half a percent: no branch.
        Assert.Equal(
            ["0 memset < fill < main 60", "0 walk 39", "1 walk < main 25", "1 main 14"],
            rows.Select(row => $"{row.Depth} {string.Join(" < ", row.Functions)} {row.Counts.Faults}"));
    }

    [Fact]
    public void ARegionWasTouchedByTheProgramsOwnCodeAndReservedByIt()
    {
        var touchers = Report().Touchers;

        // memset is libc's: fill called it; mmap is libc's: reserve called it.
        Assert.Equal(
            [
                (1, "fill (app.c:12)", "memset", "reserve (app.c:40)", 3L), (1, "walk (app.c:20)", null, "reserve (app.c:40)", 1),
                (2, "[libstripped.so+0x1234]", null, null, 1), (2, "fill (app.c:12)", null, null, 1),
            ],
            touchers.Select(row => (row.RegionId, row.Code, row.Through, row.Mapper, row.Counts.Faults)));
    }

    [Fact]
    public void ForPeopleALineOfCodeIsOneRowOverTheMappingsOfOneKind()
    {
        var arenas = Enumerable.Range(1, 3).Select(id => Story.TwoRegions[0] with { Id = id, Start = (ulong)id << 20, End = ((ulong)id << 20) + 0x4000 });
        var metadata = StackStory.Metadata() with { Regions = [.. arenas, Story.TwoRegions[1] with { Id = 4 }] };
        Fault[] faults =
        [
            .. Enumerable.Range(0, 12).Select(i => new Fault(((ulong)(1 + (i / 4)) << 20) + ((ulong)(i % 4) << 12), 1 + (i / 4)) { Stack = 2 }),
            new(0x20000, 4) { Stack = 2 },
        ];
        var report = Story.Report(metadata, faults);

        var (text, filtered) = (Text(report), Text(Story.Report(metadata, faults, new FaultFilter { Regions = ["anon"] })));
        Assert.Matches(@"- +3 × \[anon\] +12 ", text);
        Assert.Contains("fill (app.c:12), in memset\n", text, StringComparison.Ordinal);
        Assert.Contains("mappings of one kind are one row: --region shows each", text, StringComparison.Ordinal);
        Assert.Equal(3, Regex.Count(filtered, @"\d \[anon\] +4 "));
        Assert.DoesNotContain("--region shows", filtered, StringComparison.Ordinal);
        // Programs get each.
        Assert.Equal(4, ToucherTable.Definition.Build(report, 0).Rows);

        static string Text(FaultReport report)
        {
            var writer = new StringWriter();
            TextReport.Write(writer, report, ToucherTable.Definition, 0, default);
            return writer.ToString();
        }
    }

    [Fact]
    public void AScriptsLineIsNearerToItsAuthorThanTheInterpreterIs()
    {
        StackFrame[] frames =
        [
            new() { Kind = "user", Function = "_PyEval_EvalFrameDefault", Module = 0, Address = 1 },
            new() { Kind = "python", Function = "<module>", File = "/home/a/train.py", Line = 12 },
            new() { Kind = "user", Function = "PyByteArray_Resize", Module = 0, Address = 2 },
            new() { Kind = "user", Function = "memset", Module = 1, Address = 3 },
        ];
        var metadata = StackStory.Metadata() with
        {
            Stacks = new StackTable([new StackModule("/usr/bin/python3.11", null), new StackModule("/lib/ld-musl-x86_64.so.1", null)], frames, [-1, 0, 1, 2],
                [0, 1, 2, 3]),
        };

        var toucher = Assert.Single(Story.Report(metadata, [new(0x20000, 2) { Stack = 3 }]).Touchers);

        Assert.Equal(("<module> (train.py:12)", "memset"), (toucher.Code, toucher.Through));
    }

    [Fact]
    public void WhereAllIsRuntimeTheInnermostFrameStands()
    {
        var metadata = StackStory.Metadata() with
        {
            Stacks = new StackTable(
                [new StackModule("/lib64/ld-linux-x86-64.so.2", null), new StackModule("[kernel]", null)],
                [new() { Kind = "user", Function = "_dl_start", Module = 0 }, new() { Kind = "kernel", Function = "copy_to_user", Module = 1 }],
                [-1, 0],
                [0, 1]),
        };

        Assert.Equal("copy_to_user ([kernel])", Assert.Single(Story.Report(metadata, [new(0x20000, 2) { Stack = 1 }]).Touchers).Code);
    }

    [Fact]
    public void ARowOfASampleCountsAsOftenAsItStandsFor()
    {
        var metadata = StackStory.Metadata() with { Sampling = new Sampling(10, null, false) };
        var report = Story.Report(metadata, [new(0x10000) { Stack = 2, Weight = 10 }, new(0x10000) { Stack = 2, Weight = 30 }, new(0x10000) { Weight = 10 }]);

        Assert.Equal((40, 0.8, 10), (report.StackRows[0].Counts.Faults, report.StackRows[0].Share, report.Stacks!.WithoutStack.Faults));
        Assert.Equal(40, report.Touchers[0].Counts.Faults);
    }

    [Fact]
    public void AFilterHoldsForStacksToo()
    {
        var report = Report(new FaultFilter { Severities = [Severity.Major] });

        Assert.Equal([(1, 1L)], report.StackRows.Select(row => (row.StackId, row.Counts.Faults)));
        Assert.Equal(0, report.Stacks!.WithoutStack.Faults);
    }

    [Fact]
    public void TheFirstSentencesNameTheCodeThatFaultedMost()
    {
        Assert.Contains("so 2 are repeats. 50 % come from fill (app.c:12), in memset. 1 was major", Finding.Describe(Report()), StringComparison.Ordinal);
        Assert.Contains(
            "50 % come from fill (app.c:12), in memset, in memory that reserve (app.c:40) reserved.",
            Finding.Describe(Report(new FaultFilter { Regions = ["anon"] })),
            StringComparison.Ordinal);
    }

    [Fact]
    public void TheFirstScreenNamesTheCode()
    {
        Assert.Contains(
            """
            touched by
              id region    faults major share    time
               1 [anon]         3     0  38 % 5.00 µs
                fill (app.c:12), in memset; reserved by reserve (app.c:40)
               1 [anon]         1     0  13 % 2.00 µs
                walk (app.c:20); reserved by reserve (app.c:40)
               2 /lib/a.so      1     0  13 % 1.00 µs
                [libstripped.so+0x1234]
               2 /lib/a.so      1     1  13 %  250 µs
                fill (app.c:12)
            no stack: 2 faults; stacks of the whole recording: 5 walked to the thread's outermost frame, 2 cut
            short, 1 lost

            """,
            TextReportTests.Text(Report()),
            StringComparison.Ordinal);
    }

    [Fact]
    public void EachPartOfARegionSaysWhoReservedIt()
    {
        // main reserved 10 pages, reserve (through mmap) 90; fill touched them all.
        var faults = Enumerable.Range(0, 100).Select(i => new Fault(0x10000 + ((ulong)i << 12)) { Stack = 1, Mapper = i < 10 ? 0 : 6 }).ToArray();
        var report = Story.Report(StackStory.Metadata() with { Regions = [Story.TwoRegions[0] with { End = 0x80000 }] }, faults);

        Assert.Equal(
            [("fill (app.c:12)", "reserve (app.c:40)", 90), ("fill (app.c:12)", "main (app.c:30)", 10)],
            report.Touchers.Select(row => (row.Code, row.Mapper, row.Counts.Faults)));
        Assert.Contains("100 % come from fill (app.c:12), in memory that reserve (app.c:40) reserved.", Finding.Describe(report), StringComparison.Ordinal);
        using var json = JsonDocument.Parse(FormatTests.Json(report));
        Assert.Equal(
            """[{"code":"reserve (app.c:40)","faults":90,"share":0.9},{"code":"main (app.c:30)","faults":10,"share":0.1}]""",
            JsonSerializer.Serialize(json.RootElement.GetProperty("regions")[0].GetProperty("reserved_by")));
    }

    [Fact]
    public void WhoReservedMemoryIsNotSaidWhereItWasARuntime()
    {
        StackFrame Frame(int module, string function) => new() { Kind = "user", Function = function, Module = module, Address = 1 };
        var table = new StackTable(
            [new StackModule("/bin/app", null), new StackModule("/lib64/ld-linux-x86-64.so.2", null), new StackModule("/usr/bin/python3.11", null)],
            [Frame(0, "main"), Frame(1, "_dl_start"), Frame(1, "mmap"), Frame(2, "new_arena"),
                new StackFrame { Kind = "python", Function = "load", File = "load.py", Line = 3 }],
            [-1, -1, 1, -1, 3],
            [0, 1, 2, 3, 4]);
        var metadata = StackStory.Metadata() with { Stacks = table, Regions = [Story.TwoRegions[0]] };

        Assert.Null(Mapper(2)); // mmap < _dl_start
        Assert.Null(Mapper(3)); // the interpreter without a frame of a script
        Assert.Equal("load (load.py:3)", Mapper(4));

        string? Mapper(int stack) => Assert.Single(Story.Report(metadata, [new(0x10000) { Stack = 0, Mapper = stack }]).Touchers).Mapper;
    }

    [Fact]
    public void ATableOfStacksHasEachStackBelowItsFigures()
    {
        Assert.Contains(
            """
            stacks
              faults major share     p50     p90     p99     max    time
                   3     0  38 % 1.00 µs 3.00 µs 3.00 µs 3.00 µs 5.00 µs
                memset (libc.so.6) < fill (app.c:12) < main (app.c:30)
                   1     1  13 %  250 µs  250 µs  250 µs  250 µs  250 µs
                fill (app.c:12) < main (app.c:30)
              … 2 more rows; --top 0 shows all

            """,
            Text("stack", 2),
            StringComparison.Ordinal);
    }

    [Fact]
    public void ATreeStepsToTheRightWithEachCall()
    {
        var metadata = StackStory.Metadata();
        Fault[] faults = [new(0x10000) { Stack = 3 }, new(0x10000) { Stack = 4 }, new(0x10000) { Stack = 4 }];

        Assert.Contains(
            """
            callers
              faults major share    time
                   3     0 100 % 3.00 µs  walk
                   2     0  67 % 2.00 µs    < walk < main
                   1     0  33 % 1.00 µs    < main
            branches with less than 1.0 % of the faults are left out; every fault has a stack; stacks of the
            """,
            Text(Story.Report(metadata, faults), "caller", 10),
            StringComparison.Ordinal);
    }

    [Fact]
    public void JsonHasEveryTableAndTheBuildIdOfWhatHasNoSymbol()
    {
        using var json = JsonDocument.Parse(FormatTests.Json(Report()));
        var root = json.RootElement;

        FormatTests.AssertKeys("stack_id stack frames faults minor major failed share latency_ns", root.GetProperty("stacks")[0]);
        Assert.Equal(["main (app.c:30)", "fill (app.c:12)", "memset (libc.so.6)"],
            root.GetProperty("stacks")[0].GetProperty("stack").EnumerateArray().Select(frame => frame.GetString()));
        Assert.Equal([0, 1, 2], root.GetProperty("stacks")[0].GetProperty("frames").EnumerateArray().Select(frame => frame.GetInt32()));
        FormatTests.AssertKeys("refusal complete truncated lost warnings", root.GetProperty("stack_recording"));
        Assert.Equal(2, root.GetProperty("faults_without_stack").GetInt64());
        FormatTests.AssertKeys("function module self total", root.GetProperty("functions")[0]);
        FormatTests.AssertKeys("file line function module self total", root.GetProperty("lines")[0]);
        FormatTests.AssertKeys("depth functions faults minor major failed share fault_time_ns", root.GetProperty("callers")[0]);
        FormatTests.AssertKeys("region_id region code through mapper faults minor major failed share fault_time_ns", root.GetProperty("touchers")[0]);
        var stripped = root.GetProperty("stack_frames")[6];
        FormatTests.AssertKeys("kind function file line module build_id address inlined", stripped);
        Assert.Equal(("/opt/libstripped.so", "bb02", "0x1234"),
            (stripped.GetProperty("module").GetString(), stripped.GetProperty("build_id").GetString(), stripped.GetProperty("address").GetString()));
    }

    [Theory]
    [InlineData("stack", "stack_id,faults,minor,major,failed,share,latency_p50_ns,latency_p90_ns,latency_p99_ns,latency_max_ns,latency_sum_ns,stack", 4)]
    [InlineData("function",
        "function,module,self_faults,self_share,self_major,self_latency_sum_ns,total_faults,total_share,total_major,latency_p50_ns,"
        + "latency_p99_ns,latency_max_ns,latency_sum_ns", 5)]
    [InlineData("line",
        "file,line,function,self_faults,self_share,self_major,self_latency_sum_ns,total_faults,total_share,total_major,latency_p50_ns,"
        + "latency_p99_ns,latency_max_ns,latency_sum_ns", 5)]
    [InlineData("caller", "depth,faults,minor,major,failed,share,latency_sum_ns,functions", 4)]
    [InlineData("toucher", "id,region,faults,minor,major,failed,share,latency_sum_ns,code,through,mapper", 4)]
    public void CsvHasItsDocumentedColumns(string kind, string header, int rows)
    {
        var lines = FormatTests.Csv(Report(), kind).Split("\r\n");

        Assert.Equal((header, rows), (lines[0], lines.Length - 2));
    }

    [Fact]
    public void ATraceWithoutStacksReadsNoColumnForThemAndSaysWhatToDo()
    {
        var metadata = Story.Metadata(Story.TwoRegions);

        Assert.Equal(FaultColumns.None,
            new MeasureSet(new MeasurePlan(metadata, [], FaultFilter.None, ReportTables.All.SelectMany(table => table.Needs))).Columns & FaultColumns.StackId);
        Assert.Null(Story.Report(metadata, [new(0x10000)]).Stacks);
        Assert.Equal(
            "has no stacks (they were not recorded); expected a recording with them; record again with faultrec record --stacks", StackText.WhyNone(metadata));
        Assert.Contains("EPERM", StackText.WhyNone(metadata with { StackRecording = StackStory.Recording with { Reason = "EPERM" } }),
            StringComparison.Ordinal);
        Assert.Null(StackText.WhyNone(StackStory.Metadata()));
    }

    [Fact]
    public void ARefusalAndWarningsAreSaid()
    {
        var refused = Story.Metadata(Story.TwoRegions) with { StackRecording = new StackRecording("the kernel has no \u001bBTF", 0, 0, 0, []) };
        Assert.Contains("stacks were asked for but could not be recorded: the kernel has no \\x1bBTF\n",
            TextReportTests.Text(Story.Report(refused, [new(0x10000)])), StringComparison.Ordinal);

        var none = Story.Metadata(Story.TwoRegions) with { StackRecording = new StackRecording(null, 0, 0, 7, []) };
        Assert.Contains("none could be taken: 0 walked to the thread's outermost frame, 0 cut short, 7 lost", Flat(Story.Report(none, [new(0x10000)])),
            StringComparison.Ordinal);
        Assert.Contains("none of these faults has a stack; stacks of the whole recording: 5 walked", Flat(Story.Report(StackStory.Metadata(), [new(0x10000)])),
            StringComparison.Ordinal);

        var warned = StackStory.Metadata() with { StackRecording = StackStory.Recording with { Warnings = ["/opt/libstripped.so: no symbols"] } };
        Assert.Contains("1 lost; 1 warning in faultrec info", Flat(Story.Report(warned, StackStory.Faults)), StringComparison.Ordinal);
        var info = new StringWriter();
        InfoText.Write(info, new TraceInfo("t", 1, 8, [], warned), default);
        Assert.Contains(
            """
            stacks     5 walked to the thread's outermost frame, 2 cut short, 1 lost
                       7 different frames in 3 files, 1 of them without a symbol
                       /opt/libstripped.so: no symbols
            """,
            info.ToString(),
            StringComparison.Ordinal);
    }

    [Fact]
    public void AStackDeeperThanAnyRecordedEndsSomewhere()
    {
        const int deep = 100_000;
        var metadata = StackStory.Metadata() with
        {
            Stacks = StackStory.Table with { Parents = [.. Enumerable.Range(-1, deep)], NodeFrames = [.. Enumerable.Range(0, deep).Select(node => node % 7)] },
        };
        var report = Story.Report(metadata, [new(0x10000) { Stack = deep - 1 }, new(0x10000) { Stack = deep - 2 }]);

        Assert.True(TextReportTests.Text(report).Length < 100_000);
        Assert.True(Text(report, "caller", 0).Length < 200_000);
        Assert.Equal(1, report.StackRows[0].Counts.Faults);
    }

    private static string Flat(FaultReport report) => TextReportTests.Text(report).ReplaceLineEndings(" ");

    private static string Text(string kind, int top) => Text(Report(), kind, top);

    private static string Text(FaultReport report, string kind, int top)
    {
        var writer = new StringWriter();
        TextReport.Write(writer, report, ReportTables.Find(kind), top, default);
        return writer.ToString();
    }
}
