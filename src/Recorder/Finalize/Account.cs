using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Finalize;

/// <summary>Compares the recording with the kernel's own counts, which no probe can lose.</summary>
/// <param name="Missed">Faults in the kernel's counts that nothing else explains.</param>
/// <param name="Unseen">With the perf backend: faults that the kernel counted for the task without an event; null if told apart or not known.</param>
/// <param name="AddsUp">Both counts agree with the rows.</param>
internal readonly record struct Account(long Missed, long? Unseen, bool AddsUp)
{
    /// <param name="counted">What the capture counted; null: the recorder was killed, so nothing was counted.</param>
    /// <param name="served">Rows of faults that the kernel served.</param>
    /// <param name="isOfTarget">The perf counters count only the target; those of the whole machine say nothing about it.</param>
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
