using Faultrec.Recorder.Probes;
using Faultrec.Recorder.Spool;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Capture;

/// <summary>
/// One rung of the ladder while it captures. Opened with everything attached and the target known to the kernel; a command has
/// not executed its program yet, and its faults count from its execve on.
/// </summary>
internal interface ICapture : IDisposable
{
    Backend Backend { get; }

    /// <summary>What --handlers asked for; else empty.</summary>
    IReadOnlyList<HandlerProbe> Handlers { get; }

    /// <summary>Whether page tables are walked at each fault, or why not.</summary>
    PageTableRecording Frames { get; }

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
    void Start(IRecordSink sink);

    /// <summary>Empties every ring into the sink.</summary>
    void DrainTo(IRecordSink sink, long nowNs);

    /// <summary>Ends the capture; what the rings still hold is for one last <see cref="DrainTo"/>.</summary>
    void Stop();

    /// <summary>What the kernel and the probes counted, after <see cref="Stop"/>.</summary>
    CaptureCounts ReadCounts();
}
