using Faultrec.Recorder.Spool;

namespace Faultrec.Recorder.Capture;

/// <summary>
/// One rung of the ladder while it captures. Opened with everything attached and the target known to the kernel; a command has
/// not executed its program yet, and its faults count from its execve on.
/// </summary>
internal interface ICapture : IDisposable
{
    /// <summary>Readable when a ring fills: drain before the clock says so.</summary>
    IEnumerable<int> Fds { get; }

    /// <summary>When the target process was last sent an ending signal, CLOCK_MONOTONIC ns; 0: never, or not known.</summary>
    long TargetSignalledNs { get; }

    /// <summary>Begins to capture what runs already, and appends the mappings and names it has; not for a command.</summary>
    void Start(IFrameSink sink);

    /// <summary>Empties every ring into the sink.</summary>
    void DrainTo(IFrameSink sink, long nowNs);

    /// <summary>Ends the capture; what the rings still hold is for one last <see cref="DrainTo"/>.</summary>
    void Stop();

    /// <summary>What the kernel and the probes counted, after <see cref="Stop"/>.</summary>
    CaptureCounts ReadCounts();
}

/// <param name="PerfMinor">The kernel's software counters over the same tasks and time; null where none was open.</param>
/// <param name="EventsLost">Rare events (mappings, tasks) that found their ring full.</param>
/// <param name="WithoutOutcome">Faults entered whose end no probe saw.</param>
internal sealed record CaptureCounts(long? PerfMinor, long? PerfMajor, long EventsLost, long WithoutOutcome)
{
    /// <summary>Faults that were seen and left out by sampling; exact.</summary>
    public long SampledOut { get; init; }

    /// <summary>Of these, major.</summary>
    public long SampledOutMajor { get; init; }
}
