using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Spool;

/// <summary>What the probes and the kernel's counters had counted when the capture ended.</summary>
internal sealed record CaptureCounts
{
    /// <summary>Numbers that the capture itself counts; those that follow from rows and side-band are added when the trace is made.</summary>
    public required Receipt Receipt { get; init; }

    /// <summary>Rare events (mappings, tasks) that found their ring full.</summary>
    public long EventsLost { get; init; }

    /// <summary>
    /// Faults that were under way at the end, or whose return the kprobe backend missed: it cannot tell which. In addition to
    /// <see cref="Receipt.WithoutOutcome"/>.
    /// </summary>
    public long ReturnsDue { get; init; }

    /// <summary>Files without unwind tables, and why.</summary>
    public IReadOnlyList<string> StackWarnings { get; init; } = [];

    /// <summary>Null for a backend without BPF programs.</summary>
    public CostCounts? Costs { get; init; }
}
