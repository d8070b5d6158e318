using System.Globalization;
using System.Text.Json.Nodes;

namespace Faultrec.Kernels.Tests;

/// <summary>Every kind's fixture in one recording, and what dump calls the faults in each one's range.</summary>
internal sealed class KindsStep
{
    private readonly List<JsonNode> _said = [];
    private readonly List<(long Tid, ulong Address, string Kind)> _faults = [];

    public KindsStep(StepResult step)
    {
        Assert.True(step.Status == 0, $"{step.Name} ended with status {step.Status}: {Recording.Tail(step.Error)}");
        foreach (var line in step.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line[0] == '{')
                _said.Add(JsonNode.Parse(line)!);
            else if (line.Trim().Split(',') is [var tid, var address, var kind])
                _faults.Add((long.Parse(tid, CultureInfo.InvariantCulture), Hex(address), kind));
        }
    }

    /// <summary>A shell script that prints the fixtures' lines and then thread, address and kind of each fault of the recording.</summary>
    public static string Script(Rung rung) => $$"""
        cat >all.sh <<'all'
        for kind in anon_write zero_read zero_cow kernel_access stack_growth shmem shmem_memfd cow_fork reuse cow_file cow_file_first; do fault_kind $kind 50; done
        for kind in file_cache file_disk shared_mkwrite userfaultfd failed_unmapped failed_none failed_read_only failed_bus; do fault_kind $kind 50; done
        for kind in huge huge_split; do fault_kind $kind 4; done
        for kind in swap_device swap_cache; do SWAP_DEVICE=/dev/ram1 with-swap.sh fault_kind $kind 50; done
        with-sysctl.sh vm.nr_hugepages=4 fault_kind hugetlb 4
        with-memory-limit.sh 1500000 fault_kind huge_fallback 4
        with-sysctl.sh kernel.numa_balancing=1 fault_kind numa_hint 50
        all
        faultrec record --no-stacks --force --backend {{rung}} -o t -- sh all.sh || exit
        faultrec dump t | tr -d '\r' | awk -F, -v OFS=, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i } NR > 1 { print $at["tid"], $at["address"], $at["kind"] }'
        """;

    /// <summary>The fixtures that ran; <c>spurious</c> and <c>migration_wait</c> are no part of it: emulation has no stale TLB, and is slow.</summary>
    public IReadOnlyList<string> Commands => [.. _said.Select(said => said["command"]!.GetValue<string>())];

    /// <summary>What the fixture says it did in its range, and what the recording says, in the same words.</summary>
    public (string Said, string Recorded) Compare(string command)
    {
        var said = _said.Single(line => line["command"]!.GetValue<string>() == command);
        var tid = said["tid"]!.GetValue<long>();
        var expected = new Dictionary<string, long> { [said["kind"]!.GetValue<string>()] = said["faults"]!.GetValue<long>() };
        foreach (var step in said["setup"]!.AsArray().Where(step => step!["tid"]!.GetValue<long>() == tid))
            expected[step!["kind"]!.GetValue<string>()] = expected.GetValueOrDefault(step["kind"]!.GetValue<string>()) + step["faults"]!.GetValue<long>();
        var (start, end) = (Hex(said["start"]!.GetValue<string>()), Hex(said["end"]!.GetValue<string>()));
        var recorded = _faults.Where(fault => fault.Tid == tid && fault.Address >= start && fault.Address < end).CountBy(fault => fault.Kind);
        return (Words(expected), Words(recorded.Select(count => KeyValuePair.Create(count.Key, (long)count.Value))));
    }

    private static string Words(IEnumerable<KeyValuePair<string, long>> kinds)
        => string.Join(", ", kinds.OrderBy(kind => kind.Key, StringComparer.Ordinal).Select(kind => $"{kind.Key} {kind.Value}"));

    private static ulong Hex(string text) => ulong.Parse(text.AsSpan("0x".Length), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
