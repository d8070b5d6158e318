using Faultrec.Fuzz.Running;
using Xunit;

namespace Faultrec.Fuzz;

/// <summary>About a minute, of the same inputs each time; `Faultrec.Fuzz.Tests fuzz` runs for longer, and other seeds.</summary>
public sealed class FuzzTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("trace", 2000)]
    [InlineData("spool", 800)]
    [InlineData("systing", 1500)]
    [InlineData("perf", 800)]
    [InlineData("plan", 5000)]
    [InlineData("budgets", 5000)]
    [InlineData("elf", 3000)]
    public void WhatIsReadInThisProcess(string kind, int inputs) => AssertNoFailure(inputs, ["--seed", "1", "--kind", kind, "--count", $"{inputs}"]);

    [Fact]
    public void EveryVerb() => AssertNoFailure(500, ["--processes", "--seed", "1", "--count", "500"]);

    private void AssertNoFailure(int inputs, string[] words)
    {
        var options = FuzzOptions.Parse(words)!;
        var summary = options.AsProcesses ? ProcessRun.Run(options) : InProcessRun.Run(options);
        output.WriteLine(summary.ToString());
        Assert.True(summary.Failures == 0, summary.ToString());
        Assert.Equal(inputs, summary.Inputs);
    }
}
