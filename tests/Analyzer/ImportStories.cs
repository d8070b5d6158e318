using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Import;
using Faultrec.Analyzer.Render;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Tables;
using Faultrec.Traces;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Analyzer.Tests;

/// <summary>Lines as perf 6.1 prints them, and what they become.</summary>
public sealed class ImportStories : IDisposable
{
    private const string Header = """
        # ========
        # captured on    : Thu Nov  5 01:34:26 2026
        # hostname : box
        # os release : 6.18.44
        # arch : x86_64
        # cmdline : /usr/bin/perf record -e minor-faults,major-faults -c 1 -d ./app
        # ========
        #

        """;

    private const string AtFrequency = "# event : name = minor-faults, , id = { 1, 2 }, type = 1, size = 128, config = 0x5, "
        + "{ sample_period, sample_freq } = 4000, sample_type = IP|TID, inherit = 1, freq = 1, enable_on_exec = 1\n";

    private readonly string _path = Path.Combine(Path.GetTempPath(), $"faultrec-{Guid.NewGuid():N}.parquet");

    public void Dispose() => File.Delete(_path);

    [Fact]
    public void FaultsOfTwoProcesses()
    {
        var summary = Import(Header + """
                     app   100/100   [001]    10.000000: minor-faults:     7f0000001008     5577aabbcc00
            my [x] 7/7:   100/101   [000]    10.000001: major-faults:     7f0000002010 ffffffff821e8fc0
                    perf    99/99    [001]    11.500000500:    minor-faults:u:               10             4000 main+0x10 (/bin/app)

            """);

        AssertSummary(new ImportSummary(3, 0, 0, 0, 0) { HasKernelAddresses = true }, summary);
        using var reader = TraceReader.Open(_path);
        var metadata = reader.Metadata;
        Assert.Equal(("box", "6.18.44", "x86_64", "import: perf script"), (metadata.Host, metadata.Kernel, metadata.Arch, metadata.Backend.Name));
        Assert.Equal(new DateTimeOffset(2026, 11, 5, 1, 34, 26, TimeSpan.Zero), metadata.StartedAt);
        Assert.Equal((10_000_000_000, 1_500_000_500), (metadata.ClockStartNs, metadata.DurationNs));
        Assert.Equal(["99 perf", "100 app"], metadata.Processes.Select(process => $"{process.Pid} {process.Comm}"));
        Assert.Equal(["99 perf", "100 app", "101 my [x] 7/7:"], metadata.Threads.Select(thread => $"{thread.Tid} {thread.Comm}"));
        Assert.False(metadata.Receipt.Complete);
        var batch = new FaultBatch(3);
        reader.ReadRowGroup(0, FaultColumns.All, batch);
        Assert.Equal([0, 1_000, 1_500_000_500], batch.TimeNs);
        Assert.Equal(["app", "my [x] 7/7:", "perf"], batch.Comm);
        Assert.Equal([1, 0, 1], batch.Cpu);
        Assert.Equal([0x7f0000001008, 0x7f0000002010, 0x10], batch.Address);
        Assert.Equal([0x5577aabbcc00, unchecked((long)0xffffffff821e8fc0), 0x4000], batch.Ip);
        Assert.Equal([false, true, false], batch.Major);
        Assert.Equal([false, true, false], batch.KernelAccess);
        Assert.Equal([FaultBatch.Null, FaultBatch.Null, FaultBatch.Null], batch.DurationNs);
        Assert.All(batch.Access, access => Assert.Equal(FaultAccess.Unknown, access));
        Assert.All(batch.PteBefore, entry => Assert.Equal(FaultBatch.NullPte, entry));
    }

    [Fact]
    public void FaultsHaveTheMappingOfTheirMoment()
    {
        var summary = Import("""
               app     0/0     [000]     0.000000000: PERF_RECORD_MMAP2 5/5: [0x400000(0x1000) @ 0 00:00 0 0]: r-xp before
               app     5/5     [001]     2.000000000: PERF_RECORD_COMM exec: app:5/5
               app     5/5     [001]     2.000000001: PERF_RECORD_MMAP2 5/5: [0x7fff2b1f3000(0x21000) @ 0x7ffffffde000 00:00 0 0]: rw-p [stack]
               app     5/5     [001]     2.000000002: PERF_RECORD_MMAP2 5/5: [0x1000(0x4000) @ 0x2000 fe:00 247444 0]: r--p /bin/my app
               app     5/5     [001]     2.000000003: PERF_RECORD_MMAP2 5/5: [0x8000(0x2000) @ 0 <da39a3ee5e6b4b0d3255bfef95601890afd80709>]: r-xp /lib/x.so
               app     5/5     [001]     2.000000004: PERF_RECORD_MMAP2 5/5: [0x10000(0x4000) @ 0x10000 00:00 0 0]: rw-p //anon
               app     5/5     [001]     2.000001000: minor-faults:     3008     4000
               app     5/5     [001]     2.000001001: minor-faults:     9000     4000
               app     5/5     [001]     2.000001002: minor-faults:    11000     4000
               app     5/5     [001]     2.000001003: minor-faults:   400000     4000
               app     5/5     [001]     2.000001004: PERF_RECORD_FORK(6:6):(5:5)
               app     6/6     [001]     2.000001005: minor-faults:    11000     4000
               app     5/5     [001]     2.000001006: PERF_RECORD_MMAP2 5/5: [0x10000(0x4000) @ 0 fe:00 9 0]: rw-s /dev/shm/x
               app     5/5     [001]     2.000001007: minor-faults:    11000     4000
               app     6/6     [001]     2.000001008: minor-faults:    12000     4000
                sh     6/6     [001]     2.000001009: PERF_RECORD_COMM exec: sh:6/6
                sh     6/6     [001]     2.000001010: minor-faults:    11000     4000
               app     5/5     [001]     2.000001011: PERF_RECORD_FORK(5:7):(5:5)
               app     5/7     [001]     2.000001012: PERF_RECORD_EXIT(5:7):(5:5)
               app     5/5     [001]     2.000001013: minor-faults:    12000     4000
               app     5/5     [001]     2.000001014: minor-faults: 7fff2b1f2ff8 4000

            """);

        AssertSummary(new ImportSummary(10, 0, 0, 0, 0), summary);
        using var reader = TraceReader.Open(_path);
        var batch = new FaultBatch(10);
        reader.ReadRowGroup(0, FaultColumns.All, batch);
        Assert.Equal(["/bin/my app", "/lib/x.so", "[anon]", "", "[anon]", "/dev/shm/x", "[anon]", "", "/dev/shm/x", "[stack]"], batch.Region);
        Assert.Equal([4, 1, -1, -1, -1, 1, -1, -1, 2, -1], batch.FilePage);
        Assert.Equal([1, 2, 3, 0, 4, 5, 4, 0, 5, 6], batch.RegionId);
        Assert.Equal([true], batch.Grew.Where(grew => grew));
        Assert.Equal([5, 5, 5, 6, 5, 5], reader.Metadata.Regions.Take(6).Select(region => region.Pid));
        Assert.Equal(("r--p", "fe:00", 247444UL, "rw-s"),
            (reader.Metadata.Regions[0].Prot, reader.Metadata.Regions[0].Device, reader.Metadata.Regions[0].Inode, reader.Metadata.Regions[4].Prot));
        Assert.Equal(2, reader.Metadata.Receipt.WithoutRegion);
    }

    [Fact]
    public void WhatIsNoFaultIsCounted()
    {
        var summary = Import("""
              app 1/1 [000] 1.000000: minor-faults: 1000 2000
              app 1/1 [000] 1.000100: PERF_RECORD_LOST lost 12
              app 1/1 [000] 1.000150: PERF_RECORD_LOST_SAMPLES lost 3
              app 1/1 [000] 1.000200: PERF_RECORD_NAMESPACES 1/1 - nr_namespaces: 7
              app 1/1 [000] 1.000250: cycles: 0 2000
              app 1/1 [000] 1.000300: minor-faults: 2000
            what is this
              app 1/1 [000] 1.000350: PERF_RECORD_MMAP2 1/1: [0x1000(
              app 99999999999/1 [000] 1.000400: minor-faults: 1000 2000
              app 1/1 [000] 1.000500: major-faults: 3000 2000
            """);

        AssertSummary(new ImportSummary(2, 4, 6, 15, 2), summary);
        using var reader = TraceReader.Open(_path);
        Assert.Equal((2, 19), (reader.Metadata.Receipt.Events, reader.Metadata.Receipt.Lost));
        Assert.Equal(
            "INCOMPLETE: 2 faults captured, 19 lost; 2 faults outside every known mapping; "
            + "imported from another tool, without kernel counters to compare with",
            ReceiptText.Describe(reader.Metadata.Receipt));
    }

    [Theory]
    [InlineData("app 1/1 [000] 1.000001: minor-faults:")]
    [InlineData("app 1/1 [000] 1.000001: minor-faults:     7f0000001008")]
    [InlineData("app 1/1 [000] 1.000001: minor-faults:  ffffffff81775dda\n\tffffffff81775dda do_fault+0x8a ([kernel.kallsyms])")]
    public void ALineThatLacksAFieldWhichOthersHaveIsCounted(string line)
    {
        const string whole = "app 1/1 [000] 1.000002: major-faults:     7f0000002010     5577aabbcc00\n";

        // A text of nothing else is refused.
        AssertSummary(new ImportSummary(1, 1, 1, 0, 0), Import($"{line}\n{whole}"));
        AssertSummary(new ImportSummary(1, 1, 2, 0, 0), Import($"{whole.Replace("1.000002", "1.000000", StringComparison.Ordinal)}{line}"));

        var batch = Rows(1);
        Assert.Equal((0x7f0000002010, 0x5577aabbcc00, null), (batch.Address[0], batch.Ip[0], batch.Stack[0]));
    }

    /// <summary>A quarter of what a line may have; where blanks are tried twice this takes hours.</summary>
    [Theory(Timeout = 60_000)]
    [InlineData("BLANKSx")]
    [InlineData("app 1/1 [000] 1.000001: minor-faults: 10BLANKSz")]
    [InlineData("BLANKSapp 1/1 [000] 1.000001: minor-faults: 10BLANKSz")]
    public async Task ALineOfBlanksIsReadAtOnce(string line)
    {
        const string whole = "app 1/1 [000] 1.000000: minor-faults: 10 20\n";

        var summary = await Task.Run(() => Import(whole + line.Replace("BLANKS", new string(' ', 1 << 18), StringComparison.Ordinal)),
            TestContext.Current.CancellationToken);

        AssertSummary(new ImportSummary(1, 1, 2, 0, 0), summary);
    }

    [Fact]
    public void TheReportSaysWhatIsNotKnown()
    {
        Import("app 1/1 [000] 1.000000: minor-faults: 1000 2000\napp 1/1 [000] 1.000001: major-faults: 2000 2000\n");

        using var reader = TraceReader.Open(_path);
        var report = ReportBuilder.Build(reader, FaultFilter.None, ReportTables.All);
        using var text = new StringWriter();
        TextReport.Write(text, report, null, 10, default);

        Assert.Equal((1, 1, 0), (report.Totals.Counts.Minor, report.Totals.Counts.Major, report.Totals.Counts.Failed));
        Assert.Contains("no durations", text.ToString(), StringComparison.Ordinal);
        Assert.Contains("no mappings", text.ToString(), StringComparison.Ordinal);
        Assert.Equal(FaultKind.Unknown, Assert.Single(report.Kinds).Kind);
    }

    [Theory]
    [InlineData("", "has no page fault")]
    [InlineData("time,address\n1,2\n", "line 1 is not understood")]
    [InlineData("app 1/1 [000] 1.000000: cycles: 1000 2000\n", "has no page fault")]
    [InlineData("app 1/1 [000] 1.000001: minor-faults: 1000 2000\napp 1/1 [000] 1.000000: minor-faults: 1000 2000\n",
        "line 2 is earlier than a line before it; expected the order in which perf script prints them, and times since one moment: not --deltatime")]
    [InlineData("             app   100 [001]    10.000000:          1 minor-faults:      7fd8e7102b70 _start+0x0 (/lib/ld.so)\n",
        "line 1 has no address (field addr); expected perf script -F +addr")]
    [InlineData("             app   100/100   [001]    10.000000: minor-faults:  ffffffff81775dda\n", "line 1 has no address (field addr)")]
    [InlineData("             app   100/100   [001]    10.000000: minor-faults:     7fd8e7102b70\n",
        "line 1 has no instruction (field ip); expected perf script -F +ip")]
    [InlineData("     0.000 ( 0.000 ms): app/100 minfault [main+0x2] => /lib/a.so@0x1ab70 (d.)\n",
        "line 1 is of perf trace, which prints no address (addr) of a fault in a file; expected perf record -e minor-faults,major-faults -c 1")]
    [InlineData("app 1/1 [000] 1.000000: page-faults: 1000 2000\napp 1/1 [000] 1.000000: minor-faults: 1000 2000\n",
        "has events page-faults and minor-faults, which count the same faults twice")]
    [InlineData(AtFrequency + "app 1/1 [000] 1.000000: minor-faults: 1000 2000\n",
        "perf sampled minor-faults (-F 4000, its default), and the text does not say how many faults each sample stands for (field period); "
        + "expected perf script -F +period")]
    public void WhatIsRefused(string text, string because)
    {
        var refusal = Assert.Throws<FaultrecException>(() => Import(text));

        Assert.Equal(ExitCode.BadInput, refusal.ExitCode);
        Assert.StartsWith("perf.txt: ", refusal.Message);
        Assert.Contains(because, refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("      a: b 1/2 [3]   100/101   [001]    10.000000: minor-faults:     7f0000001008     5577aabbcc00")]
    [InlineData("      a: b 1/2 [3]   100/101   [001] K   10.000000000: minor-faults:     7f0000001008     5577aabbcc00")]
    [InlineData("      a: b 1/2 [3]   100/101   [001]    10.000000:          1 minor-faults:     7f0000001008 add     5577aabbcc00 f(int, char)")]
    [InlineData(
        "      a: b 1/2 [3]   100/101   [001]    10.000000: minor-faults:     7f0000001008 dead+0x8 (/a b (deleted))     5577aabbcc00 main+0x10 (/bin/app)\r")]
    [InlineData("      a: b 1/2 [3]   100/101   [001]    10.000000: minor-faults:u:     7f0000001008     5577aabbcc00")]
    public void AnyFieldsThatPerfPrints(string line)
    {
        AssertSummary(new ImportSummary(1, 0, 0, 0, 0), Import("\uFEFF# arch : x86_64\n" + line + "\n"));

        var batch = Rows(1);
        Assert.Equal(("a: b 1/2 [3]", 100, 101, 1, 0x7f0000001008, 0x5577aabbcc00),
            (batch.Comm[0], batch.Pid[0], batch.Tid[0], batch.Cpu[0], batch.Address[0], batch.Ip[0]));
    }

    [Fact]
    public void AThreadAloneIsOfTheProcessThatRecordsTell()
    {
        var summary = Import("""
                    app   100 [001]     9.000000: PERF_RECORD_COMM exec: app:100/100
                    app   100 [001]     9.000001: PERF_RECORD_FORK(100:101):(100:100)
                   lead   101 [001]     9.000002: PERF_RECORD_COMM:  lead :100/101
                swapper     0 [000]     0.000000: PERF_RECORD_MMAP2 -1/0: [0xffffffff81000000(0x1000) @ 0xffffffff81000000 <24a3598fd700114d0a1b1a4871badcee75d0acac>]: ---p [kernel.kallsyms]_text
                   lead   101 [001]    10.000000: minor-faults:     7f0000001008     5577aabbcc00
                  other   200    10.000001: minor-faults:     7f0000001008     5577aabbcc00

            """);

        Assert.Equal((2, 0), (summary.Faults, summary.Malformed));
        Assert.Equal(["1 fault of threads whose process (field pid) is not in the text: process 0; perf script -F +pid prints it",
            "the text has no CPU (field cpu): it is -1 in every row"], summary.Notes);
        var batch = Rows(2);
        Assert.Equal([100, 0], batch.Pid);
        Assert.Equal([101, 200], batch.Tid);
        Assert.Equal([" lead ", "other"], batch.Comm);
        Assert.Equal([1, -1], batch.Cpu);
    }

    [Fact]
    public void CallChainsAreStacks()
    {
        Import("""
            app 100/100 [000] 10.000000: minor-faults:     7f0000001008
            \tffffffff81775dda do_fault+0x8a ([kernel.kallsyms])
            \t            1180 fill(char*, long)+0x10 (/bin/app)
            \t            1080 _start+0x20 (/bin/app)

            app 100/100 [000] 10.000001: cycles:
            \t            1180 fill(char*, long)+0x10 (/bin/app)

            app 100/100 [000] 10.000002: minor-faults:     7f0000002008
            \t            1190 fill(char*, long)+0x20 (/bin/app)
            \t    7f79b36f2ad7 [unknown] ([unknown])

            """.Replace("\\t", "\t", StringComparison.Ordinal));

        var batch = Rows(2);
        Assert.Equal(["_start;fill(char*, long);do_fault", "0x7f79b36f2ad7;fill(char*, long)"], batch.Stack);
        Assert.Equal([unchecked((long)0xffffffff81775dda), 0L], batch.Ip);
        Assert.Equal([true, false], batch.KernelAccess);
        using var reader = TraceReader.Open(_path);
        Assert.Equal((1, 1), (reader.Metadata.StackRecording!.Complete, reader.Metadata.StackRecording.Truncated));
        var frames = reader.Metadata.Stacks!.FramesOf(batch.StackId[0]).ToList();
        Assert.Equal(["kernel do_fault", "user fill(char*, long)", "user _start"], frames.Select(frame => $"{frame.Kind} {frame.Function}"));
        Assert.Equal("/bin/app", reader.Metadata.Stacks.Modules[frames[1].Module!.Value].Path);
    }

    [Fact]
    public void ASampleHasWeights()
    {
        Import(
            "# event : name = minor-faults:u, , id = { 1 }, { sample_period, sample_freq } = 100, sample_type = IP\n"
            + "app 1/1 [000] 1.000000: minor-faults:u: 1000 2000\n");
        Assert.Equal((100, new Sampling(100, null, false)), (Rows(1).Weight[0], Sampling()));

        Import(AtFrequency + "app 1/1 [000] 1.000000:          1 minor-faults: 1000 2000\napp 1/1 [000] 1.000001:         37 minor-faults: 1000 2000\n");
        Assert.Equal([1, 37], Rows(2).Weight);
        Assert.Equal(new Sampling(1, 4000, true), Sampling());

        Import(
            "# event : name = minor-faults, , id = { 1 }, { sample_period, sample_freq } = 1, sample_type = IP\n"
            + "app 1/1 [000] 1.000000: minor-faults: 1000 2000\n");
        Assert.Null(Sampling());

        Sampling? Sampling()
        {
            using var reader = TraceReader.Open(_path);
            return reader.Metadata.Sampling;
        }
    }

    [Theory]
    [InlineData("app 1/1 [000] 1.000000: page-faults: 1000 2000", FaultAccess.Unknown, 0x2000L, false)]
    [InlineData("app 1/1 [000] 1.000000: exceptions:page_fault_user: address=0x1000 ip=0x2000 error_code=0x6", FaultAccess.Write, 0x2000L, false)]
    [InlineData("app 1/1 [000] 1.000000: exceptions:page_fault_user: address=0x1000 ip=0x2000 error_code=0x14", FaultAccess.Exec, 0x2000L, false)]
    [InlineData("app 1/1 [000] 1.000000: exceptions:page_fault_user: address=0x1000 ip=0x2000 error_code=0xf", FaultAccess.Write, 0x2000L, false)]
    [InlineData("app 1/1 [000] 1.000000: exceptions:page_fault_kernel: address=0x1000 ip=__put_user_8 error_code=0x2", FaultAccess.Write, 0L, true)]
    [InlineData("             app-1       (      1) [000] d..2.     1.000000: page_fault_user: address=0x1000 ip=0x2000 error_code=0x4", FaultAccess.Read,
        0x2000L, false)]
    public void EventsThatDoNotSayWhatWasMajor(string line, FaultAccess access, long ip, bool byKernel)
    {
        var summary = Import(line + "\n");

        Assert.Contains("does not say which faults were major", Assert.Single(summary.Notes), StringComparison.Ordinal);
        var batch = Rows(1);
        Assert.Equal((1, 1, 0x1000, ip, access, byKernel), (batch.Pid[0], batch.Tid[0], batch.Address[0], batch.Ip[0], batch.Access[0], batch.KernelAccess[0]));
        using var reader = TraceReader.Open(_path);
        Assert.False(reader.Metadata.KnowsMajor);
    }

    [Fact]
    public void MoreThanARowGroup()
    {
        var lines = string.Concat(Enumerable.Range(0, TraceSchema.RowGroupSize + 5)
            .Select(i => $" app 1/{1 + (i % 3)} [000] {i / 1_000_000}.{i % 1_000_000:d6}: minor-faults: {i * 4096L:x} 2000\n"));

        Assert.Equal(TraceSchema.RowGroupSize + 5, Import(lines).Faults);

        using var reader = TraceReader.Open(_path);
        Assert.Equal(2, reader.RowGroups.Count);
        Assert.Equal(TraceSchema.RowGroupSize + 5, ReportBuilder.Build(reader, FaultFilter.None, ReportTables.All).Totals.DistinctPages);
    }

    [Fact]
    public void LostEventsThatNobodyCanCount()
    {
        const string lost = "app 1/1 [000] 1.000001: PERF_RECORD_LOST lost 9223372036854775807\n";

        var summary = Import("app 1/1 [000] 1.000000: minor-faults: 1000 2000\n" + lost + lost + "what\n");

        using var reader = TraceReader.Open(_path);
        Assert.Equal((1L << 60, (1L << 60) + 1), (summary.Lost, reader.Metadata.Receipt.Lost));
    }

    /// <summary>Whatever fits into a line fits into the trace, which a reader would refuse otherwise.</summary>
    [Theory]
    [InlineData("# hostname : X\napp 1/1 [000] 1.000001: minor-faults: 1000 2000\n")]
    [InlineData("# cmdline : X\napp 1/1 [000] 1.000001: minor-faults: 1000 2000\n")]
    [InlineData(
        "app 1/1 [000] 1.000000: PERF_RECORD_MMAP2 1/1: [0x1000(0x4000) @ 0x2000 fe:00 7 0]: r--p /X\napp 1/1 [000] 1.000001: minor-faults: 1000 2000\n")]
    [InlineData("app 1/1 [000] 1.000001: minor-faults: 1000 2000\n\t    7f79b36f2ad7 X+0x10 (/bin/app)\n")]
    [InlineData("app 1/1 [000] 1.000001: minor-faults: 1000 2000\n\t    7f79b36f2ad7 main+0x10 (/X)\n")]
    public void NamesAsLongAsALine(string text)
    {
        const int most = 1 << 20;
        var line = text.Split('\n').Single(line => line.Contains('X', StringComparison.Ordinal));
        string WithName(int characters) => text.Replace("X", new string('x', characters - line.Length + 1), StringComparison.Ordinal);

        Assert.Equal(1, Import(WithName(most)).Faults);

        using (var reader = TraceReader.Open(_path))
            Assert.Equal(1, ReportBuilder.Build(reader, FaultFilter.None, ReportTables.All).Totals.Counts.Faults);
        var refusal = Assert.Throws<FaultrecException>(() => Import(WithName(most + 1)));
        Assert.Equal(ExitCode.BadInput, refusal.ExitCode);
        Assert.Contains(" has more than 1048576 characters; expected ", refusal.Message, StringComparison.Ordinal);
    }

    // The notes are a list, whose equality is that of the object.
    private static void AssertSummary(ImportSummary expected, ImportSummary actual)
    {
        Assert.Equal(expected.Notes, actual.Notes);
        Assert.Equal(expected with { Notes = [] }, actual with { Notes = [] });
    }

    private FaultBatch Rows(int count)
    {
        using var reader = TraceReader.Open(_path);
        var batch = new FaultBatch(count);
        reader.ReadRowGroup(0, FaultColumns.All, batch);
        return batch;
    }

    private ImportSummary Import(string text)
    {
        using var output = File.Create(_path);
        return PerfScriptImport.Run(new StringReader(text), "perf.txt", "0.1.0", output);
    }
}
