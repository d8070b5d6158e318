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

    public int PageSize { get; init; } = 4096;

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

/// <summary>
/// Faults by get_user_pages inside a system call: they raise no exception. One call, or, where there were too many, all calls of a
/// process with the same <see cref="Call"/> and <see cref="Stack"/>, or of a name.
/// </summary>
/// <param name="Pid">0: of several processes.</param>
/// <param name="Tid">0: of several threads.</param>
/// <param name="Call">As in syscalls(2): mmap; null where its number has no name here, or is of a 32-bit program.</param>
/// <param name="Number">-1: between two system calls, in work that the kernel does for the thread.</param>
/// <param name="Calls">1: of one call.</param>
/// <param name="Start">Of the range that its arguments name; null where they name none.</param>
/// <param name="End">Exclusive.</param>
/// <param name="Stack">A node of <see cref="TraceMetadata.Stacks"/>; null where it was not taken.</param>
/// <param name="TimeNs">When the call, or the first of them, ended.</param>
/// <param name="LastNs">When the last of them ended.</param>
/// <param name="GoesOn">It had not ended when the recording did.</param>
public sealed record CallFaults(
    int Pid,
    int Tid,
    string? Call,
    int Number,
    long Calls,
    long Minor,
    long Major,
    [property: JsonConverter(typeof(HexAddressConverter))] ulong? Start,
    [property: JsonConverter(typeof(HexAddressConverter))] ulong? End,
    int? Stack,
    long TimeNs,
    long LastNs,
    bool GoesOn)
{
    [JsonIgnore]
    public long Faults => Minor + Major;
}

/// <param name="Recorded">The page table was walked at entry and completion of each fault.</param>
/// <param name="Reason">Why frames are null: refused, unverified, or not asked for; null where they were recorded.</param>
/// <param name="PagingLevels">4 or 5; 0 where not known.</param>
/// <param name="DirectMapFrom">How the base of the kernel's direct map was found: "kallsyms" or "calibration".</param>
/// <param name="ZeroPfn">Frame of the zero page.</param>
public sealed record FrameRecording(bool Recorded, string? Reason, int PagingLevels, string? DirectMapFrom, long? ZeroPfn);

/// <param name="Advice">hugepage, nohugepage (madvise(2)); userfaultfd_missing, userfaultfd_wp, userfaultfd_minor (UFFDIO_REGISTER), userfaultfd_none (UFFDIO_UNREGISTER).</param>
/// <param name="End">Exclusive.</param>
/// <param name="TimeNs">When the system call returned, ns since the recording began.</param>
public sealed record MemoryAdvice(
    int Pid,
    [property: JsonConverter(typeof(HexAddressConverter))] ulong Start,
    [property: JsonConverter(typeof(HexAddressConverter))] ulong End,
    [property: JsonRequired] string Advice,
    long TimeNs);

/// <param name="EndPfn">Exclusive.</param>
public sealed record NumaRange(int Node, long FirstPfn, long EndPfn);

/// <param name="Reason">As in include/trace/events/tlb.h.</param>
/// <param name="Pages">Sum over the flushes that named pages.</param>
/// <param name="Full">Flushes of everything.</param>
public sealed record TlbFlushes(int Pid, [property: JsonRequired] string Reason, long Flushes, long Pages, long Full);

/// <param name="Cause">reclaim, compaction, io_wait, lock_wait, off_cpu, zeroing: a column of that name with _ns.</param>
/// <param name="Refusal">Null: it was traced; otherwise why not.</param>
public sealed record CauseProbe([property: JsonRequired] string Cause, string? Refusal);

/// <param name="HolderPid">Who had mmap_lock for writing when the wait began; 0: not known.</param>
/// <param name="Waits">A fault that the kernel tries again can wait more than once.</param>
public sealed record LockWait(int Pid, int Tid, int HolderPid, int HolderTid, long Waits, long TotalNs, long MaxNs);

/// <summary>What `--slab` counted in faults of the recorded processes.</summary>
/// <param name="Stages">Each stage, and why it could not be told apart (null: it could).</param>
/// <param name="Caches">Objects by process, slab cache and stage.</param>
/// <param name="BuddyAllocations">Allocations of 2^order pages by process.</param>
public sealed record SlabRecording(IReadOnlyList<CauseProbe> Stages, IReadOnlyList<SlabCount> Caches, IReadOnlyList<BuddyCount> BuddyAllocations);

/// <param name="Stage">fast, sheaf, local, partial, remote, buddy; "unknown" where the kernel does not let us see it.</param>
public sealed record SlabCount(int Pid, [property: JsonRequired] string Cache, [property: JsonRequired] string Stage, long Objects);

public sealed record BuddyCount(int Pid, int Order, long Allocations);

/// <param name="Reason">Null for the backend that was taken; otherwise why it could not be.</param>
public sealed record LadderStep([property: JsonRequired] string Backend, string? Reason);

/// <summary>Not every fault has a row; <see cref="FaultBatch.Weight"/> says how many a row stands for.</summary>
/// <param name="Every">One fault in so many was taken, before any limit of the rate; 1 where only the limit thinned them.</param>
/// <param name="MaxRatePerSecond">Faults a second above which the recorder took fewer; null: no limit.</param>
/// <param name="RateLimited">That limit was reached.</param>
public sealed record Sampling(
    int Every, [property: JsonPropertyName("max_rate_per_s")] long? MaxRatePerSecond, bool RateLimited);

/// <param name="Function">Kernel function, as in /proc/kallsyms.</param>
/// <param name="Refusal">Null: it was probed; otherwise why it could not be.</param>
public sealed record HandlerProbe([property: JsonRequired] string Function, string? Refusal);

/// <summary>
/// A VMA of one process over the time it existed. Grown, shrunk and mprotect-split neighbours keep one entry, whose range is
/// the widest it had.
/// </summary>
public sealed record Region
{
    public required int Id { get; init; }

    public required int Pid { get; init; }

    [JsonConverter(typeof(HexAddressConverter))]
    public required ulong Start { get; init; }

    /// <summary>Exclusive.</summary>
    [JsonConverter(typeof(HexAddressConverter))]
    public required ulong End { get; init; }

    /// <summary>As in /proc/PID/maps: "rw-p".</summary>
    public required string Prot { get; init; }

    /// <summary>VM_* / MAP_* flags as the kernel's MMAP2 record gave them.</summary>
    public uint Flags { get; init; }

    /// <summary>[heap], [stack], [anon], [vdso], or the mapped file's path.</summary>
    public required string Name { get; init; }

    /// <summary>Mapped file, or null for anonymous memory.</summary>
    public string? Path { get; init; }

    public ulong Inode { get; init; }

    /// <summary>major:minor of the file's device, hex as in /proc/PID/maps; null for anonymous memory.</summary>
    public string? Device { get; init; }

    /// <summary>Byte offset in the file of <see cref="Start"/>.</summary>
    public ulong FileOffset { get; init; }

    /// <summary>Hex; null when the file has none or it was not read.</summary>
    public string? BuildId { get; init; }

    /// <summary>Null: it was there before the recording.</summary>
    public long? BornNs { get; init; }

    /// <summary>Null: it was still there at the end.</summary>
    public long? DiedNs { get; init; }

    /// <summary>
    /// Stack of the system calls that made it, a node of <see cref="TraceMetadata.Stacks"/>; null where not known, and where they have
    /// different ones: <see cref="FaultBatch.MapperStackId"/> is that of the part in which a fault lies.
    /// </summary>
    public int? MapperStack { get; init; }

    /// <summary>
    /// Mappings folded into this entry. More than one only when the recording had more mappings than the ledger holds
    /// (<see cref="Receipt.RegionsFolded"/>).
    /// </summary>
    public int Lives { get; init; } = 1;
}

public sealed record ProcessEntry
{
    public required int Pid { get; init; }

    public int? ParentPid { get; init; }

    /// <summary>Last name of the process's main thread.</summary>
    public required string Comm { get; init; }

    /// <summary>Null: it was there before the recording.</summary>
    public long? StartedNs { get; init; }

    public long? ExitedNs { get; init; }

    /// <summary>The signal that ended it; 0: none did. Null: it outlived the recording, or nothing told.</summary>
    public int? ExitSignal { get; init; }

    /// <summary>Start of the fault that the kernel could not serve and that ended it; null: none did, as far as is known.</summary>
    public long? FatalFaultNs { get; init; }
}

public sealed record ThreadEntry
{
    public required int Pid { get; init; }

    public required int Tid { get; init; }

    /// <summary>Last name.</summary>
    public required string Comm { get; init; }

    public long? StartedNs { get; init; }

    public long? ExitedNs { get; init; }
}

/// <summary>
/// What was captured, what was lost, and what the kernel's own counters of the target say: rows that were served + sampled out +
/// in calls + in exec (or, of the perf backend, unseen) + lost + missed = the kernel's count.
/// </summary>
public sealed record Receipt
{
    /// <summary>Rows in the file.</summary>
    public required long Events { get; init; }

    /// <summary>Of these, faults that the kernel could not serve, and does not count; null in files from before this was told.</summary>
    public long? Failed { get; init; }

    /// <summary>Served faults that a probe saw and could not hand over: the ring was full, or the probe at their end did not run.</summary>
    public long Lost { get; init; }

    public IReadOnlyList<CpuLoss> LostByCpu { get; init; } = [];

    /// <summary>Lost events by whole second of the recording; only seconds with a loss.</summary>
    public IReadOnlyList<SecondLoss> LostBySecond { get; init; } = [];

    /// <summary>Faults that the kernel's own counters have, and nothing else of the receipt explains: no probe saw them served.</summary>
    public long Missed { get; init; }

    /// <summary>Faults the probes saw and left out by sampling; exact.</summary>
    public long SampledOut { get; init; }

    /// <summary>Of these, major.</summary>
    public long SampledOutMajor { get; init; }

    /// <summary>Faults of processes that were not the target, seen by counters of the whole machine.</summary>
    public long Excluded { get; init; }

    /// <summary>TLB flushes, lock waits and kernel objects that the tables by process had no room for.</summary>
    public long CountsLost { get; init; }

    /// <summary>Side-band records (mappings, names, forks, exits) lost: regions may be wrong after this.</summary>
    public long LostSideband { get; init; }

    /// <summary>Faults that completed without their entry having been seen: their duration is null.</summary>
    public long WithoutEntry { get; init; }

    /// <summary>Faults entered whose outcome no probe saw (fixed up in the kernel, retried after a signal, killed; with kprobes also under way at the end).</summary>
    public long WithoutOutcome { get; init; }

    /// <summary>Programs that a task executed with other rights (set-uid, file capabilities, not readable) and whose faults the perf backend cannot follow.</summary>
    public long Unfollowed { get; init; }

    /// <summary>Faults whose address no known mapping covered (<see cref="FaultBatch.RegionId"/> 0).</summary>
    public long WithoutRegion { get; init; }

    /// <summary>Mappings beyond the ledger's limit, folded into others of the same process and name.</summary>
    public long RegionsFolded { get; init; }

    /// <summary>Mappings without a fault left out of the ledger.</summary>
    public long RegionsOmitted { get; init; }

    /// <summary>The perf software counter of minor faults over the same tasks and time; null where it was not read.</summary>
    public long? PerfMinor { get; init; }

    public long? PerfMajor { get; init; }

    /// <summary>min_flt summed over the recorded tasks while they were recorded, as getrusage counts; includes faults without a user context.</summary>
    public long? KernelMinor { get; init; }

    public long? KernelMajor { get; init; }

    /// <summary>Of the kernel's count, faults inside execve before the program's first instruction that have no row: they raise no exception.</summary>
    public long? KernelExec { get; init; }

    /// <summary>
    /// Of the kernel's count, faults inside other system calls that have no row (<see cref="TraceMetadata.CallFaults"/> has the calls);
    /// null where nobody looked: the perf backend, and files from before this was told.
    /// </summary>
    public long? InCalls { get; init; }

    public long? InCallsMajor { get; init; }

    /// <summary>Of the kernel's count, what the perf backend cannot see, in system calls, execve or kernel mode; null for others.</summary>
    public long? Unseen { get; init; }

    /// <summary>Why the recording ended: exited, interrupted, duration, max-size, disk-full, write-failed, failed, recovered.</summary>
    public string EndReason { get; init; } = "exited";

    /// <summary>Exit status of the recorded command as a shell gives it (128+n for a signal), when faultrec ran it.</summary>
    public int? ExitStatus { get; init; }

    /// <summary>Bytes of damaged spool that <c>recover</c> had to leave out.</summary>
    public long SpoolBytesDropped { get; init; }

    /// <summary>Nothing was lost, neither events nor side-band nor counts, and no counter of the kernel contradicts the rows.</summary>
    public bool Complete { get; init; }
}

public sealed record CpuLoss(int Cpu, long Lost);

public sealed record SecondLoss(long Second, long Lost);
