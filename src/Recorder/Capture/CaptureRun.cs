using Faultrec.Recorder.Launch;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Spool;
using Faultrec.Traces;

namespace Faultrec.Recorder.Capture;

/// <summary>One capture from its first fault to its last, into a sink. The order of its steps is what makes the first instruction count.</summary>
internal static class CaptureRun
{
    public static SpoolEnding Run(RecordOptions options, Target target, IFrameSink sink, EndSignals signals)
    {
        // Before the probes know the process: what it has faulted until here is not theirs.
        _ = target.Launcher?.ReadBaseline();
        var (capture, ladder) = Backends.Open(options, target);
        using var owned = capture;
        if (options.Stacks == true && capture.Stacks?.Refusal is { } refusal)
            options.OnNotice?.Invoke($"no stacks are recorded: {refusal}");
        var startNs = Libc.MonotonicNs();
        var header = TraceHeader.Create(options, target, capture, ladder, startNs);
        sink.Append(FrameType.Header, header, SpoolJson.Default.SpoolHeader);
        if (target.Launcher is { } launcher)
            launcher.Release(options.NamesJitCode(capture.Stacks));
        else
            capture.Start(sink);

        var drain = new Drain(capture, sink);
        var reason = drain.Run(target.EndFd, signals, options.Duration is { } duration ? startNs + (long)duration.TotalNanoseconds : null);
        capture.Stop();
        reason = drain.Pass() == EndReason.DiskFull ? EndReason.DiskFull : reason;
        if (reason == EndReason.Interrupted)
            PassOn(signals.Signal, target, capture);
        var ending = Ending(reason, target.TryGetEnd(), capture.ReadCounts());
        sink.Append(FrameType.End, ending, SpoolJson.Default.SpoolEnding);
        _ = sink.EndPass(ending.TimeNs);
        return ending;
    }

    private static SpoolEnding Ending(string reason, ChildEnd? end, CaptureCounts counts) => new()
    {
        TimeNs = Libc.MonotonicNs(),
        EndReason = reason,
        ExitStatus = end?.Status,
        PerfMinor = counts.PerfMinor,
        PerfMajor = counts.PerfMajor,
        KernelMinor = counts.KernelMinor ?? end?.MinorFaults,
        KernelMajor = counts.KernelMajor ?? end?.MajorFaults,
        KernelExec = counts.KernelExec,
        InCallsMinor = counts.InCallsMinor,
        InCallsMajor = counts.InCallsMajor,
        EventsLost = counts.EventsLost,
        WithoutOutcome = counts.WithoutOutcome,
        ReturnsDue = counts.ReturnsDue,
        SampledOut = counts.SampledOut,
        SampledOutMajor = counts.SampledOutMajor,
        Excluded = counts.Excluded,
        Costs = counts.Costs,
        StackWarnings = counts.StackWarnings,
    };

    /// <summary>A terminal's Ctrl-C goes to the command as well; a signal sent to us alone is passed on, so that it gets exactly one.</summary>
    private static void PassOn(int signal, Target target, ICapture capture)
    {
        const long sameKeystrokeNs = 1_000_000_000;
        if (!capture.SeesSignals && Terminal.SendsToAll(signal))
            return;
        if (Libc.MonotonicNs() - capture.TargetSignalledNs > sameKeystrokeNs)
            target.Launcher?.Kill(signal);
    }
}
