using System.Text.Json.Nodes;

namespace Faultrec.Live.Tests;

/// <summary>
/// What was just recorded, with all its facts, is replayed: by kind within one in a hundred, and the kinds are those that a recording of the replay tells.
/// </summary>
public sealed class ReplayTests : LiveTest
{
    [Theory]
    [InlineData("anon_write")]
    [InlineData("zero_read")]
    [InlineData("zero_cow")]
    [InlineData("kernel_access")]
    [InlineData("shmem")]
    [InlineData("shmem_memfd")]
    [InlineData("cow_fork")]
    [InlineData("reuse")]
    [InlineData("cow_file")]
    [InlineData("cow_file_first")]
    [InlineData("file_cache")]
    [InlineData("file_disk")]
    [InlineData("shared_mkwrite")]
    [InlineData("huge")]
    [InlineData("failed_unmapped")]
    [InlineData("failed_read_only")]
    public void FaultsOfEveryKindComeBack(string kind)
    {
        RecordCommand("fault_kind", kind);

        var result = Replay();

        foreach (var row in result["kinds"]!.AsArray().Select(row => row!.AsObject()))
            Assert.True(IsClose(Number(row, "recorded"), Number(row, "replayed")), row.ToJsonString());
    }

    [Theory]
    [InlineData("anon_write", "rand_touch", "5000")]
    [InlineData("cow_fork", "fork_cow")]
    [InlineData("file_disk", "cold_read")]
    [InlineData("anon_write", "threads")]
    [InlineData("shmem", "addr_reuse")]
    public void ARecordingOfTheReplayAgrees(string kind, params string[] fixture)
    {
        RecordCommand(fixture);
        var again = Folder["again.parquet"];
        var recorded = Running.ToEnd(InFolder, Checkout.Faultrec, "record", "--no-stacks", "-o", again, "--", Checkout.Faultrec, "replay", TracePath,
            "--format", "json");
        Assert.Equal(0, recorded.Status);

        var (before, after) = (KindFaults(TracePath, kind), KindFaults(again, kind, "--comm", fixture[0], "--comm", "toucher-*"));

        Assert.True(before > 400 / 2 && IsClose(before, after), $"{kind}: {before} recorded, {after} in the recording of the replay");
    }

    /// <summary>With all facts, the first time: what the simulation says is what the replay measures.</summary>
    [Theory]
    [InlineData("seq_touch", "8")]
    [InlineData("rand_touch", "5000")]
    [InlineData("fork_cow")]
    [InlineData("threads")]
    [InlineData("addr_reuse")]
    [InlineData("cold_read")]
    public void PredictionsComeTrue(params string[] fixture)
    {
        RecordCommand(fixture);
        var scenarios = Said(Running.ToEnd(InFolder, Checkout.Faultrec, "simulate", TracePath, "--format", "json").Output)["scenarios"]!.AsArray();

        foreach (var (scenario, change) in ((string, string[])[])[("thp", ["--thp", "always"]), ("populate", ["--populate", "all"])])
        {
            var predicted = scenarios.Single(row => row!["scenario"]!.GetValue<string>() == scenario)!["faults"]!.GetValue<long>();
            var measured = Number(Replay(change)["totals"]!.AsObject(), "replayed");

            // Of a few faults one in twenty is less than one.
            Assert.True(Math.Abs(predicted - measured) <= Math.Max(measured / 20, 4), $"{scenario}: predicted {predicted}, measured {measured}");
        }
    }

    [Fact]
    public void PagesThatCameFromSwapAreSwappedOutBefore()
    {
        var withSwap = Path.Combine(Checkout.Root, "fixtures", "with-swap.sh");
        Assert.Equal(0,
            Running.ToEnd(InFolder, withSwap, Checkout.Faultrec, "record", "-o", TracePath, "--", Checkout.Fixture("fault_kind"), "swap_device").Status);

        var finished = Running.ToEnd(InFolder, withSwap, Checkout.Faultrec, "replay", TracePath, "--swap", "--format", "json");

        Assert.Equal((0, ""), (finished.Status, finished.Error));
        var row = Said(finished.Output)["kinds"]!.AsArray().Single(row => row!["kind"]!.GetValue<string>() == "swap_device")!.AsObject();
        Assert.Equal((300, 300), (Number(row, "recorded"), Number(row, "replayed_major")));
    }

    [Fact]
    public void MemoryComesFromThePoolOfHugePages()
    {
        RecordCommand("seq_touch", "8");

        var finished = Running.ToEnd(InFolder, Path.Combine(Checkout.Root, "fixtures", "with-sysctl.sh"), "vm.nr_hugepages=32", Checkout.Faultrec, "replay",
            TracePath, "--hugetlb", "--format", "json");

        Assert.Equal((0, ""), (finished.Status, finished.Error));
        var largest = Said(finished.Output)["regions"]!.AsArray().MaxBy(row => row!["recorded"]!.GetValue<long>())!.AsObject();
        Assert.Equal(2048, Number(largest, "recorded"));
        // Its first and its last pages can lie outside of whole huge pages.
        Assert.InRange(Number(largest, "replayed"), 3, 3 + 512);
    }

    private void RecordCommand(params string[] fixture)
        => Assert.InRange(Running.ToEnd(InFolder, Checkout.Faultrec, ["record", "-o", TracePath, "--", Checkout.Fixture(fixture[0]), .. fixture[1..]]).Status,
            0, 128 + 11);

    private JsonObject Replay(params string[] change)
    {
        var finished = Running.ToEnd(InFolder, Checkout.Faultrec, ["replay", TracePath, "--format", "json", .. change]);
        Assert.Equal((0, ""), (finished.Status, finished.Error));
        return Said(finished.Output);
    }

    private long KindFaults(string trace, string kind, params string[] filter)
    {
        var report = Said(Running.ToEnd(InFolder, Checkout.Faultrec, ["report", trace, "--format", "json", .. filter]).Output);
        return report["kinds"]!.AsArray().Where(row => row!["kind"]!.GetValue<string>() == kind).Sum(row => row!["faults"]!.GetValue<long>());
    }

    private static bool IsClose(long before, long after) => Math.Abs(before - after) <= Math.Max(before / 100, 1);
}
