using Faultrec.Recorder.Probes;
using Faultrec.Recorder.Spool;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Capture;

/// <summary>
/// A backend while it captures. When it is opened, everything is attached and the kernel knows the target; a command has
/// not executed its program yet, and its faults count from its execve on.
/// </summary>
internal interface ICapture : IDisposable
{
    Backend Backend { get; }

    /// <summary>The functions that --handlers asked for; empty without it.</summary>
    IReadOnlyList<HandlerProbe> Handlers { get; }

    /// <summary>Whether page tables are walked at each fault, or why not.</summary>
    PageTableRecording Frames { get; }

    /// <summary>The probes for --why and --slab, and for the count of TLB flushes.</summary>
    CostProbes Costs { get; }

    /// <summary>Whether stacks are recorded, or why not; null: they were not asked for.</summary>
    StackRecording? Stacks { get; }

    /// <summary>Faults of kernel mode on behalf of the program are not seen.</summary>
    bool ExcludesKernel { get; }

    /// <summary>Readable when a ring fills: drain before the clock says so.</summary>
    IEnumerable<int> Fds { get; }

    /// <summary>When the target process was last sent an ending signal, CLOCK_MONOTONIC ns; 0: never, or not known.</summary>
    long TargetSignalledNs { get; }

    /// <summary>Whether <see cref="TargetSignalledNs"/> is known.</summary>
    bool SeesSignals { get; }

    /// <summary>Begins to capture processes that already run, and appends their mappings and names; not used for a command.</summary>
    void Start(IRecordSink sink);

    /// <summary>Empties every ring into the sink.</summary>
    void DrainTo(IRecordSink sink, long nowNs);

    /// <summary>Ends the capture; one last <see cref="DrainTo"/> gets what the rings still hold.</summary>
    void Stop();

    /// <summary>Whether any process was a target, with a fault or without; asked after the last <see cref="DrainTo"/>.</summary>
    bool HasMatched { get; }

    /// <summary>What the kernel and the probes counted, after <see cref="Stop"/>.</summary>
    CaptureCounts ReadCounts();
}
