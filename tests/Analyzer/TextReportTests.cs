using Faultrec.Analyzer.Render;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Analyzer.Tests;

public class TextReportTests
{
    private static readonly Fault[] Faults =
    [
        new(0x10000), new(0x10008, DurationNs: 2000), new(0x11000), new(0x12000), new(0x20000, 2, 250_000, Major: true),
    ];

    [Fact]
    public void TheFirstScreenHasTheAnswerTheTablesAndNothingTwice()
    {
        // One process of one thread: no table of threads.
        Assert.Equal(
            """
            trace.parquet: app --work
            recorded 2026-01-02 03:04:05 UTC on box, Linux 6.18.0 x86_64, backend tracepoint, for 1.50 s
            complete: 5 faults captured, 0 lost; the program exited with status 0

            80 % of the faults (4) are in [anon] 0x10000-0x14000 (16.0 KiB) of app (pid 10), on 3 distinct
            pages, so 1 is a repeat. 1 was major and took 250 µs, 98 % of the time; it was in /lib/a.so. In all
            255 µs went into the fault handler, 1.00 µs at the median.

            5 faults: 4 minor, 1 major, 0 failed; 4 distinct pages
            255 µs in faults in 1.50 s: at an average moment <0.01 threads were in the fault handler; <0.1 % of
            the life of 1 thread

            kinds
              kind    faults share major     p50    p99   time they are
              unknown      5 100 %     1 1.00 µs 250 µs 255 µs faults of unknown kind
            the file is older than page-table facts, so kinds are unknown; minor, major and failed are right

            severities
              severity faults share     p50     p90     p99     max    time
              minor         4  80 % 1.00 µs 2.00 µs 2.00 µs 2.00 µs 5.00 µs
              major         1  20 %  250 µs  250 µs  250 µs  250 µs  250 µs

            worst faults
                at    took tid comm kind    address region
              0 ns  250 µs  10 app  unknown 0x20000 /lib/a.so
              0 ns 2.00 µs  10 app  unknown 0x10008 [anon]
              0 ns 1.00 µs  10 app  unknown 0x10000 [anon]
              0 ns 1.00 µs  10 app  unknown 0x11000 [anon]
              0 ns 1.00 µs  10 app  unknown 0x12000 [anon]
            where their time went was not traced: record with --why

            regions
              id region        size faults major distinct density cover refaults     p50     p99
               1 [anon]    16.0 KiB      4     0        3    1.00  75 %        1 1.00 µs 2.00 µs
              10000-14000 █               ▄               ▄
               2 /lib/a.so  8.0 KiB      1     1        1    0.50  50 %        0  250 µs  250 µs
              20000-22000 █

            processes
              pid comm threads faults major   time
               10 app        1      5     1 255 µs

            files
              file      regions faults major    p50    p99
              /lib/a.so       1      1     1 250 µs 250 µs

            comms
              comm threads faults major   time
              app        1      5     1 255 µs

            """,
            Text(Story.Report(Story.Metadata(Story.TwoRegions), Faults)));
    }

    [Fact]
    public void ALossIsTheFirstLine()
    {
        var metadata = Story.Metadata(Story.TwoRegions);
        metadata = metadata with { Receipt = metadata.Receipt with { Lost = 3, Complete = false } };

        var text = Text(Story.Report(metadata, Faults));

        Assert.StartsWith("INCOMPLETE: 5 faults captured, 3 lost; the program exited with status 0\ntrace.parquet: app --work\n", text,
            StringComparison.Ordinal);
    }

    [Fact]
    public void OneTableCutToItsTopSaysHowManyAreLeftAndHowToSeeThem()
    {
        var text = Text(Story.Report(Story.Metadata(Story.TwoRegions), Faults), "region", top: 1);

        Assert.EndsWith("  … 1 more region; --top 0 shows all\n", text, StringComparison.Ordinal);
        Assert.DoesNotContain("processes", text, StringComparison.Ordinal);
        Assert.DoesNotContain("/lib/a.so 8.0 KiB", text, StringComparison.Ordinal);
    }

    [Fact]
    public void AFilterThatNothingMatchesSaysSo()
    {
        var text = Text(Story.Report(Story.Metadata(Story.TwoRegions), Faults, new FaultFilter { Pids = [999] }));

        Assert.EndsWith("filter: --pid 999 (0 of 5 faults)\n\nNo fault of the trace matches the filter.\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void NoLineIsWiderThan100ColumnsWhateverTheNames()
    {
        var path = "/very" + string.Concat(Enumerable.Repeat("/長い名前 and more", 20)) + "/lib.so";
        Region[] regions = [new() { Id = 1, Pid = int.MaxValue, Start = 0xffff_ffff_ff60_0000, End = 0xffff_ffff_ff70_0000, Prot = "r-xp", Name = path,
            Path = path }];
        var metadata = Story.Metadata(regions) with { Command = [path, path], Host = path };
        var report = Story.Report(metadata,
            [.. Enumerable.Range(0, 40).Select(i => new Fault(0xffff_ffff_ff60_0000 + ((ulong)i * 4096)) { Comm = path, Tid = i })], groupSize: 40);

        foreach (var line in Text(report with { Path = path }).Split('\n'))
            Assert.InRange(Columns.Width(line), 0, TextLines.Width);
    }

    [Fact]
    public void ColourComesOnlyWhenAskedFor()
    {
        var report = Story.Report(Story.Metadata(Story.TwoRegions), Faults);
        var coloured = new StringWriter();
        TextReport.Write(coloured, report, null, 10, new TextStyle(true));

        Assert.DoesNotContain('\x1b', Text(report));
        Assert.Equal(Text(report), System.Text.RegularExpressions.Regex.Replace(coloured.ToString(), "\x1b\\[[0-9;]*m", ""));
        Assert.Contains("\x1b[1mregions\x1b[0m", coloured.ToString(), StringComparison.Ordinal);
    }

    /// <summary>Without stacks, page tables, causes, counts of objects: a table that has no rows says so in its place.</summary>
    [Fact]
    public void ARequestedTableHasRowsOrSaysWhyNot()
    {
        var report = Story.Report(Story.Metadata(Story.TwoRegions), Faults);
        foreach (var table in ReportTables.All.Where(table => !table.NeedsStacks))
        {
            var text = Text(report, table.Name);
            var hasRows = table.Build(report, 0).TotalRows > 0;
            Assert.True(text.Contains($"\n\n{table.Title}\n", StringComparison.Ordinal) == hasRows, table.Name);
            Assert.True(hasRows || Words(text).EndsWith(Words(Escape.Visible(table.EmptySentence(report))), StringComparison.Ordinal), text);
        }

        static string Words(string text) => string.Join(' ', text.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries));
    }

    [Theory]
    [InlineData("cause", "record with --why")]
    [InlineData("lock", "record with --why")]
    [InlineData("handler", "record with --handlers")]
    [InlineData("slab", "record with --slab")]
    [InlineData("cache", "record with --slab")]
    [InlineData("buddy", "record with --slab")]
    [InlineData("physical", "page tables were not recorded")]
    [InlineData("level", "page tables were not recorded")]
    [InlineData("page_table", "page tables were not recorded")]
    public void WhatWasNotRecordedIsNamed(string table, string why)
    {
        var report = Story.Report(Story.Metadata(Story.TwoRegions) with { PageTable = null }, Faults);

        Assert.Contains(why, Text(report, table).Replace('\n', ' '), StringComparison.Ordinal);
    }

    [Fact]
    public void WithoutDurationsNoFaultWasTheSlowest()
    {
        var metadata = Story.Metadata(Story.TwoRegions) with { Backend = Backend.Perf };
        var report = Story.Report(metadata, [.. Faults.Select(fault => fault with { DurationNs = null })]);

        Assert.Contains("how long faults took is not known", Text(report, "worst"), StringComparison.Ordinal);
        Assert.Contains("backend perf has no probe", Text(report, "tlb"), StringComparison.Ordinal);
    }

    internal static string Text(FaultReport report, string? by = null, int top = 10)
    {
        var writer = new StringWriter();
        TextReport.Write(writer, report, by is null ? null : ReportTables.Find(by), top, default);
        return writer.ToString();
    }
}
