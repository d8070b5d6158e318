using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Live;

/// <summary>Faults that never reach a view.</summary>
/// <param name="NotShown">The view was too slow to take them.</param>
/// <param name="Lost">The probes found their ring full.</param>
public readonly record struct MissedFaults(long NotShown, long Lost)
{
    public bool IsEmpty => NotShown == 0 && Lost == 0;

    public static MissedFaults operator +(MissedFaults left, MissedFaults right) => new(left.NotShown + right.NotShown, left.Lost + right.Lost);
}

/// <summary>
/// Somebody watches a capture. All but <see cref="Start"/> run on a thread of the view's own, which may block for as long as it
/// likes: the capture drops faults instead of waiting.
/// </summary>
public interface ILiveView
{
    /// <summary>Before everything else.</summary>
    /// <param name="metadata">What is known when the capture starts: no regions, tasks or figures.</param>
    void Start(TraceMetadata metadata);

    /// <param name="faults">In order of time but for the late ones; belongs to the view only until this returns.</param>
    /// <param name="before">What was missed between the last faults and these.</param>
    /// <returns>False: nobody watches any more.</returns>
    bool Show(FaultBatch faults, MissedFaults before);

    /// <summary>Now and then while there is nothing to show: all faults before this time were shown.</summary>
    /// <param name="reachedNs">Since the start of the capture.</param>
    /// <returns>False: nobody watches any more.</returns>
    bool Advance(long reachedNs);

    /// <summary>Everything was shown.</summary>
    void End(long endNs);
}
