using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Finalize;

/// <summary>The recording beside the kernel's own counts, which no probe can lose.</summary>
/// <param name="Missed">What they have beyond all that is told.</param>
/// <param name="Unseen">Of the perf backend: what the kernel counted for the task and raised no event for; null where that is told apart, or not known.</param>
/// <param name="AddsUp">Neither count says anything else than the rows.</param>
internal readonly record struct Account(long Missed, long? Unseen, bool AddsUp)
{
    /// <param name="counted">By the capture; null: the recorder was killed, and nothing was counted.</param>
    /// <param name="served">Rows of faults that the kernel served.</param>
    /// <param name="isOfTarget">The perf counters count the target and nobody else; those of the whole machine tell nothing of it.</param>
    /// <param name="isFollowed">The backend's events stayed on every task.</param>
    public static Account Of(Receipt? counted, long served, long lost, bool isOfTarget, bool isFollowed)
    {
        if (counted is null)
            return new Account(0, null, false);
        var told = served + counted.SampledOut + lost;
        var byPerf = isOfTarget ? counted.PerfMinor + counted.PerfMajor - counted.Excluded - told ?? 0 : 0;
        var byKernel = 0L;
        long? unseen = null;
        if (counted.KernelMinor + counted.KernelMajor is { } kernel)
        {
            byKernel = kernel - told - (counted.KernelExec + counted.InCalls ?? 0);
            if (counted.InCalls is null && isFollowed)
            {
                unseen = Math.Max(byKernel - Math.Max(byPerf, 0), 0);
                byKernel -= unseen.Value;
            }
        }

        return new Account(Math.Max(0, Math.Max(byPerf, byKernel)), unseen, byPerf == 0 && byKernel == 0);
    }
}
