using System.Text;
using Faultrec.Analyzer.Live;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Columns;
using Xunit;

namespace Faultrec.Analyzer.Tests;

public class LiveSummaryTests
{
    private const long Second = 1_000_000_000;

    [Fact]
    public void ABlockAnIntervalAndTheTotal()
    {
        var (summary, output) = Summary();
        summary.Write(Batch(
            (new(0x1000, DurationNs: 2000) { TimeNs = 1 }, "[heap]"), (new(0x2000, DurationNs: 4000) { TimeNs = 2 }, "[anon]"),
            (new(0x3000, Major: true, DurationNs: null) { TimeNs = 3 }, "[anon]"),
            (new(0x3000, 0, Signal: 11) { TimeNs = 4, Pid = 7, Tid = 8, Comm = "b\e" }, ""),
            (new(0x5000) { TimeNs = Second / 2 }, "[anon]")));
        summary.Advance(3 * Second / 4);
        summary.End(3 * Second / 4);

        Assert.Equal(
            """
            0.000-0.500 s: 4 faults (8/s), 1 major, 1 failed, 2 processes
                  pid comm              faults/s   major/s       avg in faults hottest regions
                   10 app                      6         2   3.00 µs    <0.1 % [anon] 67 %, [heap] 33 %; major: [anon] 100 %
                    7 b\x1b                    2         0   1.00 µs    <0.1 % [no mapping] 100 %
            0.500-0.750 s: 1 fault (4/s), 0 major, 0 failed, 1 process
                  pid comm              faults/s   major/s       avg in faults hottest regions
                   10 app                      4         0   1.00 µs    <0.1 % [anon] 100 %
            total 0.750 s: 5 faults, 1 major, 1 failed, 2 processes
                  pid comm                faults     major       avg in faults hottest regions
                   10 app                      4         1   2.33 µs    <0.1 % [anon] 75 %, [heap] 25 %; major: [anon] 100 %
                    7 b\x1b                    1         0   1.00 µs    <0.1 % [no mapping] 100 %

            """.ReplaceLineEndings("\n"),
            Text(output));
    }

    /// <summary>Three processes, each first by one measure; half of the interval, and with two threads at a time more than all of it.</summary>
    [Theory]
    [InlineData((int)LoadOrder.Faults, 7, 8, 9)]
    [InlineData((int)LoadOrder.Time, 8, 9, 7)]
    [InlineData((int)LoadOrder.Major, 9, 7, 8)]
    public void TheOrderOfProcessesCanBeChosen(int order, params int[] pids)
    {
        var (summary, output) = Summary(order: (LoadOrder)order);
        summary.Write(Batch(
            (new(0x1000) { Pid = 7 }, "[heap]"), (new(0x2000) { Pid = 7 }, "[heap]"), (new(0x3000, DurationNs: null) { Pid = 7 }, "[heap]"),
            (new(0x1000, DurationNs: Second / 2) { Pid = 8, Tid = 8 }, "[heap]"), (new(0x1000, DurationNs: Second / 4) { Pid = 8, Tid = 9 }, "[heap]"),
            (new(0x1000, Major: true, DurationNs: Second / 4) { Pid = 9 }, "/lib/libc.so\e")));
        summary.End(Second / 2);

        var rows = Text(output).Split('\n')[2..5];
        Assert.Equal(pids, rows.Select(row => int.Parse(row.Split(' ', StringSplitOptions.RemoveEmptyEntries)[0])));
        Assert.Contains("150 % [heap] 100 %", rows[Array.IndexOf(pids, 8)], StringComparison.Ordinal);
        Assert.EndsWith(@"50 % /lib/libc.so\x1b 100 %; major: /lib/libc.so\x1b 100 %", rows[Array.IndexOf(pids, 9)], StringComparison.Ordinal);
    }

    [Fact]
    public void TheFileOfMostMajorFaultsIsNamedHoweverFewTheyAre()
    {
        var (summary, output) = Summary();
        summary.Write(Batch((new(0x1000, Major: true), "/data"), (new(0x1000, Major: true), "/data"), (new(0x1000, Major: true), "/lib")));
        for (var i = 0; i < 1000; i++)
            summary.Write(Batch((new(0x1000), $"/tmp/{i}"), (new(0x2000), $"/tmp/{i}"), (new(0x3000), $"/tmp/{i}")));
        summary.End(Second / 2);

        Assert.EndsWith("; major: /data 67 %", Text(output).Split('\n')[2], StringComparison.Ordinal);
    }

    [Fact]
    public void ColourMarksWhoWaitsAndWhatWasLost()
    {
        var (summary, output) = Summary(isColoured: true);
        summary.Write(Batch((new(0x1000, Major: true), "/data\e[31m"), (new(0x1000) { Pid = 7 }, "[heap]")));
        summary.Missed(0, 2);
        summary.End(Second / 2);

        var lines = Text(output).Split('\n');
        Assert.EndsWith("\e[1;33m; major: /data\\x1b[31m 100 %\e[0m", lines[3], StringComparison.Ordinal);
        Assert.Equal("\e[1;31m  … 2 faults lost: the probes' ring was full\e[0m", lines[4]);
    }

    [Fact]
    public void WithoutDurationsTheTimeInFaultsIsNotKnown()
    {
        var (summary, output) = Summary();
        summary.Write(Batch((new(0x1000, DurationNs: null), "[heap]")));
        summary.End(Second / 2);

        Assert.EndsWith(" -         - [heap] 100 %", Text(output).Split('\n')[2], StringComparison.Ordinal);
    }

    [Fact]
    public void AfterAPauseOneEmptyBlockStandsForAll()
    {
        var (summary, output) = Summary();
        summary.Advance(100 * Second);
        summary.Write(Batch((new(0x1000) { TimeNs = 101 * Second }, "a")));
        summary.End(101 * Second);

        Assert.Equal(
            ["0.000-0.500 s", "100.000-100.500 s", "101.000-101.000 s", "total 101.000 s"],
            Text(output).Split('\n').Where(line => line.Contains(" s: ", StringComparison.Ordinal)).Select(line => line.Split(':')[0]));
    }

    [Fact]
    public void WhatWasMissedIsInTheBlockAndInTheTotal()
    {
        var (summary, output) = Summary();
        summary.Missed(1000, 2);
        summary.Advance(Second / 2);
        summary.Missed(5, 0);
        summary.End(Second);

        var missed = Text(output).Split('\n').Where(line => line.StartsWith("  …", StringComparison.Ordinal));
        Assert.Equal(
            [
                "  … 1,000 faults not counted: the reader is slow", "  … 2 faults lost: the probes' ring was full",
                "  … 5 faults not counted: the reader is slow",
                "  … 1,005 faults not counted: the reader is slow", "  … 2 faults lost: the probes' ring was full",
            ],
            missed);
    }

    [Fact]
    public void OnlyTheBusiestAreListedAndTheRestIsCounted()
    {
        var (summary, output) = Summary(top: 1);
        summary.Write(Batch((new(0x1000), "a"), (new(0x1000), "a"), (new(0x1000) { Pid = 7 }, "a"), (new(0x1000) { Pid = 8 }, "a")));
        summary.Advance(Second / 2);

        var lines = Text(output).Split('\n');
        Assert.StartsWith("       10 app", lines[2]);
        Assert.Equal("  … 2 more processes with 2 faults; --top 0 shows all", lines[3]);
    }

    /// <summary>Each block goes up over the last one, and no line is wider than the terminal.</summary>
    [Fact]
    public void OnATerminalABlockTakesThePlaceOfTheLast()
    {
        var (summary, output) = Summary(terminal: () => new TerminalSize(70, 8));
        for (var i = 0; i < 3; i++)
        {
            summary.Write(Batch([.. Enumerable.Range(1, 9)
                .Select(pid => (new Fault(0x1000) { TimeNs = i * Second / 2, Pid = pid }, "/a/very/long/name/of/a/library/that/does/not/fit.so"))]));
            summary.Advance((i + 1) * Second / 2);
        }

        var blocks = Text(output).Split("\e[5F\e[J");
        Assert.Equal(3, blocks.Length);
        Assert.All(blocks, block => Assert.Equal(5, block.Count(c => c == '\n')));
        Assert.All(blocks.SelectMany(block => block.Split('\n')), line => Assert.True(line.Length <= 70, line));
    }

    /// <summary>Days of a machine with ever new processes and files: sums stay exact, memory does not grow with them.</summary>
    [Fact]
    public void SumsAreExactWhenNotEveryProcessCanBeKept()
    {
        var (summary, output) = Summary(top: 2);
        for (var i = 0; i < 5000; i++)
            summary.Write(Batch((new(0x1000) { Pid = 10_000 + i, Tid = 10_000 + i }, $"/tmp/{i}"), (new(0x1000), $"/tmp/{i}")));
        summary.End(Second / 4);

        var total = Text(output).Split('\n').SkipWhile(line => !line.StartsWith("total", StringComparison.Ordinal)).ToList();
        Assert.Equal("total 0.250 s: 10,000 faults, 0 major, 0 failed, 5,001 processes", total[0]);
        Assert.StartsWith("       10 app                  5,000 ", total[2]);
        Assert.Equal("  … 4,999 more processes with 4,999 faults; --top 0 shows all", total[4]);
    }

    private static (LiveSummary Summary, MemoryStream Output) Summary(
        int top = 10, Func<TerminalSize>? terminal = null, LoadOrder order = LoadOrder.Faults, bool isColoured = false)
    {
        var output = new MemoryStream();
        return (new LiveSummary(FaultFilter.None, Story.Metadata(), Second / 2, top, order, output, terminal, new TextStyle(isColoured)), output);
    }

    private static string Text(MemoryStream stream) => Encoding.UTF8.GetString(stream.ToArray());

    private static FaultBatch Batch(params (Fault Fault, string Region)[] faults)
    {
        var batch = Story.Batch(Array.ConvertAll(faults, pair => pair.Fault));
        for (var i = 0; i < faults.Length; i++)
            batch.Region[i] = faults[i].Region;
        return batch;
    }
}
