using Faultrec.Traces.Columns;

namespace Faultrec.Traces.Metadata;

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
