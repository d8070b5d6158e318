using Faultrec.Fuzz.Running;
using Xunit;

namespace Faultrec.Fuzz;

/// <summary>A part of a minute each, always the same inputs first; `Faultrec.Fuzz.Tests fuzz` runs for longer, and other seeds.</summary>
public sealed class FuzzTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("trace", 20)]
    [InlineData("spool", 5)]
    [InlineData("systing", 5)]
    [InlineData("perf", 3)]
    [InlineData("plan", 1)]
    [InlineData("budgets", 1)]
    [InlineData("elf", 5)]
    public void WhatIsReadInThisProcess(string kind, int seconds) => AssertNoFailure(["--seed", "1", "--kind", kind, "--seconds", $"{seconds}"]);

    [Fact]
    public void EveryVerb() => AssertNoFailure(["--processes", "--seed", "1", "--seconds", "20"]);

    private void AssertNoFailure(string[] words)
    {
        var options = FuzzOptions.Parse(words)!;
        var summary = options.AsProcesses ? ProcessRun.Run(options) : InProcessRun.Run(options);
        output.WriteLine(summary.ToString());
        Assert.True(summary.Failures == 0, summary.ToString());
        Assert.InRange(summary.Inputs, 1, long.MaxValue);
    }
}
