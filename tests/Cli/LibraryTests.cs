namespace Faultrec.Cli.Tests;

/// <summary>The package as somebody else has it: the documentation's example, outside of this repository.</summary>
public sealed class LibraryTests : CliTest
{
    [Fact]
    public void TheExampleRunsWithThePackage()
    {
        // A version of its own, and a folder of its own to unpack it into: one of before would be taken else.
        const string version = "0.0.1-test";
        foreach (var project in new[] { "Trace", "Analyzer" })
            Dotnet("pack", Path.Combine(Checkout.Root, "src", project), "-c", "Release", "--no-build", $"-p:Version={version}", "-o", Folder["packages"]);
        var example = File.ReadAllText(Path.Combine(Checkout.Root, "docs/examples/hot_regions.cs"));
        File.WriteAllText(Folder["hot_regions.cs"], example.Replace("Faultrec.Analyzer@0.1.0", $"Faultrec.Analyzer@{version}", StringComparison.Ordinal));

        var output = Dotnet(
            "run", $"--property:RestoreAdditionalProjectSources={Folder["packages"]}", $"--property:RestoreFallbackFolders={Cache}", Folder["hot_regions.cs"],
            "--", Path.Combine(Checkout.Root, "fixtures/traces/seq_touch.parquet"));

        var report = Faultrec("report", "--by", "region", "--format", "csv",
            Path.Combine(Checkout.Root, "fixtures/traces/seq_touch.parquet")).Output.Split('\n');
        var (names, largest) = (report[0].Trim().Split(','), report[1].Trim().Split(','));
        Assert.Contains($"{long.Parse(largest[Array.IndexOf(names, "faults")]):N0} faults", output, StringComparison.Ordinal);
        Assert.Contains($"{long.Parse(largest[Array.IndexOf(names, "latency_sum_ns")]):N0} ns", output, StringComparison.Ordinal);
        Assert.Contains("faults were writes", output, StringComparison.Ordinal);
    }

    private static string Cache => Environment.GetEnvironmentVariable("NUGET_PACKAGES")
        ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget/packages");

    private string Dotnet(params string[] arguments)
    {
        var result = Running.ToEnd(
            new Circumstances { Folder = Folder.Path, Environment = new Dictionary<string, string?> { ["NUGET_PACKAGES"] = Folder["unpacked"] } }, "dotnet",
            arguments);
        Assert.True(result.Status == 0, result.Output + result.Error);
        return result.Output;
    }
}
