using System.Text;
using Faultrec.Cli.Output;
using Faultrec.Recorder.Options;

namespace Faultrec.Cli.Tests;

public sealed class ProgressLineTests
{
    private const long Second = 1_000_000_000;

    private static readonly TimeSpan Short = TimeSpan.FromMilliseconds(5);

    private readonly StringBuilder _written = new();

    [Theory]
    [InlineData(FinalizeStep.ReadingSpool, 30, 120, "reading the recording: 25 %")]
    [InlineData(FinalizeStep.ReadingSpool, 0, 0, "reading the recording: 0 %")]
    [InlineData(FinalizeStep.ReadingNames, 12, 40, "reading names: 12 of 40 files")]
    [InlineData(FinalizeStep.ReadingNames, 12, 0, "reading names: 12 files")]
    [InlineData(FinalizeStep.ReadingNames, 1, 0, "reading names: 1 file")]
    [InlineData(FinalizeStep.WritingRows, 3_149_000, 12_000_000, "writing rows: 3.1 of 12.0 M")]
    public void AStepOfFinalizingIsToldInItsOwnUnits(FinalizeStep step, long done, long total, string text)
        => Assert.Equal(text, FinalizeLine.TextOf(new FinalizeProgress(step, done, total)));

    [Fact]
    public void TheRateOfARecordingIsThatSinceTheLastLine()
    {
        var line = new CaptureLine(Line(Short), 90 * Second);
        Assert.Equal("recording: 1 s of 1 m 30 s, 2,000 faults (1,905/s), 0 lost", line.TextOf(new CaptureProgress(Second * 21 / 20, 2000, 0)));
        Assert.Equal("recording: 2 s of 1 m 30 s, 2,001 faults (1/s), 3 lost", line.TextOf(new CaptureProgress(Second * 41 / 20, 2001, 3)));
        Assert.Equal("recording: 1 m 01 s, 1 fault (0/s), 0 lost", new CaptureLine(Line(Short), null).TextOf(new CaptureProgress(61 * Second, 1, 0)));
    }

    [Fact]
    public void ALineTakesThePlaceOfTheLastAndIsGoneInTheEnd()
    {
        var line = Line(Short);
        line.Report(() => "one");
        WaitFor("<one>");
        line.Report(() => "two");
        WaitFor("<one><two>");
        line.End();
        Assert.Equal("<one><two>gone", Written());
        Thread.Sleep(20 * Short);
        Assert.Equal("<one><two>gone", Written());
    }

    [Fact]
    public void WhatIsQuickIsNotTold()
    {
        var line = Line(TimeSpan.FromHours(1));
        line.Report(() => "one");
        line.End();
        Assert.Empty(Written());
    }

    /// <summary>The thread that reports also empties the rings: it goes on while the terminal takes nothing.</summary>
    [Fact]
    public void WhoReportsDoesNotWaitForTheTerminal()
    {
        using var isStuck = new ManualResetEvent(false);
        using var goesOn = new ManualResetEvent(false);
        var line = new ProgressLine(Short, Short, _ => { isStuck.Set(); goesOn.WaitOne(); }, () => Write("gone"));
        line.Report(() => "one");
        isStuck.WaitOne();
        line.Report(() => "two");
        line.End();
        goesOn.Set();
        Assert.Empty(Written());
    }

    private ProgressLine Line(TimeSpan quiet) => new(quiet, Short, text => Write($"<{text}>"), () => Write("gone"));

    private void Write(string text)
    {
        lock (_written)
            _written.Append(text);
    }

    private string Written()
    {
        lock (_written)
            return _written.ToString();
    }

    private void WaitFor(string text)
        => Assert.True(SpinWait.SpinUntil(() => Written().Contains(text, StringComparison.Ordinal), TimeSpan.FromSeconds(30)), Written());
}
