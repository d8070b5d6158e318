using System.Text;
using Faultrec.Cli.Output;
using Faultrec.Recorder.Options;

namespace Faultrec.Cli.Tests;

public sealed class FinalizeLineTests
{
    private static readonly TimeSpan Short = TimeSpan.FromMilliseconds(5);

    private readonly StringBuilder _written = new();

    [Theory]
    [InlineData(FinalizeStep.ReadingSpool, 30, 120, "reading the recording: 25 %")]
    [InlineData(FinalizeStep.ReadingSpool, 0, 0, "reading the recording: 0 %")]
    [InlineData(FinalizeStep.ReadingNames, 12, 40, "reading names: 12 of 40 files")]
    [InlineData(FinalizeStep.ReadingNames, 12, 0, "reading names: 12 files")]
    [InlineData(FinalizeStep.WritingRows, 3_149_000, 12_000_000, "writing rows: 3.1 of 12.0 M")]
    public void AStepIsToldInItsOwnUnits(FinalizeStep step, long done, long total, string text)
        => Assert.Equal(text, FinalizeLine.TextOf(new FinalizeProgress(step, done, total)));

    [Fact]
    public void OnATerminalItIsOneLineThatIsGoneInTheEnd()
    {
        var line = new FinalizeLine(isTerminal: true, Short, Short, Write);
        line.Report(new FinalizeProgress(FinalizeStep.ReadingNames, 1, 2));
        WaitFor("\rfaultrec: reading names: 1 of 2 files\u001b[K");
        line.Report(new FinalizeProgress(FinalizeStep.WritingRows, 1_000_000, 2_000_000));
        WaitFor("files\u001b[K\rfaultrec: writing rows: 1.0 of 2.0 M\u001b[K");
        line.Report(null);
        Assert.EndsWith("M\u001b[K\r\u001b[K", Written(), StringComparison.Ordinal);
        Assert.DoesNotContain('\n', Written());
    }

    [Fact]
    public void ElsewhereItIsALineOfItsOwn()
    {
        var line = new FinalizeLine(isTerminal: false, Short, Short, Write);
        line.Report(new FinalizeProgress(FinalizeStep.WritingRows, 1_000_000, 2_000_000));
        WaitFor("\n");
        line.Report(null);
        Assert.Equal("faultrec: writing rows: 1.0 of 2.0 M\n", Written());
    }

    [Fact]
    public void WhatIsQuickIsNotTold()
    {
        var line = new FinalizeLine(isTerminal: true, TimeSpan.FromHours(1), Short, Write);
        line.Report(new FinalizeProgress(FinalizeStep.WritingRows, 1, 2));
        line.Report(null);
        Assert.Empty(Written());
    }

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
