using Faultrec.Fuzz.Running;
using Faultrec.Testing;
using Xunit;

namespace Faultrec.Fuzz;

/// <summary>The same inputs each time, about a minute of them with FAULTREC_FULL=1; `Faultrec.Fuzz.Tests fuzz` runs for longer, and other seeds.</summary>
public sealed class FuzzTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("trace", 2000)]
    [InlineData("spool", 800)]
    [InlineData("systing", 1500)]
    [InlineData("perf", 800)]
    [InlineData("plan", 5000)]
    [InlineData("budgets", 5000)]
    public void WhatIsReadInThisProcess(string kind, int inputs) => AssertNoFailure(inputs, "--kind", kind);

    [Fact]
    [Trait("Needs", "native")]
    public void WhatIsReadInTheElfProcess() => AssertNoFailure(3000, "--kind", "elf");

    [Fact]
    [Trait("Needs", "native")]
    public void EveryVerb() => AssertNoFailure(500, "--processes");

    private void AssertNoFailure(int fullInputs, params string[] words)
    {
        var inputs = Effort.Of(fullInputs, brief: fullInputs / 5);
        var options = FuzzOptions.Parse(["--seed", "1", "--count", $"{inputs}", .. words])!;
        var summary = options.AsProcesses ? ProcessRun.Run(options) : InProcessRun.Run(options);
        output.WriteLine(summary.ToString());
        Assert.True(summary.Failures == 0, summary.ToString());
        Assert.Equal(inputs, summary.Inputs);
    }
}
