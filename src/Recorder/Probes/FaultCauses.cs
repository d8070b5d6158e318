using Faultrec.Recorder.Native;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Probes;

/// <summary>--why: where the time of a fault went, see bpf/why.bpf.h.</summary>
internal static class FaultCauses
{
    private const string LockTracepoint = "mmap_lock_start_locking";

    // Until 6.10, and since.
    private static readonly string[] ZeroingFunctions = ["folio_zero_user", "clear_huge_page"];

    /// <summary>By enum fault_cause.</summary>
    public static IReadOnlyList<string> Names { get; } = ["reclaim", "compaction", "io_wait", "lock_wait", "off_cpu", "zeroing"];

    public static ProbeChoice Find(Backend backend, Btf? btf)
    {
        List<CauseProbe> causes = [];
        HashSet<string> programs = [];
        // Without CONFIG_MEMCG there is no reclaim for a cgroup.
        Add("reclaim", "mm_vmscan_direct_reclaim_begin", ["reclaim_begin", "reclaim_end"]);
        if (btf?.HasTracepoint("mm_vmscan_memcg_reclaim_begin") == true)
            programs.UnionWith(["memcg_reclaim_begin", "memcg_reclaim_end"]);
        Add("compaction", "mm_compaction_begin", ["compaction_begin", "compaction_end"]);
        Add("io_wait", "sched_switch", ["thread_switched"]);
        Add("lock_wait", LockTracepoint, ["lock_wait_begin", "lock_wait_end"]);
        Add("off_cpu", "sched_switch", ["thread_switched"]);
        AddZeroing(backend, causes, programs);
        if (StartsAtException(backend))
            programs.UnionWith(["exception_user", "exception_kernel"]);
        return new ProbeChoice(causes, [.. programs]);

        void Add(string cause, string tracepoint, string[] its)
        {
            var reason = btf?.HasTracepoint(tracepoint) == true ? null : $"this kernel has no tracepoint {tracepoint}, or its BTF does not list it";
            causes.Add(new CauseProbe(cause, reason));
            if (reason is null)
                programs.UnionWith(its);
        }
    }

    public static ProbeConfig Describe(ProbeConfig config, Backend backend, ProbeChoice? causes)
    {
        if (causes is null)
            return config;
        config.StartsAtException = (byte)(StartsAtException(backend) ? 1 : 0);
        using var btf = Btf.OpenKernel();
        // (mm, write), and with a cgroup's path between them in older kernels.
        config.ArgLockWrite = (byte)((btf?.TracepointArguments(LockTracepoint)?.Count ?? 2) - 1);
        return config;
    }

    public static IReadOnlyList<LockWait> ReadLockWaits(AttachedProbes probes)
        => [.. probes.ReadHash<LockWaitKey, LockWaitCount>("lock_waits")
            .Select(entry => new LockWait(
                entry.Key.Pid, entry.Key.Tid, entry.Key.HolderPid, entry.Key.HolderTid, entry.Value.Waits, entry.Value.TotalNs, entry.Value.MaxNs))
            .OrderByDescending(wait => wait.TotalNs)];

    /// <summary>The wait for mmap_lock comes before handle_mm_fault, where the durations of these backends begin otherwise.</summary>
    private static bool StartsAtException(Backend backend) => backend.Hooks is not null;

    private static void AddZeroing(Backend backend, List<CauseProbe> causes, HashSet<string> programs)
    {
        var refusals = KernelFunctions.Reasons(backend, ZeroingFunctions);
        var function = ZeroingFunctions.FirstOrDefault(function => refusals[function] is null);
        if (function is null)
        {
            var reason = refusals[ZeroingFunctions[0]];
            causes.Add(new CauseProbe("zeroing", reason == KernelFunctions.Missing ? $"{string.Join(" and ", ZeroingFunctions)} are {reason}" : reason));
            return;
        }

        causes.Add(new CauseProbe("zeroing", null));
        programs.UnionWith([$"{backend.Hooks!.Entry}_{function}", $"{backend.Hooks.Return}_{function}"]);
    }
}
