using System.Text.Json.Serialization;
using Faultrec.Traces.Columns;

namespace Faultrec.Traces.Metadata;

/// <summary>
/// Everything the trace says besides its rows. Stored as key-value metadata of the Parquet footer, one key a property,
/// `faultrec.` + snake_case name, value JSON (docs/format.md). Times are ns since the recording began unless said.
/// </summary>
public sealed record TraceMetadata
{
    public int SchemaVersion { get; init; } = TraceSchema.Version;

    /// <summary>The trace says which faults were major.</summary>
    public bool KnowsMajor => SchemaVersion != TraceSchema.VersionWithoutMajor;

    public required string ToolVersion { get; init; }

    /// <summary>argv of the recorded command; empty when a running target was recorded.</summary>
    public IReadOnlyList<string> Command { get; init; } = [];

    /// <summary>What was recorded, in the words of the command line: "command", "pid 1234", "all".</summary>
    public required string Target { get; init; }

    public required string Host { get; init; }

    /// <summary>uname -r.</summary>
    public required string Kernel { get; init; }

    /// <summary>uname -m.</summary>
    public required string Arch { get; init; }

    public int PageSize { get; init; } = PageGeometry.X64.PageBytes;

    /// <summary>What follows from <see cref="PageSize"/>.</summary>
    [JsonIgnore]
    public PageGeometry Pages => new(PageSize);

    /// <summary>Clock of every time: "CLOCK_MONOTONIC".</summary>
    public string Clock { get; init; } = "CLOCK_MONOTONIC";

    /// <summary>Value of that clock at time 0 of the trace, ns.</summary>
    public long ClockStartNs { get; init; }

    /// <summary>Wall-clock time at time 0 of the trace, ISO 8601 UTC in the file.</summary>
    public DateTimeOffset StartedAt { get; init; }

    /// <summary>From the start of the recording to its end.</summary>
    public long DurationNs { get; init; }

    /// <summary>By its name in the file.</summary>
    public required Backend Backend { get; init; }

    /// <summary>Backends that were tried, best first, with the reason of each refusal.</summary>
    public IReadOnlyList<LadderStep> Ladder { get; init; } = [];

    /// <summary>Bit values of FAULT_FLAG_* as the recorded kernel's BTF spells them; empty when it has none.</summary>
    public IReadOnlyDictionary<string, long> FaultFlagNames { get; init; } = new Dictionary<string, long>();

    /// <summary>Bit values of VM_FAULT_* as the recorded kernel's BTF spells them; empty when it has none.</summary>
    public IReadOnlyDictionary<string, long> FaultResultNames { get; init; } = new Dictionary<string, long>();

    /// <summary>Ordered by <see cref="Region.Id"/>; ids start at 1, 0 means that no mapping was known.</summary>
    public IReadOnlyList<Region> Regions { get; init; } = [];

    public IReadOnlyList<ProcessEntry> Processes { get; init; } = [];

    public IReadOnlyList<ThreadEntry> Threads { get; init; } = [];

    public required Receipt Receipt { get; init; }

    /// <summary>Null: every fault was taken.</summary>
    public Sampling? Sampling { get; init; }

    /// <summary>Faults of kernel mode were not recorded, because kernel.perf_event_paranoid forbids it to this user.</summary>
    public bool ExcludeKernel { get; init; }

    /// <summary>Functions that `--handlers` asked for; empty when it was not given.</summary>
    public IReadOnlyList<HandlerProbe> Handlers { get; init; } = [];

    /// <summary>Page-table facts (pt_level, pte_before, pfn, page_order); null in files from before they were recorded.</summary>
    public FrameRecording? Frames { get; init; }

    /// <summary>/sys/kernel/mm/transparent_hugepage/enabled: always, madvise, never; null: no such file.</summary>
    public string? ThpMode { get; init; }

    /// <summary>
    /// What a swap entry in <see cref="FaultBatch.PteBefore"/> is when its type is none of a swap device: type number to
    /// "migration", "hwpoison", "device", "marker" (include/linux/swap.h); empty where the recorder could not tell.
    /// </summary>
    public IReadOnlyDictionary<string, string> SwapTypes { get; init; } = new Dictionary<string, string>();

    /// <summary>Ranges that the program told the kernel how to fault, in order of time.</summary>
    public IReadOnlyList<MemoryAdvice> Advice { get; init; } = [];

    /// <summary>Which frames lie on which NUMA node; empty without frames.</summary>
    public IReadOnlyList<NumaRange> NumaNodes { get; init; } = [];

    /// <summary>TLB flushes of the recorded processes.</summary>
    public IReadOnlyList<TlbFlushes> TlbFlushes { get; init; } = [];

    /// <summary>Why TLB flushes were not counted; null: they were, or the file is from before they could be.</summary>
    public string? TlbRefusal { get; init; }

    /// <summary>Causes that `--why` asked for; empty when it was not given.</summary>
    public IReadOnlyList<CauseProbe> Causes { get; init; } = [];

    /// <summary>Whom faulting threads waited for at mmap_lock; only with `--why`.</summary>
    public IReadOnlyList<LockWait> LockWaits { get; init; } = [];

    /// <summary>Null: `--slab` was not given.</summary>
    public SlabRecording? Slab { get; init; }

    /// <summary>Null: stacks were not asked for.</summary>
    public StackRecording? StackRecording { get; init; }

    /// <summary>Null: no fault has a stack.</summary>
    public StackTable? Stacks { get; init; }

    /// <summary>System calls inside which the kernel served faults that have no row, in order of time.</summary>
    public IReadOnlyList<CallFaults> CallFaults { get; init; } = [];
}
