namespace Faultrec.Traces.Metadata;

/// <summary>The keys of the file's metadata, each described once.</summary>
internal static class MetadataKeys
{
    public static MetadataKey<int> SchemaVersion { get; } = new(
        new("schema_version", RedactionRule.Keep), Context.Int32, m => m.SchemaVersion, (m, value) => m with { SchemaVersion = value })
    {
        Json = "number",
        Description = "version of this format; look at it first",
    };

    public static ChecksumsKey Checksums { get; } = new()
    {
        Json = "array of strings",
        Description = "one string per row group: CRC-32C of each column chunk in file order, 8 hex digits each",
    };

    /// <summary>In the order of the file.</summary>
    public static IReadOnlyList<MetadataKey> All { get; } =
    [
        SchemaVersion,
        new MetadataKey<string>(new("tool_version", RedactionRule.Keep), Context.String, m => m.ToolVersion, (m, value) => m with { ToolVersion = value })
        {
            Json = "string",
            Description = "version of faultrec that wrote the file",
        },
        new MetadataKey<IReadOnlyList<string>>(
            new("command", RedactionRule.Drop), Context.IReadOnlyListString, m => m.Command, (m, value) => m with { Command = value })
        {
            Json = "array of strings",
            Description = "the recorded command with its arguments; empty for every other target",
        },
        new MetadataKey<string>(new("target", RedactionRule.Pseudonym), Context.String, m => m.Target, (m, value) => m with { Target = value })
        {
            Json = "string",
            Description = "what was recorded: `\"command\"`, `\"pid 1234\"`, `\"all\"`",
        },
        new MetadataKey<string>(new("host", RedactionRule.Pseudonym), Context.String, m => m.Host, (m, value) => m with { Host = value })
        {
            Json = "string",
            Description = "name of the machine",
        },
        new MetadataKey<string>(new("kernel", RedactionRule.Keep), Context.String, m => m.Kernel, (m, value) => m with { Kernel = value })
        {
            Json = "string",
            Description = "`uname -r`",
        },
        new MetadataKey<string>(new("arch", RedactionRule.Keep), Context.String, m => m.Arch, (m, value) => m with { Arch = value })
        {
            Json = "string",
            Description = "`uname -m`",
        },
        new MetadataKey<int>(new("page_size", RedactionRule.Keep), Context.Int32, m => m.PageSize, (m, value) => m with { PageSize = value })
        {
            Problem = MetadataRules.PageSize,
            Json = "number",
            Description = "bytes",
        },
        new MetadataKey<string>(new("clock", RedactionRule.Keep), Context.String, m => m.Clock, (m, value) => m with { Clock = value })
        {
            Json = "string",
            Description = "`\"CLOCK_MONOTONIC\"`; in an imported trace that of the source: `\"perf\"`, `\"systing\"`",
        },
        new MetadataKey<long>(new("clock_start_ns", RedactionRule.Drop), Context.Int64, m => m.ClockStartNs, (m, value) => m with { ClockStartNs = value })
        {
            Json = "number",
            Description = "value of that clock at time 0 of the trace",
        },
        new MetadataKey<DateTimeOffset>(
            new("started_at", RedactionRule.Round), Context.DateTimeOffset, m => m.StartedAt, (m, value) => m with { StartedAt = value })
        {
            Problem = MetadataRules.StartedAt,
            Json = "string",
            Description = "wall-clock time at time 0, ISO 8601 UTC: `\"2025-03-01T12:00:00.1234567Z\"`",
        },
        new MetadataKey<long>(new("duration_ns", RedactionRule.Keep), Context.Int64, m => m.DurationNs, (m, value) => m with { DurationNs = value })
        {
            Problem = MetadataRules.Duration,
            Json = "number",
            Description = "length of the recording",
        },
        new MetadataKey<Backend>(new("backend", RedactionRule.Keep), Context.Backend, m => m.Backend, (m, value) => m with { Backend = value })
        {
            Json = "string",
            Description = "how faults were recorded: `\"fexit\"`, `\"kprobe\"`, `\"tracepoint\"`, `\"perf\"`; in an [imported](import.md) trace "
                + "`\"import: perf script\"` or `\"import: systing\"`",
        },
        new MetadataKey<IReadOnlyList<LadderStep>>(
            new("ladder", LadderStep.Members), Context.IReadOnlyListLadderStep, m => m.Ladder, (m, value) => m with { Ladder = value })
        {
            Json = "array of `{backend, reason}`",
            Description = "backends tried, best first; `reason` says why one was refused, the last has none",
        },
        new MetadataKey<IReadOnlyDictionary<string, long>>(
            new("fault_flag_names", RedactionRule.Keep), Context.IReadOnlyDictionaryStringInt64,
            m => m.FaultFlagNames, (m, value) => m with { FaultFlagNames = value })
        {
            Json = "object: name → number",
            Description = "bits of `fault_flags` as the recorded kernel names them; empty if it does not name them",
        },
        new MetadataKey<IReadOnlyDictionary<string, long>>(
            new("fault_result_names", RedactionRule.Keep), Context.IReadOnlyDictionaryStringInt64,
            m => m.FaultResultNames, (m, value) => m with { FaultResultNames = value })
        {
            Json = "object: name → number",
            Description = "bits of `fault_result`, likewise",
        },
        new MetadataKey<IReadOnlyList<Region>>(
            new("regions", Region.Members), Context.IReadOnlyListRegion, m => m.Regions, (m, value) => m with { Regions = value })
        {
            WithDefaults = WithDefaults,
            Problem = MetadataRules.Regions,
            Json = "array of regions",
            Description = "every mapping that existed, ordered by `id`",
        },
        new MetadataKey<IReadOnlyList<ProcessEntry>>(
            new("processes", ProcessEntry.Members), Context.IReadOnlyListProcessEntry, m => m.Processes, (m, value) => m with { Processes = value })
        {
            Problem = MetadataRules.Processes,
            Json = "array of `{pid, parent_pid, shares_memory, comm, started_ns, exited_ns, exit_signal, fatal_fault_ns, fatal_file_bytes, is_poisoned}`",
            Description = "`shares_memory`: true if it began in its parent's memory, not in a copy (vfork, posix_spawn), else left out; `comm`: last name of "
                + "the main thread; no `started_ns`: it is older than the recording; no `exited_ns`: it outlived the recording; "
                + "`exit_signal`: the signal that ended it, 0 for none, left out if not known; `fatal_fault_ns`: `time_ns` of the failed fault that ended it; "
                + "`fatal_file_bytes`: if that was SIGBUS, the size of the file that was mapped there, then; "
                + "`is_poisoned`: true if its memory had a hardware error, else left out",
        },
        new MetadataKey<IReadOnlyList<ThreadEntry>>(
            new("threads", ThreadEntry.Members), Context.IReadOnlyListThreadEntry, m => m.Threads, (m, value) => m with { Threads = value })
        {
            Problem = MetadataRules.Threads,
            Json = "array of `{pid, tid, comm, started_ns, exited_ns}`",
            Description = "likewise",
        },
        new MetadataKey<Receipt>(new("receipt", Receipt.Members), Context.Receipt, m => m.Receipt, (m, value) => m with { Receipt = value })
        {
            WithDefaults = WithDefaults,
            Problem = MetadataRules.Receipt,
            Json = "object",
            Description = "what was captured and what was lost",
        },
        new MetadataKey<Sampling>(new("sampling", Sampling.Members), Context.Sampling, m => m.Sampling, (m, value) => m with { Sampling = value })
        {
            IsOptional = true,
            WithDefaults = WithDefaults,
            Json = "`{every, max_rate_per_s, rate_limited}` or null",
            Description = "one fault in `every` was recorded; above `max_rate_per_s` (left out: no limit) fewer were, and `rate_limited` says whether this "
                + "happened. "
                + "Null, or no such key: every fault was taken",
        },
        new MetadataKey<bool>(new("exclude_kernel", RedactionRule.Keep), Context.Boolean, m => m.ExcludeKernel, (m, value) => m with { ExcludeKernel = value })
        {
            IsOptional = true,
            Json = "bool",
            Description = "faults of kernel mode were not recorded, because `kernel.perf_event_paranoid` forbade it",
        },
        new MetadataKey<IReadOnlyList<HandlerProbe>>(
            new("handlers", HandlerProbe.Members), Context.IReadOnlyListHandlerProbe, m => m.Handlers, (m, value) => m with { Handlers = value })
        {
            IsOptional = true,
            Json = "array of `{function, refusal}`",
            Description = "functions that `--handlers` asked for; `refusal` says why one was not probed. Empty without `--handlers`",
        },
        new MetadataKey<PageTableRecording>(new("frames", PageTableRecording.Members), Context.PageTableRecording, m => m.PageTable,
            (m, value) => m with { PageTable = value })
        {
            IsOptional = true,
            Problem = MetadataRules.Frames,
            Json = "`{recorded, reason, paging_levels, direct_map_from, zero_pfn}` or null",
            Description = "whether `pt_level`, `pte_before`, `pfn` and `page_order` were recorded, or the `reason` why not; `zero_pfn`: frame of the zero page",
        },
        new MetadataKey<string>(new("thp_mode", RedactionRule.Keep), Context.String, m => m.ThpMode, (m, value) => m with { ThpMode = value })
        {
            IsOptional = true,
            Json = "string or null",
            Description = "transparent huge pages: `\"always\"`, `\"madvise\"`, `\"never\"`",
        },
        new MetadataKey<IReadOnlyList<FolioSize>>(
            new("folio_sizes", FolioSize.Members), Context.IReadOnlyListFolioSize, m => m.FolioSizes, (m, value) => m with { FolioSizes = value })
        {
            IsOptional = true,
            Problem = MetadataRules.FolioSizes,
            Json = "array of `{kib, enabled, shmem_enabled}`",
            Description = "settings of each size of pages that a fault may get (`/sys/kernel/mm/transparent_hugepage/hugepages-*kB`, since Linux 6.8), "
                + "the smallest first; `inherit`: as `thp_mode` says",
        },
        new MetadataKey<IReadOnlyDictionary<string, string>>(
            new("swap_types", RedactionRule.Keep), Context.IReadOnlyDictionaryStringString, m => m.SwapTypes, (m, value) => m with { SwapTypes = value })
        {
            IsOptional = true,
            Json = "object: type number → string",
            Description = "what the kernel keeps in swap entries of this type (bits 59 to 63 of a `pte_before` that is not present): `\"migration\"`, "
                + "`\"hwpoison\"`, `\"device\"`, `\"marker\"`; types that are not named are swap devices",
        },
        new MetadataKey<IReadOnlyList<SwapArea>>(
            new("swap_areas", SwapArea.Members), Context.IReadOnlyListSwapArea, m => m.SwapAreas, (m, value) => m with { SwapAreas = value })
        {
            IsOptional = true,
            Problem = MetadataRules.SwapAreas,
            Json = "array of `{name, kib}` or null",
            Description = "devices and files to which the kernel could swap when the recording began (`/proc/swaps`); null: the recorder did not look",
        },
        new MetadataKey<MemoryPressure>(
            new("pressure", MemoryPressure.Members), Context.MemoryPressure, m => m.Pressure, (m, value) => m with { Pressure = value })
        {
            IsOptional = true,
            Problem = MetadataRules.Pressure,
            Json = "object `{cgroup, limit, limit_bytes, limit_hits, oom_kills, some_ns, full_ns, is_pressure_of_machine}`",
            Description = "how short of memory the target was: the lowest limit of its cgroup (when the recording began) and those above it, with the "
                + "file that sets it; how often it was met and how many processes the kernel killed meanwhile; time in which some, and all, tasks "
                + "waited for memory (`memory.pressure`, or `/proc/pressure/memory` of the machine)",
        },
        new MetadataKey<IReadOnlyList<MemoryAdvice>>(
            new("advice", MemoryAdvice.Members), Context.IReadOnlyListMemoryAdvice, m => m.Advice, (m, value) => m with { Advice = value })
        {
            IsOptional = true,
            Problem = MetadataRules.Advice,
            Json = "array of `{pid, start, end, advice, time_ns}`",
            Description = "what the program told the kernel about ranges of its memory: `hugepage`, `nohugepage`, `random` and `mergeable` (madvise), "
                + "`userfaultfd_missing`, `userfaultfd_wp`, `userfaultfd_minor`, `userfaultfd_none`",
        },
        new MetadataKey<IReadOnlyList<NumaRange>>(
            new("numa_nodes", NumaRange.Members), Context.IReadOnlyListNumaRange, m => m.NumaNodes, (m, value) => m with { NumaNodes = value })
        {
            IsOptional = true,
            Problem = MetadataRules.NumaNodes,
            Json = "array of `{node, first_pfn, end_pfn}`",
            Description = "which frames lie on which NUMA node; `end_pfn` is the first frame after them",
        },
        new MetadataKey<IReadOnlyList<NumaCpus>>(
            new("numa_cpus", NumaCpus.Members), Context.IReadOnlyListNumaCpus, m => m.NumaCpus, (m, value) => m with { NumaCpus = value })
        {
            IsOptional = true,
            Problem = MetadataRules.NumaCpus,
            Json = "array of `{node, first_cpu, end_cpu}`",
            Description = "which CPUs are on which NUMA node; `end_cpu` is the first CPU after them",
        },
        new MetadataKey<IReadOnlyList<TlbFlushes>>(
            new("tlb_flushes", TlbFlushes.Members), Context.IReadOnlyListTlbFlushes, m => m.TlbFlushes, (m, value) => m with { TlbFlushes = value })
        {
            IsOptional = true,
            Json = "array of `{pid, reason, flushes, pages, full}`",
            Description = "TLB flushes by process and reason (as the kernel's `tlb_flush` tracepoint names them); `pages`: sum over flushes "
                + "that named their pages, `full`: flushes of everything",
        },
        new MetadataKey<string>(new("tlb_refusal", RedactionRule.Keep), Context.String, m => m.TlbRefusal, (m, value) => m with { TlbRefusal = value })
        {
            IsOptional = true,
            Json = "string or null",
            Description = "why TLB flushes were not counted",
        },
        new MetadataKey<IReadOnlyList<CauseProbe>>(
            new("causes", CauseProbe.Members), Context.IReadOnlyListCauseProbe, m => m.Causes, (m, value) => m with { Causes = value })
        {
            IsOptional = true,
            Json = "array of `{cause, refusal}`",
            Description = "causes that `--why` asked for; `refusal` says why one was not traced. Empty without `--why`",
        },
        new MetadataKey<IReadOnlyList<LockWait>>(
            new("lock_waits", LockWait.Members), Context.IReadOnlyListLockWait, m => m.LockWaits, (m, value) => m with { LockWaits = value })
        {
            IsOptional = true,
            Json = "array of `{pid, tid, holder_pid, holder_tid, waits, total_ns, max_ns}`",
            Description = "which threads held mmap_lock while others waited for it in a fault, with `--why`; holder 0: not known, or readers hold it and a "
                + "writer waits first",
        },
        new MetadataKey<SlabRecording>(new("slab", SlabRecording.Members), Context.SlabRecording, m => m.Slab, (m, value) => m with { Slab = value })
        {
            IsOptional = true,
            WithDefaults = WithDefaults,
            Problem = MetadataRules.Slab,
            Json = "`{stages, caches, buddy_allocations}` or null",
            Description = "with `--slab`: `stages` `{cause, refusal}` as above, `caches` `{pid, cache, stage, objects}`, `buddy_allocations` `{pid, "
                + "order, allocations}`",
        },
        new MetadataKey<StackRecording>(
            new("stack_recording", StackRecording.Members), Context.StackRecording, m => m.StackRecording, (m, value) => m with { StackRecording = value })
        {
            IsOptional = true,
            WithDefaults = WithDefaults,
            Problem = MetadataRules.StackRecording,
            Json = "`{refusal, complete, truncated, lost, warnings}` or null",
            Description = "null if stacks were not asked for; `refusal`: why none were recorded; counts of faults by stack: `complete` walked to the "
                + "thread's outermost frame without a guess, `truncated` ended before it or passed code without a table, `lost` found no room; `warnings` name "
                + "files whose symbols or unwind tables could not be read",
        },
        new MetadataKey<StackTable>(new("stacks", StackTable.Members), Context.StackTable, m => m.Stacks, (m, value) => m with { Stacks = value })
        {
            IsOptional = true,
            WithDefaults = WithDefaults,
            Problem = MetadataRules.Stacks,
            Json = "`{modules, frames, parents, node_frames}` or null",
            Description = "the distinct stacks as one tree, see below",
        },
        new MetadataKey<IReadOnlyList<CallFaults>>(
            new("call_faults", CallFaults.Members), Context.IReadOnlyListCallFaults, m => m.CallFaults, (m, value) => m with { CallFaults = value })
        {
            IsOptional = true,
            Problem = MetadataRules.CallFaults,
            Json = "array of calls",
            Description = "system calls inside which the kernel served faults that have no row, in order of time, see below",
        },
        new MetadataKey<IReadOnlyList<ProcessMemory>>(
            new("memory", ProcessMemory.Members), Context.IReadOnlyListProcessMemory, m => m.Memory, (m, value) => m with { Memory = value })
        {
            IsOptional = true,
            Problem = MetadataRules.Memory,
            Json = "array of `{pid, time_ns, anon_bytes, file_bytes, shmem_bytes, swap_bytes, peak_bytes, has_exit, refuses_huge_pages}`",
            Description = "the kernel's own counters of each process's resident memory, read now and then: arrays of equal length; `peak_bytes`: the highest "
                + "that the kernel knew; `has_exit`: the last sample was taken when the process ended; `refuses_huge_pages`: "
                + "true after prctl(PR_SET_THP_DISABLE), else left out",
        },
        new MetadataKey<ReleaseTable>(new("releases", ReleaseTable.Members), Context.ReleaseTable, m => m.Releases, (m, value) => m with { Releases = value })
        {
            IsOptional = true,
            Problem = MetadataRules.Releases,
            Json = "`{calls, time_ns, pid, call, first_page, pages, to_page, stack, omitted, omitted_pages}` or null",
            Description = "ranges of memory that were given back, moved, made huge or filled by a userfaultfd's handler, in order of time, see below; "
                + "null: the recorder did not look",
        },
        new MetadataKey<ResidentRuns>(
            new("resident_before", ResidentRuns.Members), Context.ResidentRuns, m => m.ResidentBefore, (m, value) => m with { ResidentBefore = value })
        {
            IsOptional = true,
            Problem = MetadataRules.ResidentBefore,
            Json = "`{pid, first_page, pages, omitted_pages}` or null",
            Description = "runs of pages that were resident before the recording began: three arrays of equal length, and how many more such pages there were",
        },
        new MetadataKey<IReadOnlyList<Mark>>(new("marks", Mark.Members), Context.IReadOnlyListMark, m => m.Marks, (m, value) => m with { Marks = value })
        {
            IsOptional = true,
            Problem = MetadataRules.Marks,
            Json = "array of `{time_ns, name, source, pid}`",
            Description = "moments that have a name, in order of time ([phases](phases.md)); `source`: `\"mark\"` (set by hand), `\"exec\"` or `\"listen\"`, "
                + "which have a `pid`",
        },
        Checksums,
    ];

    private static MetadataContext Context => MetadataContext.Default;

    private static IReadOnlyList<Region> WithDefaults(IReadOnlyList<Region> regions)
        => [.. regions.Select(region => region with { Lives = Math.Max(region.Lives, 1) })];

    private static Sampling WithDefaults(Sampling sampling) => sampling with { Every = Math.Max(sampling.Every, 1) };

    private static SlabRecording WithDefaults(SlabRecording slab) => new(slab.Stages ?? [], slab.Caches ?? [], slab.BuddyAllocations ?? []);

    private static StackRecording WithDefaults(StackRecording stacks) => stacks with { Warnings = stacks.Warnings ?? [] };

    private static StackTable WithDefaults(StackTable stacks) => new(stacks.Modules ?? [], stacks.Frames ?? [], stacks.Parents ?? [], stacks.NodeFrames ?? []);

    private static Receipt WithDefaults(Receipt receipt) => receipt with
    {
        LostByCpu = receipt.LostByCpu ?? [],
        LostBySecond = receipt.LostBySecond ?? [],
        EndReason = receipt.EndReason ?? new Receipt { Events = 0 }.EndReason,
    };
}
