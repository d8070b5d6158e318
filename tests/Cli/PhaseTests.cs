using System.Text.Json;
using Faultrec.Traces.Metadata;

namespace Faultrec.Cli.Tests;

/// <summary>`faultrec mark`, and the options that name phases and marks; what they count is tests/Analyzer's and tests/Live's.</summary>
public sealed class PhaseTests : CliTest
{
    // A fault a microsecond, 100 of them.
    public PhaseTests() => SmallTrace.Write(Folder["trace"], withStacks: true, marks:
    [
        new Mark(20_000, "warm-up", MarkSource.Mark, null),
        new Mark(30_000, "listen", MarkSource.Listen, 10),
        new Mark(50_000, "steady", MarkSource.Mark, null),
        new Mark(90_000, "warm-up", MarkSource.Mark, null),
    ]);

    [Theory]
    [InlineData(20, "--phase", "start")]
    [InlineData(30, "--phase", "warm-up")]
    [InlineData(10, "--phase", "warm-up 2")]
    [InlineData(10, "--phase", "warm-up", "--from", "40us")]
    [InlineData(15, "--phase", "warm-up", "--from", "10us", "--to", "35us")]
    [InlineData(70, "--from", "listen")]
    [InlineData(20, "--from", "listen", "--to", "steady")]
    [InlineData(20, "--to", "warm-up")]
    public void APhaseIsAWindow(int faults, params string[] options)
    {
        Assert.Equal(faults + 1, Faultrec(["dump", "trace", .. options]).Output.Count(c => c == '\n'));
        using var report = JsonDocument.Parse(Faultrec(["report", "trace", "--format", "json", .. options]).Output);
        Assert.Equal(faults, report.RootElement.GetProperty("totals").GetProperty("faults").GetInt32());
        Assert.StartsWith(string.Join(' ', options[..2]), report.RootElement.GetProperty("filter").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("report", "trace")]
    [InlineData("report", "trace", "trace")]
    [InlineData("diff", "trace", "trace")]
    [InlineData("dump", "trace")]
    [InlineData("export", "trace", "--to", "perfetto", "-o", "out")]
    [InlineData("simulate", "trace")]
    [InlineData("advise", "trace")]
    [InlineData("replay", "trace")]
    public void EveryVerbWithAWindowTakesAPhase(params string[] verb)
    {
        Assert.Equal(0, Faultrec([.. verb, "--phase", "warm-up", "--from", "listen"]).Status);

        var wrong = Faultrec([.. verb, "--phase", "steddy"]);

        Assert.Equal(2, wrong.Status);
        Assert.Equal(
            "faultrec: --phase steddy: trace has none of this name; expected one of start, warm-up, steady, warm-up 2; did you mean steady?",
            Assert.Single(wrong.ErrorLines));
    }

    [Theory]
    [InlineData("mark lisen: trace has none of this name; expected one of warm-up, listen, steady, warm-up 2; did you mean listen?", "--from", "lisen")]
    [InlineData("--phase listen: trace has none of this name; expected one of start, warm-up, steady, warm-up 2", "--phase", "listen")]
    [InlineData("--from steady --to listen: there is no time in this window of trace; expected a start before the end; widen it", "--from", "steady", "--to",
        "listen")]
    [InlineData("--phase warm-up --to 10000ns: there is no time in this window of trace; expected a start before the end; widen it", "--phase", "warm-up",
        "--to", "10us")]
    public void WhatTheTraceDoesNotHaveIsRefusedInALine(string message, params string[] options)
    {
        var result = Faultrec(["report", "trace", .. options]);

        Assert.Equal((2, "", $"faultrec: {message}"), (result.Status, result.Output, Assert.Single(result.ErrorLines)));
    }

    [Fact]
    public void ATraceWithoutMarksSaysSo()
    {
        SmallTrace.Write(Folder["plain"]);

        Assert.Equal("faultrec: --phase a: plain has no marks; expected one that `faultrec mark` set while it was recorded",
            Assert.Single(Faultrec("dump", "plain", "--phase", "a").ErrorLines));
    }

    [Fact]
    public void MarksOfTheUserLeadToTheirTable()
    {
        Assert.Contains("--by phase", Faultrec("report", "trace").Output, StringComparison.Ordinal);
        SmallTrace.Write(Folder["automatic"], marks: [new Mark(30_000, "listen", MarkSource.Listen, 10)]);
        Assert.DoesNotContain("--by phase", Faultrec("report", "automatic").Output, StringComparison.Ordinal);
    }

    /// <summary>Whatever names the pipe, nothing is written to a file and nobody is waited for.</summary>
    [Fact]
    public void WithoutARecordingAMarkFailsAtOnce()
    {
        Assert.Equal(0, Bash("mkfifo pipe; echo kept > file").Status);

        foreach (var path in (string[])["pipe", "file", "missing", "."])
        {
            var result = Bash($"FAULTREC_MARKS={path} $F mark a");

            Assert.Equal((4, ""), (result.Status, result.Output));
            Assert.StartsWith($"faultrec: {path}: ", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
        }

        Assert.Equal("kept\n", File.ReadAllText(Folder["file"]));
        Assert.Equal(4, Faultrec("mark", "a", "--pid", "4194304").Status);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" a")]
    [InlineData("a\e[31m")]
    [InlineData("a\nb")]
    public void ANameThatWouldBeChangedIsRefused(string name)
    {
        var result = Faultrec("mark", name);

        Assert.Equal((2, ""), (result.Status, result.Output));
        Assert.DoesNotContain(Assert.Single(result.ErrorLines), char.IsControl);
    }
}
