using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Launch;
using Faultrec.Recorder.Marks;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Options;
using Faultrec.Recorder.Spool;
using Faultrec.Traces;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Capture;

/// <param name="Ending">The last frame.</param>
/// <param name="Failure">The failure that ended the capture while the target ran; null: none.</param>
/// <param name="Nobody">No process was ever a target: what to say; null: one was.</param>
internal readonly record struct CaptureResult(SpoolEnding Ending, Exception? Failure, FaultrecException? Nobody);

/// <summary>One capture from its first fault to its last, into a sink. The order of its steps ensures that the first instruction is captured.</summary>
internal static class CaptureRun
{
    /// <param name="marks">Null: none can be set.</param>
    /// <exception cref="FaultrecException">Or any other exception: nothing that this started still runs. Later failures are in the result.</exception>
    public static CaptureResult Run(RecordOptions options, Target target, IRecordSink sink, EndSignals signals, MarkPipe? marks = null)
    {
        // Before the probes know the process: its faults until now are not theirs to count.
        target.Launcher?.WaitUntilReady();
        var memory = target.FindMemoryController();
        var (capture, ladder) = Backends.Open(options, target);
        long startNs;
        try
        {
            startNs = Start(options, target, capture, ladder, sink);
        }
        catch
        {
            capture.Dispose();
            throw;
        }

        var endNs = options.Duration is { } duration ? startNs + (long)duration.TotalNanoseconds : (long?)null;
        var captured = RunToEnd(capture, target, memory, sink, signals, marks, endNs);
        var failure = captured.Failure;
        Try(capture.Dispose, ref failure);
        return captured with { Failure = failure };
    }

    private static long Start(RecordOptions options, Target target, ICapture capture, IReadOnlyList<LadderStep> ladder, IRecordSink sink)
    {
        if (capture.Stacks?.Reason is { } reason && (options.Stacks == true || reason == MemoryBudget.NoStacksReason))
            options.OnNotice?.Invoke($"no stacks are recorded: {reason}");
        var startNs = Libc.MonotonicNs();
        var header = TraceHeader.Create(options, target, capture, ladder, startNs);
        sink.Append(SpoolRecordType.Header, header, SpoolJson.Default.SpoolHeader);
        if (target.Launcher is { } launcher)
            launcher.Release(options.NamesJitCode(capture.Stacks));
        else
            capture.Start(sink);
        if (options.Backend is null && !capture.Backend.HasPrograms)
            options.OnNotice?.Invoke(Missing(capture));
        return startNs;
    }

    /// <summary>What the last rung of the ladder lacks, where the others were refused, and how to get it.</summary>
    private static string Missing(ICapture capture)
    {
        var faults = capture.ExcludesKernel ? ", no faults of kernel mode" : "";
        var remedy = Libc.Geteuid() == 0 ? "`faultrec doctor` says why the other backends do not work" : "with sudo they are recorded";
        return $"backend {capture.Backend}: no durations, no stacks, no page tables, no memory that is given back{faults}; {remedy}";
    }

    /// <summary>A failure here ends only the capture, never the target; what was captured until then is kept.</summary>
    private static CaptureResult RunToEnd(
        ICapture capture, Target target, MemoryController memory, IRecordSink sink, EndSignals signals, MarkPipe? marks, long? endNs)
    {
        var drain = new Drain(capture, sink, marks);
        var reason = EndReason.Failed;
        Exception? failure = null;
        Try(() => reason = drain.Run(target.EndFd, signals, endNs), ref failure);
        Try(() =>
        {
            capture.Stop();
            reason = drain.Pass() is (EndReason.DiskFull or EndReason.WriteFailed) and var full ? full : reason;
        }, ref failure);
        Try(() => marks?.ReadLastTo(sink), ref failure);
        if (reason == EndReason.Interrupted)
            PassOn(signals.Signal, target, capture);
        var ending = Ending(EndReason.Failed, null, new CaptureCounts { Receipt = new Receipt { Events = 0 } });
        Try(() => ending = Ending(reason, target.TryGetEnd(), capture.ReadCounts()), ref failure);
        Try(() => ending = ending with { Pressure = memory.End() }, ref failure);
        if (failure is not null)
            ending = ending with { EndReason = EndReason.Failed };
        Try(() =>
        {
            sink.Append(SpoolRecordType.End, ending, SpoolJson.Default.SpoolEnding);
            _ = sink.EndPass(ending.TimeNs);
        }, ref failure);
        var isNobody = false;
        if (reason is EndReason.Duration or EndReason.Interrupted or EndReason.MaxSize)
            Try(() => isNobody = !capture.HasMatched, ref failure);
        return new CaptureResult(ending, failure, isNobody && failure is null ? target.Nobody() : null);
    }

    /// <param name="failure">The first of several.</param>
    private static void Try(Action action, ref Exception? failure)
    {
        try
        {
            action();
        }
        catch (Exception e)
        {
            failure ??= e;
        }
    }

    private static SpoolEnding Ending(string reason, ChildEnd? end, CaptureCounts counts) => new()
    {
        TimeNs = Libc.MonotonicNs(),
        EndReason = reason,
        ExitStatus = end?.Status,
        Counts = counts with
        {
            Receipt = counts.Receipt with
            {
                // If no probe read the counters: ru_minflt and ru_majflt of wait4(2).
                KernelMinor = counts.Receipt.KernelMinor ?? end?.MinorFaults,
                KernelMajor = counts.Receipt.KernelMajor ?? end?.MajorFaults,
            },
        },
    };

    /// <summary>
    /// A terminal's Ctrl-C goes to the command as well; a signal sent only to the recorder is passed on, so that the command gets exactly one.
    /// A limit on the recorder's CPU time does not concern the command.
    /// </summary>
    private static void PassOn(int signal, Target target, ICapture capture)
    {
        const long sameKeystrokeNs = 1_000_000_000;
        if (signal == Signals.Xcpu)
            return;
        if (CallerSignals.Ignores(signal))
        {
            // The command ignores it, too (a script's background job), but is supposed to end.
            target.Launcher?.Kill(Signals.Term);
            return;
        }

        if (!capture.SeesSignals && Terminal.SendsToAll(signal))
            return;
        if (Libc.MonotonicNs() - capture.TargetSignalledNs > sameKeystrokeNs)
            target.Launcher?.Kill(signal);
    }
}
