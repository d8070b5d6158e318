using System.Runtime.ExceptionServices;
using Faultrec.Recorder.Capture;
using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Options;
using Faultrec.Traces;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Live;

/// <param name="Faults">Faults that the probes delivered.</param>
/// <param name="NotShown">Delivered faults that the view did not take.</param>
/// <param name="Lost">Further faults that found a ring full.</param>
/// <param name="Failed">Faults among <paramref name="Faults"/> that ended in a signal; the kernel does not count these.</param>
/// <param name="SampledOut">Faults that the probes saw and left out by sampling.</param>
/// <param name="KernelCount">The kernel's own count for the target; null if no counters were open.</param>
/// <param name="IsReaderGone">The view ended the capture.</param>
/// <param name="ExitStatus">Of the traced command, 128+n for a signal; null when a running process was traced.</param>
public sealed record LiveResult(
    long Faults, long NotShown, long Lost, long Failed, long SampledOut, long? KernelCount, long DurationNs, bool IsReaderGone, int? ExitStatus);

/// <summary>A capture that is watched instead of stored.</summary>
public static class LiveCapture
{
    /// <summary>262,144 faults, 40 MB if all are in use: half a second at the highest rate of one core.</summary>
    private const int MaxBatches = 64;

    private const int RowsEach = 4096;

    /// <param name="options">Options for the output are ignored.</param>
    /// <param name="signals">The first signal ends the capture; further ones only concern the command.</param>
    /// <exception cref="FaultrecException">See <see cref="ExitCode"/>.</exception>
    /// <remarks>Rethrows failures, including the view's exceptions, after the command has ended.</remarks>
    public static LiveResult Run(RecordOptions options, EndSignals signals, ILiveView view)
    {
        Machine.RequireFileSystems();
        MemoryBudget.LimitHeap();
        FileLimit.Raise();
        var user = InvokingUser.FromSudo(Libc.Geteuid() == 0);
        using var target = Target.Start(options, options.AsRoot ? null : user);
        var queue = new BatchQueue(MaxBatches, RowsEach);
        LiveReader? reader = null;
        LiveSink? sink = null;
        sink = new LiveSink(queue, metadata =>
        {
            view.Start(metadata);
            reader = new LiveReader(queue, view, () => sink!.EndForGoneReader());
        });
        var (ending, failure, nobody) = CaptureRun.Run(options, target, sink, signals);
        sink.Complete();
        var isDone = reader!.Join(signals);
        var exitStatus = ending.ExitStatus ?? target.WaitForCommand();
        if (failure is not null)
            ExceptionDispatchInfo.Throw(failure);
        if (isDone)
            reader.ThrowIfFailed();
        if (nobody is not null)
            throw nobody;
        return new LiveResult(
            sink.Faults, sink.Faults - reader.Shown, sink.Lost, sink.Failed, ending.Counts.Receipt.SampledOut,
            KernelCount(ending.Counts.Receipt), sink.EndNs, ending.EndReason == LiveSink.ReaderGone, exitStatus);
    }

    // Faults without a row are not shown.
    private static long? KernelCount(Receipt counted)
        => counted.InCalls is null ? counted.PerfMinor + counted.PerfMajor - counted.Excluded
            : counted.KernelMinor + counted.KernelMajor - counted.KernelExec - counted.InCalls;
}
