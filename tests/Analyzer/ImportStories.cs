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
    public void WhatIsNoFaultIsCounted()
    {
        var summary = Import("""
              app 1/1 [000] 1.000000: minor-faults: 1000 2000
              app 1/1 [000] 1.000100: PERF_RECORD_LOST lost 12
              app 1/1 [000] 1.000150: PERF_RECORD_LOST_SAMPLES lost 3
              app 1/1 [000] 1.000200: PERF_RECORD_EXIT(1:1):(1:1)
              app 1/1 [000] 1.000250: cycles: 0 2000
              app 1/1 [000] 1.000300: minor-faults: 2000
            what is this
              app 99999999999/1 [000] 1.000400: minor-faults: 1000 2000
              app 1/1 [000] 1.000500: major-faults: 3000 2000
            """);

        Assert.Equal(new ImportSummary(2, 3, 6, 15, 2), summary);
        using var reader = TraceReader.Open(_path);
        Assert.Equal((2, 18), (reader.Metadata.Receipt.Events, reader.Metadata.Receipt.Lost));
        Assert.Equal(
            "INCOMPLETE: 2 faults captured, 18 lost; 2 faults outside every known mapping; imported from another tool, with nothing of the kernel's to compare with",
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
