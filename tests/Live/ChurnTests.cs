using System.Text.Json.Nodes;

namespace Faultrec.Live.Tests;

/// <summary>Memory that an allocator gives back only to fault it in again, and the setting that ends it.</summary>
public sealed class ChurnTests : LiveTest
{
    private const string Setting = "glibc.malloc.trim_threshold";

    [Fact]
    public void TheSettingThatTheReportNamesEndsTheLoop()
    {
        var (faults, churn) = Record([]);
        var first = churn[0]!;
        Assert.Equal("brk", (string?)first["call"]);
        Assert.Contains("fill_and_free (trim_loop.c:", (string?)first["releaser"], StringComparison.Ordinal);
        Assert.Contains("fill_and_free (trim_loop.c:", (string?)first["code"], StringComparison.Ordinal);
        Assert.Contains($"{Setting}=", (string?)first["setting"], StringComparison.Ordinal);
        // All but those of the first round are of pages that were there before.
        Assert.InRange(churn.Sum(row => (long)row!["faults"]!), faults * 9 / 10, faults);

        var (without, rest) = Record([$"GLIBC_TUNABLES={Setting}=67108864"]);
        Assert.True(without < faults / 10);
        Assert.True(rest.Sum(row => (long)row!["faults"]!) < faults / 100);
    }

    private (long Faults, JsonArray Churn) Record(string[] environment)
    {
        var result = Running.ToEnd(
            InFolder, Checkout.Faultrec, ["record", "--force", "-o", TracePath, "--", "env", .. environment, Checkout.Fixture("trim_loop")]);
        Assert.Equal(0, result.Status);
        var report = JsonNode.Parse(Running.ToEnd(InFolder, Checkout.Faultrec, "report", TracePath, "--format", "json").Output)!;
        return (Number(Said(result.Output), "touch_minflt"), report["churn"]!.AsArray());
    }
}
