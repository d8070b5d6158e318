using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Live;

/// <summary>Faults that never reach a view.</summary>
/// <param name="NotShown">Faults for which the view was too slow.</param>
/// <param name="Lost">Faults for which the probes found their ring full.</param>
public readonly record struct MissedFaults(long NotShown, long Lost)
{
    public bool IsEmpty => NotShown == 0 && Lost == 0;

    public static MissedFaults operator +(MissedFaults left, MissedFaults right) => new(left.NotShown + right.NotShown, left.Lost + right.Lost);
}

/// <summary>
/// A viewer of a capture. All methods but <see cref="Start"/> run on the view's own thread, which may block for any time:
/// the capture drops faults instead of waiting.
/// </summary>
public interface ILiveView
{
    /// <summary>Called before everything else.</summary>
    /// <param name="metadata">What is known when the capture starts: no regions, tasks or figures.</param>
    void Start(TraceMetadata metadata);

    /// <param name="faults">In order of time, except for late ones; valid only until this returns.</param>
    /// <param name="before">What was missed between the last faults and these.</param>
    /// <returns>False: nobody watches any more.</returns>
    bool Show(FaultBatch faults, MissedFaults before);

    /// <summary>Called now and then while there is nothing to show: all faults before this time were shown.</summary>
    /// <param name="reachedNs">Since the start of the capture.</param>
    /// <returns>False: nobody watches any more.</returns>
    bool Advance(long reachedNs);

    /// <summary>Everything was shown.</summary>
    void End(long endNs);
}
