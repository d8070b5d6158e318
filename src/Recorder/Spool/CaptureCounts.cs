namespace Faultrec.Recorder.Spool;

internal sealed record CaptureCounts
{
    /// <summary>The kernel's software counters over the same tasks and time; null where none was open.</summary>
    public long? PerfMinor { get; init; }

    public long? PerfMajor { get; init; }

    /// <summary>What min_flt and maj_flt of the targets gained while they were recorded; null where no probe looked at them.</summary>
    public long? KernelMinor { get; init; }

    public long? KernelMajor { get; init; }

    /// <summary>Of these, inside execve; only what raises no event.</summary>
    public long? KernelExec { get; init; }

    /// <summary>Of these, inside other system calls; only what raises no event.</summary>
    public long? InCallsMinor { get; init; }

    public long? InCallsMajor { get; init; }

    /// <summary>Rare events (mappings, tasks) that found their ring full.</summary>
    public long EventsLost { get; init; }

    /// <summary>Faults entered whose end no probe saw.</summary>
    public long WithoutOutcome { get; init; }

    /// <summary>
    /// Faults that were under way at the end, or whose return the kprobe rung has missed: it cannot tell. Beyond
    /// <see cref="WithoutOutcome"/>.
    /// </summary>
    public long ReturnsDue { get; init; }

    /// <summary>Faults that sampling left out; of these major.</summary>
    public long SampledOut { get; init; }

    public long SampledOutMajor { get; init; }

    /// <summary>Faults of others than the target that passed the probes.</summary>
    public long Excluded { get; init; }

    /// <summary>Files without unwind tables, and why.</summary>
    public IReadOnlyList<string> StackWarnings { get; init; } = [];

    /// <summary>Null for a rung without programs.</summary>
    public CostCounts? Costs { get; init; }
}
