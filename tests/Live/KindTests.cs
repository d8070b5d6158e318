using System.Globalization;
using System.Text.Json.Nodes;

namespace Faultrec.Live.Tests;

/// <summary>fixtures/fault_kind makes faults of one kind and checks with pagemap, mincore and smaps that it did; the dump calls them by their name.</summary>
public sealed class KindTests : LiveTest
{
    [Theory]
    [InlineData("anon_write")]
    [InlineData("zero_read")]
    [InlineData("zero_cow")]
    [InlineData("kernel_access")]
    [InlineData("stack_growth")]
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
    [InlineData("huge_split")]
    [InlineData("userfaultfd")]
    [InlineData("spurious")]
    [InlineData("failed_unmapped")]
    [InlineData("failed_none")]
    [InlineData("failed_read_only")]
    [InlineData("failed_bus")]
    [InlineData("swap_device", "with-swap.sh")]
    [InlineData("swap_cache", "with-swap.sh")]
    [InlineData("hugetlb", "with-sysctl.sh", "vm.nr_hugepages=16")]
    [InlineData("hugetlb_cow", "with-sysctl.sh", "vm.nr_hugepages=32")]
    [InlineData("ksm", "with-ksm.sh")]
    [InlineData("huge_fallback", "with-memory-limit.sh", "1500000")]
    [InlineData("numa_hint", "with-sysctl.sh", "kernel.numa_balancing=1")]
    public void FaultsOfAKindAreCalledByItsName(string command, params string[] circumstances)
    {
        var (said, kinds) = Record(command, circumstances);

        var kind = said["kind"]!.GetValue<string>();
        var expected = new Dictionary<string, long> { [kind] = Number(said, "faults") };
        var tid = Number(said, "tid");
        foreach (var step in said["setup"]!.AsArray().Where(step => step!["tid"]!.GetValue<long>() == tid))
            expected[step!["kind"]!.GetValue<string>()] = expected.GetValueOrDefault(step["kind"]!.GetValue<string>()) + step["faults"]!.GetValue<long>();
        Assert.Equal(Words(expected), Words(kinds));
    }

    /// <summary>Around the recorder, which looks at the kernel's settings when it begins.</summary>
    [Theory]
    [InlineData("mthp", "16")]
    [InlineData("mthp", "64")]
    [InlineData("mthp", "1024")]
    [InlineData("mthp_shmem", "64")]
    public void FaultsThatMapAFolioAreCalledSo(string command, string kib)
    {
        var (said, kinds) = Record(command, [], ["with-large-folios.sh", kib]);

        Assert.Equal($"mthp {Number(said, "faults")}", Words(kinds));
    }

    [Fact]
    public void FaultsThatShouldHaveMappedAFolioAreCalledSo()
    {
        var (said, kinds) = Record("mthp_fallback", ["with-memory-limit.sh", "1000000"], ["with-large-folios.sh", "1024"]);

        Assert.Equal($"mthp_fallback {Number(said, "faults")}", Words(kinds));
    }

    /// <summary>prctl(PR_SET_THP_DISABLE), which the recorder sees when it looks at the process's memory, every tenth of a second.</summary>
    [Fact]
    public void AProcessThatRefusesHugePagesHasNoFallback()
    {
        const string program = """
            import ctypes, mmap, time
            ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)
            memory = mmap.mmap(-1, 64 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            memory.madvise(mmap.MADV_HUGEPAGE)
            for place in range(0, 64 << 20, 2 << 20):
                memory[place] = 1
            time.sleep(0.5)
            """;
        var result = Running.ToEnd(InFolder, Checkout.Faultrec, "record", "--no-stacks", "-o", TracePath, "--", "/usr/bin/python3", "-c", program);
        Assert.True(result.Status == 0, result.Error);

        Assert.True(Assert.Single(Rows.Read(TracePath).Metadata.Memory).RefusesHugePages);
        var rows = Running.ToEnd(InFolder, Checkout.Faultrec, "dump", TracePath);
        Assert.Equal(0, rows.Status);
        Assert.DoesNotContain("huge_fallback", rows.Output, StringComparison.Ordinal);
    }

    /// <summary>Not every touch finds the entry of a page on its way; of those that slept meanwhile the program knows that they did.</summary>
    [Fact]
    public void FaultsThatWaitForAMigrationAreCalledSo()
    {
        var (said, kinds) = Record("migration_wait 10", []);

        Assert.InRange(kinds.GetValueOrDefault("migration_wait"), Math.Min(Number(said, "slept"), Number(said, "faults") * 9 / 10), Number(said, "faults"));
    }

    /// <returns>Of the faults in the range by the thread: how many of each kind.</returns>
    private (JsonObject Said, Dictionary<string, long> Kinds) Record(string command, string[] circumstances, string[]? ofRecorder = null)
    {
        string[] all = [.. Wrapper(ofRecorder ?? []), Checkout.Faultrec, "record", "-o", TracePath, "--", .. Wrapper(circumstances),
            Checkout.Fixture("fault_kind"), .. command.Split(' ')];
        var result = Running.ToEnd(InFolder, all[0], all[1..]);
        Assert.True(result.Status == 0, result.Error);
        var said = Said(result.Output);
        Assert.SkipWhen(said.ContainsKey("skipped"), $"{command}: {said["skipped"]}");
        var rows = Running.ToEnd(InFolder, Checkout.Faultrec, "dump", "--format", "json", "--tid", $"{Number(said, "tid")}", TracePath);
        Assert.Equal(0, rows.Status);

        var (start, end) = (Address(said, "start"), Address(said, "end"));
        var kinds = rows.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!)
            .Where(row => Hex(row["address"]!.GetValue<string>()) is var address && address >= start && address < end)
            .CountBy(row => row["kind"]!.GetValue<string>()).ToDictionary(count => count.Key, count => (long)count.Value);
        return (said, kinds);
    }

    private static string[] Wrapper(string[] circumstances)
        => circumstances.Length == 0 ? [] : [Path.Combine(Checkout.Root, "fixtures", circumstances[0]), .. circumstances[1..]];

    private static string Words(Dictionary<string, long> kinds)
        => string.Join(", ", kinds.Where(kind => kind.Value > 0).OrderBy(kind => kind.Key, StringComparer.Ordinal).Select(kind => $"{kind.Key} {kind.Value}"));

    private static ulong Hex(string text) => ulong.Parse(text["0x".Length..], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
