using System.Text.RegularExpressions;

namespace Faultrec.Live.Tests;

/// <summary>What docs/ci.md has a CI system run.</summary>
public sealed partial class CiDocumentTests : LiveTest
{
    private const int Workflows = 2;

    /// <summary>The commands of a runner, and a program of some hundred pages.</summary>
    private const string Runner = """
        set -e
        faultrec() { "$F" "$@"; }
        sudo() { "$@"; }
        export GITHUB_STEP_SUMMARY=summary.md
        """;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void ItsWorkflowsRunAndPass(int workflow)
    {
        WriteServer(mebibytes: 4);
        var (record, check) = Steps(workflow);

        Run($"{record}\nmkdir baseline\ncp trace*.parquet baseline/", status: 0);
        Run(record, status: 0);
        Run(check, status: 0);

        Assert.Contains("pass, all ", File.ReadAllText(Folder["summary.md"]), StringComparison.Ordinal);
    }

    [Fact]
    public void ARegressionFailsAndNamesItsCode()
    {
        WriteServer(mebibytes: 4);
        var (record, check) = Steps(1);
        Run($"{record}\nmkdir baseline\ncp trace*.parquet baseline/", status: 0);
        WriteServer(mebibytes: 8);
        Run(record, status: 0);

        var output = Run(check, status: 1);

        Assert.Matches(@"::error title=faultrec%3A max-faults::trace1\.parquet: found .+ 1,0\d\d of them by write_page \(fixture\.h:\d+\)", output);
    }

    private static (string Record, string Check) Steps(int workflow)
    {
        var steps = RunBlock().Matches(File.ReadAllText(Path.Combine(Checkout.Root, "docs/ci.md"))).Select(match => match.Groups[1].Value).ToList();
        Assert.Equal(2 * Workflows, steps.Count);
        return (steps[2 * workflow], steps[(2 * workflow) + 1]);
    }

    private void WriteServer(int mebibytes)
    {
        File.WriteAllText(Folder["server"], $"#!/bin/sh\nexec {Checkout.Fixture("seq_touch")} {mebibytes}\n");
        Assert.Equal(0, Running.ToEnd(InFolder, "chmod", "+x", "server").Status);
    }

    private string Run(string commands, int status)
    {
        var here = InFolder with { Environment = new Dictionary<string, string?> { ["F"] = Checkout.Faultrec } };
        var result = Running.ToEnd(here, "bash", "-c", $"{Runner}\n{commands}");
        Assert.True(result.Status == status, $"{commands}\n{result.Output}{result.Error}");
        return result.Output;
    }

    [GeneratedRegex(@"run: \|\n((?: {10}.*\n)+)")]
    private static partial Regex RunBlock();
}
