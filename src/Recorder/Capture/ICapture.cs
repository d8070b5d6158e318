using Faultrec.Recorder.Spool;
using Faultrec.Traces;

namespace Faultrec.Recorder.Capture;

/// <summary>
/// One rung of the ladder while it captures. Opened with everything attached and the target known to the kernel; a command has
/// not executed its program yet, and its faults count from its execve on.
/// </summary>
internal interface ICapture : IDisposable
{
    /// <summary>One of <see cref="Backends"/>.</summary>
    string Backend { get; }

    /// <summary>What --handlers asked for; else empty.</summary>
    IReadOnlyList<HandlerProbe> Handlers { get; }

    /// <summary>Whether page tables are walked at each fault, or why not.</summary>
    FrameRecording Frames { get; }

    /// <summary>What --why and --slab asked for, and the count of TLB flushes.</summary>
    CostProbes Costs { get; }

    /// <summary>Stacks that are taken, or why they are not; null: none were to be.</summary>
    StackRecording? Stacks { get; }

    /// <summary>Faults that kernel mode takes for the program are not seen.</summary>
    bool ExcludesKernel { get; }

    /// <summary>Readable when a ring fills: drain before the clock says so.</summary>
    IEnumerable<int> Fds { get; }

    /// <summary>When the target process was last sent an ending signal, CLOCK_MONOTONIC ns; 0: never, or not known.</summary>
    long TargetSignalledNs { get; }

    /// <summary>Whether <see cref="TargetSignalledNs"/> is known.</summary>
    bool SeesSignals { get; }

    /// <summary>Begins to capture what runs already, and appends the mappings and names it has; not for a command.</summary>
    void Start(IFrameSink sink);

    /// <summary>Empties every ring into the sink.</summary>
    void DrainTo(IFrameSink sink, long nowNs);

    /// <summary>Ends the capture; what the rings still hold is for one last <see cref="DrainTo"/>.</summary>
    void Stop();

    /// <summary>What the kernel and the probes counted, after <see cref="Stop"/>.</summary>
    CaptureCounts ReadCounts();
}

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
