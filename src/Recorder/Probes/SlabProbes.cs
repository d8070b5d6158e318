using System.Globalization;
using System.Text;
using Faultrec.Recorder.Native;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Probes;

/// <summary>--slab: kernel objects and pages that faults allocate, see bpf/slab.bpf.h.</summary>
internal static class SlabProbes
{
    private const string SlowPath = "___slab_alloc";
    private const string Unknown = "unknown";

    // The second calls the first, and is usually inlined into it or its caller.
    private static readonly string[] NewSlabFunctions = ["allocate_slab", "new_slab"];

    private static readonly string[] Interrupts = ["softirq_ends", "irq_ends", "softirq_begins", "irq_begins"];

    /// <summary>By enum slab_stage.</summary>
    public static IReadOnlyList<string> Stages { get; } = ["fast", "sheaf", "local", "partial", "remote", "buddy"];

    public static ProbeChoice Find(Backend backend, Btf? btf)
    {
        if (btf?.TracepointArguments("kmem_cache_alloc") is not [_, _, BtfKind.Pointer, ..])
        {
            return new ProbeChoice(
                [.. Stages.Select(stage => new CauseProbe(stage,
                    "the kmem_cache_alloc tracepoint of this kernel does not name the cache (it does since Linux 6.1)"))],
                ["buddy_pages", .. Interrupts]);
        }

        List<string> programs = ["slab_object", "slab_kmalloc", "buddy_pages", .. Interrupts];
        var refusals = KernelFunctions.Reasons(backend, [SlowPath, .. NewSlabFunctions]);
        var slow = refusals[SlowPath] is { } reason ? $"{SlowPath}: {reason}" : ReasonOfSlowPath(btf);
        var newSlab = NewSlabFunctions.FirstOrDefault(function => refusals[function] is null);
        var withoutNew = slow ?? (newSlab is null ? $"{string.Join(", ", NewSlabFunctions)}: {refusals[NewSlabFunctions[0]]}" : null);
        if (slow is null)
            programs.Add($"{backend.Hooks!.Entry}_{SlowPath}");
        if (withoutNew is null)
            programs.Add($"{backend.Hooks!.Entry}_{newSlab}");
        var sheaf = btf.HasMember("kmem_cache", "cpu_sheaves") ? slow : "this kernel has no sheaves (Linux 6.18 has them)";
        return new ProbeChoice(
            [
                new("fast", slow), new("sheaf", sheaf), new("local", slow), new("partial", slow), new("remote", withoutNew), new("buddy", withoutNew),
            ],
            programs);
    }

    public static ProbeConfig Describe(ProbeConfig config, ProbeChoice? slab)
    {
        config.SeesSlowSlab = (byte)(IsKnown(slab, "local") ? 1 : 0);
        config.SeesNewSlab = (byte)(IsKnown(slab, "buddy") ? 1 : 0);
        return config;
    }

    public static IReadOnlyList<SlabCount> ReadCaches(AttachedProbes probes)
        // A cache that was destroyed and created again has two addresses.
        => [.. probes.ReadHash<SlabKey, SlabObjects>("slab_counts")
            .GroupBy(entry => (entry.Key.Pid, Cache: CacheName(entry.Key.Cache, entry.Value), Stage: StageName(entry.Key.Stage)))
            .Select(group => new SlabCount(group.Key.Pid, group.Key.Cache, group.Key.Stage, group.Sum(entry => entry.Value.Objects)))
            .OrderByDescending(count => count.Objects)];

    public static IReadOnlyList<BuddyCount> ReadBuddy(AttachedProbes probes)
        => [.. probes.ReadHash<BuddyKey, long>("buddy_counts")
            .Select(entry => new BuddyCount(entry.Key.Pid, entry.Key.Order, entry.Value))
            .OrderBy(count => (count.Pid, count.Order))];

    private static bool IsKnown(ProbeChoice? slab, string stage) => slab?.Probes.Any(probe => probe.Cause == stage && probe.Reason is null) == true;

    /// <summary>The state that tells the stages apart is in its argument c; the probes read the fifth.</summary>
    private static string? ReasonOfSlowPath(Btf btf)
    {
        const int position = 4;
        var parameters = btf.FindFunction(SlowPath) is { } function ? btf.Parameters(btf.Target(function)) : [];
        return parameters.Count > position && parameters[position].Name == "c" && btf.HasMember("kmem_cache", "cpu_slab")
            ? null
            : $"{SlowPath} of this kernel has no argument for the CPU's slab";
    }

    private static string StageName(SlabStage stage) => (int)stage < Stages.Count ? Stages[(int)stage] : Unknown;

    /// <summary>kmalloc's tracepoint gives only the size of its objects; there are several caches of each size, so none can be named.</summary>
    private static string CacheName(ulong cache, SlabObjects objects)
    {
        if (cache > SlabKey.LargestKmallocSlab && cache >> 63 == 0)
            return "kmalloc-large";
        if (cache <= SlabKey.LargestKmallocSlab)
        {
            return string.Create(CultureInfo.InvariantCulture,
                $"kmalloc-{(cache >= 1024 && cache % 1024 == 0 ? $"{cache / 1024}k" : cache.ToString(CultureInfo.InvariantCulture))}");
        }

        ReadOnlySpan<byte> name = objects.Name;
        var end = name.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? name : name[..end]);
    }
}
