using System.Text.Json.Serialization;
using Faultrec.Traces.Columns;

namespace Faultrec.Traces.Metadata;

/// <summary>
/// Everything in a trace besides its rows. It is stored as key-value metadata of the Parquet footer, one key per property:
/// `faultrec.` + snake_case name, value JSON (docs/format.md). Times are ns since the recording began, unless said otherwise.
/// </summary>
public sealed record TraceMetadata
{
    /// <summary>Schema version of the file (docs/format.md).</summary>
    public int SchemaVersion { get; init; } = TraceSchema.Version;

    /// <summary>True if the trace says which faults were major.</summary>
    public bool KnowsMajor => SchemaVersion != TraceSchema.VersionWithoutMajor;

    /// <summary>Version of faultrec that wrote the file.</summary>
    public required string ToolVersion { get; init; }

    /// <summary>Arguments of the recorded command; empty if a running target was recorded.</summary>
    public IReadOnlyList<string> Command { get; init; } = [];

    /// <summary>What was recorded, as on the command line: "command", "pid 1234", "all".</summary>
    public required string Target { get; init; }

    /// <summary>A command or a process was recorded, with every process that it created.</summary>
    [JsonIgnore]
    internal bool IsOfOneTree => Target == "command" || Target.StartsWith("pid ", StringComparison.Ordinal);

    /// <summary>Name of the recorded machine.</summary>
    public required string Host { get; init; }

    /// <summary>Release of the recorded kernel, as `uname -r` prints it.</summary>
    public required string Kernel { get; init; }

    /// <summary>Architecture of the recorded machine, as `uname -m` prints it.</summary>
    public required string Arch { get; init; }

    /// <summary>Page size of the recorded machine, bytes.</summary>
    public int PageSize { get; init; } = PageGeometry.X64.PageBytes;

    /// <summary>What follows from <see cref="PageSize"/>.</summary>
    [JsonIgnore]
    public PageGeometry Pages => new(PageSize);

    /// <summary>The clock of all times: "CLOCK_MONOTONIC", or "perf" or "systing" for an imported trace.</summary>
    public string Clock { get; init; } = "CLOCK_MONOTONIC";

    /// <summary>Value of <see cref="Clock"/> at time 0 of the trace, ns.</summary>
    public long ClockStartNs { get; init; }

    /// <summary>Wall-clock time at time 0 of the trace.</summary>
    public DateTimeOffset StartedAt { get; init; }

    /// <summary>Length of the recording, ns.</summary>
    public long DurationNs { get; init; }

    /// <summary>The backend, or the importer, that made the trace.</summary>
    public required Backend Backend { get; init; }

    /// <summary>Backends that were tried, best first, with the reason of each refusal.</summary>
    public IReadOnlyList<LadderStep> Ladder { get; init; } = [];

    /// <summary>Bit values of FAULT_FLAG_* by the names in the recorded kernel's BTF; empty if it has none.</summary>
    public IReadOnlyDictionary<string, long> FaultFlagNames { get; init; } = new Dictionary<string, long>();

    /// <summary>Bit values of VM_FAULT_* by the names in the recorded kernel's BTF; empty if it has none.</summary>
    public IReadOnlyDictionary<string, long> FaultResultNames { get; init; } = new Dictionary<string, long>();

    /// <summary>Every mapping that existed, ordered by <see cref="Region.Id"/>. Ids start at 1; in a row, 0 means that no mapping is known.</summary>
    public IReadOnlyList<Region> Regions { get; init; } = [];

    /// <summary>The processes of the recording.</summary>
    public IReadOnlyList<ProcessEntry> Processes { get; init; } = [];

    /// <summary>The threads of the recording.</summary>
    public IReadOnlyList<ThreadEntry> Threads { get; init; } = [];

    /// <summary>What was captured, what was lost, and what the kernel counted.</summary>
    public required Receipt Receipt { get; init; }

    /// <summary>How faults were sampled; null if every fault was recorded.</summary>
    public Sampling? Sampling { get; init; }

    /// <summary>True if faults of kernel mode were not recorded, because kernel.perf_event_paranoid forbids that to the user.</summary>
    public bool ExcludeKernel { get; init; }

    /// <summary>The functions that `--handlers` probes; empty if it was not given.</summary>
    public IReadOnlyList<HandlerProbe> Handlers { get; init; } = [];

    /// <summary>Whether page-table facts (pt_level, pte_before, pfn, page_order) were recorded; null in files older than these columns.</summary>
    [JsonPropertyName("frames")]
    public PageTableRecording? PageTable { get; init; }

    /// <summary>
    /// Setting of transparent huge pages (/sys/kernel/mm/transparent_hugepage/enabled): always, madvise or never; null if the file does not
    /// exist.
    /// </summary>
    public string? ThpMode { get; init; }

    /// <summary>
    /// Settings of each size of folios that faults may get (/sys/kernel/mm/transparent_hugepage/hugepages-*kB, since Linux 6.8), the smallest first;
    /// empty if the kernel has none, or the file is older.
    /// </summary>
    public IReadOnlyList<FolioSize> FolioSizes { get; init; } = [];

    /// <summary>
    /// Meaning of swap entries in <see cref="FaultBatch.PteBefore"/> whose type is not a swap device: type number to
    /// "migration", "hwpoison", "device" or "marker" (include/linux/swap.h); empty if the recorder could not tell.
    /// </summary>
    public IReadOnlyDictionary<string, string> SwapTypes { get; init; } = new Dictionary<string, string>();

    /// <summary>
    /// Where the kernel could swap to when the recording began (/proc/swaps); empty if it had no swap, null if the recorder did not look.
    /// </summary>
    public IReadOnlyList<SwapArea>? SwapAreas { get; init; }

    /// <summary>How short of memory the target was; null: not known, as after a recorder that was killed.</summary>
    public MemoryPressure? Pressure { get; init; }

    /// <summary>The program's advice to the kernel on how to fault ranges (madvise, userfaultfd), in order of time.</summary>
    public IReadOnlyList<MemoryAdvice> Advice { get; init; } = [];

    /// <summary>The page frames of each NUMA node; empty if frames were not recorded.</summary>
    public IReadOnlyList<NumaRange> NumaNodes { get; init; } = [];

    /// <summary>The CPUs of each NUMA node; empty if frames were not recorded.</summary>
    public IReadOnlyList<NumaCpus> NumaCpus { get; init; } = [];

    /// <summary>TLB flushes of the recorded processes, by process and reason.</summary>
    public IReadOnlyList<TlbFlushes> TlbFlushes { get; init; } = [];

    /// <summary>Why TLB flushes were not counted; null if they were, or if the file is older than that count.</summary>
    public string? TlbRefusal { get; init; }

    /// <summary>The causes that `--why` traces; empty if it was not given.</summary>
    public IReadOnlyList<CauseProbe> Causes { get; init; } = [];

    /// <summary>The threads for which faulting threads waited at mmap_lock; empty without `--why`.</summary>
    public IReadOnlyList<LockWait> LockWaits { get; init; } = [];

    /// <summary>Kernel objects and pages that faults allocated; null if `--slab` was not given.</summary>
    public SlabRecording? Slab { get; init; }

    /// <summary>How stacks were recorded; null if they were not asked for.</summary>
    public StackRecording? StackRecording { get; init; }

    /// <summary>The stacks; null if no fault has one.</summary>
    public StackTable? Stacks { get; init; }

    /// <summary>System calls inside which the kernel served faults that have no row, in order of time.</summary>
    public IReadOnlyList<CallFaults> CallFaults { get; init; } = [];

    /// <summary>The kernel's own counters of the processes' resident memory, over time; empty if they were not read.</summary>
    public IReadOnlyList<ProcessMemory> Memory { get; init; } = [];

    /// <summary>Memory that the processes gave back or moved; null if the recorder did not look at it.</summary>
    public ReleaseTable? Releases { get; init; }

    /// <summary>What was resident before the recording began; null if the recorder did not look, or a command was recorded.</summary>
    public ResidentRuns? ResidentBefore { get; init; }

    /// <summary>Moments that have a name, in order of time; empty if none was set.</summary>
    public IReadOnlyList<Mark> Marks { get; init; } = [];
}
