using Faultrec.Traces.Columns;

namespace Faultrec.Traces.Metadata;

/// <summary>
/// What was captured, what was lost, and what the kernel's own counters of the target say: served rows + sampled out +
/// in calls + in exec (for the perf backend: unseen) + lost + missed = the kernel's count.
/// </summary>
public sealed record Receipt
{
    /// <summary>Number of rows in the file.</summary>
    public required long Events { get; init; }

    /// <summary>Rows of faults that the kernel could not serve, which it does not count; null in older files.</summary>
    public long? Failed { get; init; }

    /// <summary>Served faults that a probe saw but could not hand over, because the ring was full or the probe at their end did not run.</summary>
    public long Lost { get; init; }

    /// <summary><see cref="Lost"/> by CPU; only CPUs with a loss.</summary>
    public IReadOnlyList<CpuLoss> LostByCpu { get; init; } = [];

    /// <summary><see cref="Lost"/> by whole second of the recording; only seconds with a loss.</summary>
    public IReadOnlyList<SecondLoss> LostBySecond { get; init; } = [];

    /// <summary>Faults in the kernel's own counters that nothing else in the receipt explains: no probe saw them served.</summary>
    public long Missed { get; init; }

    /// <summary>Faults that the probes saw and sampling left out; an exact count.</summary>
    public long SampledOut { get; init; }

    /// <summary>Major faults among <see cref="SampledOut"/>; an exact count.</summary>
    public long SampledOutMajor { get; init; }

    /// <summary>Faults of processes that were not the target, seen by counters of the whole machine.</summary>
    public long Excluded { get; init; }

    /// <summary>TLB flushes, lock waits and kernel objects for which the tables by process had no room.</summary>
    public long CountsLost { get; init; }

    /// <summary>Lost side-band records (mappings, names, forks, exits), after which regions may be wrong.</summary>
    public long LostSideband { get; init; }

    /// <summary>Faults whose entry was not seen, so that their duration is null.</summary>
    public long WithoutEntry { get; init; }

    /// <summary>
    /// Faults that began and whose outcome no probe saw (fixed up in the kernel, retried after a signal, killed; with kprobes also those under
    /// way at the end).
    /// </summary>
    public long WithoutOutcome { get; init; }

    /// <summary>Programs with other privileges (set-uid, file capabilities, not readable) whose faults the perf backend cannot follow.</summary>
    public long Unfollowed { get; init; }

    /// <summary>Faults whose address no known mapping covered (<see cref="FaultBatch.RegionId"/> 0).</summary>
    public long WithoutRegion { get; init; }

    /// <summary>Mappings beyond the ledger's limit, folded into others of the same process and name.</summary>
    public long RegionsFolded { get; init; }

    /// <summary>Mappings that were left out of the ledger because they had no fault.</summary>
    public long RegionsOmitted { get; init; }

    /// <summary>Minor faults by perf's software counter, over the same tasks and time; null if it was not read.</summary>
    public long? PerfMinor { get; init; }

    /// <summary>Major faults by perf's software counter, over the same tasks and time; null if it was not read.</summary>
    public long? PerfMajor { get; init; }

    /// <summary>
    /// Minor faults by the kernel's own counters (min_flt) of the recorded tasks while they were recorded, faults inside system calls included;
    /// null if they were not read.
    /// </summary>
    public long? KernelMinor { get; init; }

    /// <summary>Major faults by the kernel's own counters (maj_flt) of the recorded tasks while they were recorded; null if they were not read.</summary>
    public long? KernelMajor { get; init; }

    /// <summary>
    /// The part of the kernel's count inside execve, before the program's first instruction: these faults raise no exception and have no row.
    /// Null if unknown.
    /// </summary>
    public long? KernelExec { get; init; }

    /// <summary>
    /// The part of the kernel's count inside other system calls, which has no rows (<see cref="TraceMetadata.CallFaults"/> has the calls);
    /// null if it was not counted (the perf backend, older files).
    /// </summary>
    public long? InCalls { get; init; }

    /// <summary>Major faults among <see cref="InCalls"/>; null like it.</summary>
    public long? InCallsMajor { get; init; }

    /// <summary>The part of the kernel's count that the perf backend cannot see, in system calls, execve or kernel mode; null for other backends.</summary>
    public long? Unseen { get; init; }

    /// <summary>Why the recording ended: exited, interrupted, duration, max-size, disk-full, write-failed, failed, recovered or imported.</summary>
    public string EndReason { get; init; } = "exited";

    /// <summary>Exit status of the recorded command as a shell gives it (128 + n for signal n); null if faultrec did not run one.</summary>
    public int? ExitStatus { get; init; }

    /// <summary>Bytes of a damaged spool that <c>recover</c> left out.</summary>
    public long SpoolBytesDropped { get; init; }

    /// <summary>Marks that were not kept, because there were too many.</summary>
    public long MarksDropped { get; init; }

    /// <summary>Marks whose own time was before the recording or after they were read, and was moved to that moment.</summary>
    public long MarksMoved { get; init; }

    /// <summary>True if nothing was lost (faults, side-band records, counts) and no counter of the kernel contradicts the rows.</summary>
    public bool Complete { get; init; }

    /// <summary>Every number above, in the order in which `info` has them.</summary>
    internal static IReadOnlyList<ReceiptCounter> Counters { get; } =
    [
        new("events", receipt => receipt.Events)
        {
            Unit = "fault",
            Description = "rows of the file",
        },
        new("failed", receipt => receipt.Failed)
        {
            Unit = "fault",
            Description = "rows of faults that the kernel could not serve and does not count; left out in older files",
        },
        new("lost", receipt => receipt.Lost)
        {
            Unit = "fault",
            Description = "faults that a probe saw but could not deliver: its ring was full, or the probe at their end did not run",
            MakesIncomplete = true,
            QueryMeaning = "faults seen and lost",
        },
        new("missed", receipt => receipt.Missed)
        {
            Unit = "fault",
            Description = "faults in the kernel's own counters that nothing else in the receipt explains: no probe saw their end. Their CPU and second "
                + "are not known. In files without `failed` but with `excluded` faults, they may also not be the target's",
            MakesIncomplete = true,
            QueryMeaning = "faults that the kernel counted and no probe saw",
        },
        new("sampled_out", receipt => receipt.SampledOut)
        {
            Unit = "fault",
            Description = "faults that the probes saw and left out by sampling: an exact count",
            QueryMeaning = "faults left out by sampling",
        },
        new("sampled_out_major", receipt => receipt.SampledOutMajor)
        {
            Unit = "fault",
            Description = "major faults among `sampled_out`",
        },
        new("excluded", receipt => receipt.Excluded)
        {
            Unit = "fault",
            Description = "faults of processes that were not the target, seen by counters of the whole machine",
        },
        new("lost_sideband", receipt => receipt.LostSideband)
        {
            Unit = "record",
            Description = "lost records of mappings, names, forks and exits: regions may be wrong",
            MakesIncomplete = true,
            Doubt = "of mappings, names or forks lost, so regions may be wrong",
        },
        new("counts_lost", receipt => receipt.CountsLost)
        {
            Unit = "count",
            Description = "TLB flushes, lock waits and kernel objects that found the per-process tables full: those tables show too few",
            MakesIncomplete = true,
            Doubt = "of TLB flushes, lock waits or kernel objects lost, because the tables by process had no room",
        },
        new("without_entry", receipt => receipt.WithoutEntry)
        {
            Unit = "fault",
            Description = "faults whose entry was not seen: `duration_ns` is null",
            Doubt = "without a duration, because the entry was not seen",
        },
        new("without_outcome", receipt => receipt.WithoutOutcome)
        {
            Unit = "fault",
            Description = "faults whose start was seen and whose end was not; with kprobes also those under way when the recording ended",
            Doubt = "entered without an outcome (fixed up in the kernel, retried, or killed)",
        },
        new("unfollowed", receipt => receipt.Unfollowed)
        {
            Unit = "program",
            Description = "programs executed with other privileges (set-uid, file capabilities, not readable), whose faults the perf backend cannot follow",
            Doubt = "run with other rights (set-uid, capabilities), which the perf backend cannot follow",
        },
        new("without_region", receipt => receipt.WithoutRegion)
        {
            Unit = "fault",
            Description = "rows with `region_id` 0",
            Doubt = "outside every known mapping",
        },
        new("regions_folded", receipt => receipt.RegionsFolded)
        {
            Unit = "mapping",
            Description = "mappings merged into others, because there were too many to keep apart",
            Doubt = "beyond the ledger's limit folded into others",
        },
        new("regions_omitted", receipt => receipt.RegionsOmitted)
        {
            Unit = "mapping",
            Description = "mappings left out because nothing faulted in them",
            Doubt = "without a fault left out",
        },
        new("perf_minor", receipt => receipt.PerfMinor)
        {
            Unit = "fault",
            Description = "the kernel's perf counter of minor faults over the same time: of the target's tasks for a command and with the perf backend, "
                + "otherwise of all CPUs",
            MayBeNegative = true,
        },
        new("perf_major", receipt => receipt.PerfMajor)
        {
            Unit = "fault",
            Description = "the same of major faults",
            MayBeNegative = true,
        },
        new("kernel_minor", receipt => receipt.KernelMinor)
        {
            Unit = "fault",
            Description = "increase of the target tasks' own counters of minor faults (min_flt) while they were recorded, added up as by `getrusage`",
            QueryMeaning = "what the kernel counted; NULL: not read",
            MayBeNegative = true,
        },
        new("kernel_major", receipt => receipt.KernelMajor)
        {
            Unit = "fault",
            Description = "the same of major faults (maj_flt)",
            QueryMeaning = "what the kernel counted; NULL: not read",
            MayBeNegative = true,
        },
        new("kernel_exec", receipt => receipt.KernelExec)
        {
            Unit = "fault",
            Description = "faults in the kernel's count that have no row: inside `execve`, before the program's first instruction",
            QueryMeaning = "of these, inside execve and without a row; NULL: not read",
            MayBeNegative = true,
        },
        new("in_calls", receipt => receipt.InCalls)
        {
            Unit = "fault",
            Description = "faults in the kernel's count that have no row: inside other system calls; left out by the perf backend and in older files",
            QueryMeaning = "of these, inside other system calls and without a row; NULL: not read",
        },
        new("in_calls_major", receipt => receipt.InCallsMajor)
        {
            Unit = "fault",
            Description = "major faults among `in_calls`",
        },
        new("unseen", receipt => receipt.Unseen)
        {
            Unit = "fault",
            Description = "faults in the kernel's count that the perf backend cannot see: in system calls, in `execve`, and in kernel mode if it may not "
                + "record that; left out by other backends",
        },
        new("spool_bytes_dropped", receipt => receipt.SpoolBytesDropped)
        {
            Unit = "byte",
            Description = "bytes of damaged spool that `faultrec recover` left out",
            MakesIncomplete = true,
            Doubt = "of damaged spool left out",
        },
        new("marks_dropped", receipt => receipt.MarksDropped)
        {
            Unit = "mark",
            Description = "marks that were not kept: a recording has room for 10,000 that were set by hand, and for 1,000 of each other source",
            Doubt = "not kept, because there were too many",
        },
        new("marks_moved", receipt => receipt.MarksMoved)
        {
            Unit = "mark",
            Description = "marks whose own time was before the recording or after they were read: they have that moment instead",
            Doubt = "with a time outside the recording moved to its edge",
        },
    ];

    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        .. Counters.Select(counter => new MetadataMember(counter.Name, RedactionRule.Keep)),
        new("lost_by_cpu", CpuLoss.Members),
        new("lost_by_second", SecondLoss.Members),
        new("end_reason", RedactionRule.Keep),
        new("exit_status", RedactionRule.Keep),
        new("complete", RedactionRule.Keep),
    ];

    /// <summary>No counter tells of something that is missing from the recording.</summary>
    internal bool LostNothing() => Counters.All(counter => !counter.MakesIncomplete || counter.Of(this) is null or 0);
}

/// <summary>Lost faults of one CPU.</summary>
/// <param name="Cpu">Number of the CPU.</param>
/// <param name="Lost">Number of lost faults.</param>
public sealed record CpuLoss(int Cpu, long Lost)
{
    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("cpu", RedactionRule.Keep),
        new("lost", RedactionRule.Keep),
    ];
}

/// <summary>Lost faults in one second of the recording.</summary>
/// <param name="Second">The second, counted from the start.</param>
/// <param name="Lost">Number of lost faults.</param>
public sealed record SecondLoss(long Second, long Lost)
{
    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("second", RedactionRule.Keep),
        new("lost", RedactionRule.Keep),
    ];
}
