using Faultrec.Traces;
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

    private readonly string _path = Path.Combine(Path.GetTempPath(), $"faultrec-{Guid.NewGuid():N}.parquet");

    public void Dispose() => File.Delete(_path);

    [Fact]
    public void FaultsOfTwoProcesses()
    {
        var summary = Import(Header + """
                     app   100/100   [001]    10.000000: minor-faults:      7f0000001008     5577aabbcc00
            my [x] 7/7:   100/101   [000]    10.000001: major-faults:      7f0000002010 ffffffff821e8fc0
                    perf    99/99    [001]    11.500000500:    minor-faults:u:               10             4000 main+0x10 (/bin/app)

            """);

        Assert.Equal(new ImportSummary(3, 0, 0, 0, 0), summary);
        using var reader = TraceReader.Open(_path);
        var metadata = reader.Metadata;
        Assert.Equal(("box", "6.18.44", "x86_64", "import: perf script"), (metadata.Host, metadata.Kernel, metadata.Arch, metadata.Backend));
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

        Assert.Equal(new ImportSummary(10, 0, 0, 0, 0), summary);
        using var reader = TraceReader.Open(_path);
        var batch = new FaultBatch(10);
        reader.ReadRowGroup(0, FaultColumns.All, batch);
        Assert.Equal(["/bin/my app", "/lib/x.so", "[anon]", "", "[anon]", "/dev/shm/x", "[anon]", "", "/dev/shm/x", "[stack]"], batch.Region);
        Assert.Equal([4, 1, -1, -1, -1, 1, -1, -1, 2, -1], batch.FilePage);
        Assert.Equal([1, 2, 3, 0, 4, 5, 4, 0, 5, 6], batch.RegionId);
        Assert.Equal([true], batch.Grew.Where(grew => grew));
        Assert.Equal([5, 5, 5, 6, 5, 5], reader.Metadata.Regions.Take(6).Select(region => region.Pid));
        Assert.Equal(("r--p", "fe:00", 247444UL, "rw-s"), (reader.Metadata.Regions[0].Prot, reader.Metadata.Regions[0].Device, reader.Metadata.Regions[0].Inode, reader.Metadata.Regions[4].Prot));
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

        Assert.Equal(new ImportSummary(2, 4, 6, 15, 2), summary);
        using var reader = TraceReader.Open(_path);
        Assert.Equal((2, 19), (reader.Metadata.Receipt.Events, reader.Metadata.Receipt.Lost));
        Assert.Equal(
            "INCOMPLETE: 2 faults captured, 19 lost; 2 faults outside every known mapping; imported from another tool, with nothing of the kernel's to compare with",
            ReceiptText.Describe(reader.Metadata.Receipt));
    }

    [Fact]
    public void TheReportSaysWhatIsNotKnown()
    {
        Import("app 1/1 [000] 1.000000: minor-faults: 1000 2000\napp 1/1 [000] 1.000001: major-faults: 2000 2000\n");

        using var reader = TraceReader.Open(_path);
        var report = ReportBuilder.Build(reader, FaultFilter.None);
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
    [InlineData("app 1/1 1.000000: minor-faults: 1000 2000\n", "line 1 is not understood; expected what `perf script")]
    [InlineData("app 1/1 [000] 1.000000: page-faults: 1000 2000\n", "does not say which faults are major; record minor-faults,major-faults")]
    [InlineData("app 1/1 [000] 1.000001: minor-faults: 1000 2000\napp 1/1 [000] 1.000000: minor-faults: 1000 2000\n", "line 2 is earlier")]
    public void WhatIsRefused(string text, string because)
    {
        var refusal = Assert.Throws<FaultrecException>(() => Import(text));

        Assert.Equal(ExitCode.BadInput, refusal.ExitCode);
        Assert.StartsWith("perf.txt: ", refusal.Message);
        Assert.Contains(because, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void MoreThanARowGroup()
    {
        var lines = string.Concat(Enumerable.Range(0, TraceSchema.RowGroupSize + 5).Select(i => $" app 1/{1 + (i % 3)} [000] {i / 1_000_000}.{i % 1_000_000:d6}: minor-faults: {i * 4096L:x} 2000\n"));

        Assert.Equal(TraceSchema.RowGroupSize + 5, Import(lines).Faults);

        using var reader = TraceReader.Open(_path);
        Assert.Equal(2, reader.RowGroups.Count);
        Assert.Equal(TraceSchema.RowGroupSize + 5, ReportBuilder.Build(reader, FaultFilter.None).Totals.DistinctPages);
    }

    private ImportSummary Import(string text)
    {
        using var output = File.Create(_path);
        return PerfScriptImport.Run(new StringReader(text), "perf.txt", "0.1.0", output);
    }
}
