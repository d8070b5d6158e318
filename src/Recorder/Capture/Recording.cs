using System.Diagnostics;
using Faultrec.Recorder.Finalize;
using Faultrec.Recorder.Launch;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Spool;
using Faultrec.Traces;

namespace Faultrec.Recorder.Capture;

/// <summary>One recording from start to trace file. The order of its steps is what makes the first instruction count.</summary>
public static class Recording
{
    /// <summary>Records of one CPU's ring: 64 K × 40 B, a tenth of a second at the highest fault rate a core can produce.</summary>
    private const uint RingSlots = 64 * 1024;

    /// <param name="signals">The first ends the recording; a further one is the command's affair and must not cut off the trace.</param>
    /// <exception cref="FaultrecException">See <see cref="ExitCode"/>; nothing is left behind unless the message says so.</exception>
    public static RecordResult Run(RecordOptions options, EndSignals signals)
    {
        var user = InvokingUser.FromSudo(Libc.Geteuid() == 0);
        var output = OutputFile.Prepare(options.Output, options.Existing, user);
        using var spool = output.CreateSpool();
        try
        {
            using var target = Target.Start(options, options.AsRoot ? null : user);
            var ending = Capture(options, target, spool, signals);
            var finalizeTime = Stopwatch.StartNew();
            var metadata = Finalize(output, options.OnFinalizing);
            finalizeTime.Stop();
            var exitStatus = ending.ExitStatus ?? target.WaitForCommand();
            return new RecordResult(options.Output, metadata, spool.Length, finalizeTime.Elapsed, exitStatus);
        }
        catch (FaultrecException e) when (e.ExitCode != ExitCode.Incomplete)
        {
            output.Abandon();
            throw;
        }
    }

    /// <summary>Makes the trace of a spool whose recorder was killed.</summary>
    public static RecordResult Recover(string spoolPath, string outputPath, ExistingOutput existing, Action<double>? onFinalizing)
    {
        SpoolReader.RefuseIfRecording(spoolPath);
        var output = OutputFile.Prepare(outputPath, existing, InvokingUser.FromSudo(Libc.Geteuid() == 0));
        var time = Stopwatch.StartNew();
        var metadata = output.Finalize(stream => WriteTrace(spoolPath, stream, onFinalizing));
        return new RecordResult(outputPath, metadata, new FileInfo(spoolPath).Length, time.Elapsed, metadata.Receipt.ExitStatus);
    }

    private static SpoolEnding Capture(RecordOptions options, Target target, SpoolWriter spool, EndSignals signals)
    {
        using var probes = LoadProbes(target.Pid);
        probes.MarkTarget();
        var isCommand = target.Launcher is not null;
        var tids = isCommand ? [target.Pid] : Machine.ThreadsOf(target.Pid);
        using var sideband = Sideband.Open(Machine.OnlineCpus, tids, isCommand);
        using var counters = FaultCounters.Open(probes, tids, isCommand);
        using var events = new EventRing(probes);
        var faults = new FaultRings(probes);

        var startNs = Libc.MonotonicNs();
        var header = TraceHeader.Create(options, target.Pid, startNs);
        if (target.Launcher is { } launcher)
        {
            (header.BaselineMinor, header.BaselineMajor) = launcher.Release();
            spool.Append(FrameType.Header, header, SpoolJson.Default.SpoolHeader);
        }
        else
        {
            spool.Append(FrameType.Header, header, SpoolJson.Default.SpoolHeader);
            sideband.Enable();
            spool.Append(FrameType.Maps, target.Snapshot(), SpoolJson.Default.MapsSnapshot);
            counters.Enable();
        }

        var drain = new Drain(faults, events, sideband, spool);
        var endNs = options.Duration is { } duration ? startNs + (long)duration.TotalNanoseconds : (long?)null;
        var reason = drain.Run(target.EndFd, signals, endNs, options.MaxSizeBytes ?? long.MaxValue);
        // Before the completions go: entries without them would count from now on.
        var withoutOutcome = faults.WithoutOutcome;
        counters.Disable();
        if (!drain.TryPass())
            reason = EndReason.DiskFull;
        if (reason == EndReason.Interrupted)
            PassOn(signals.Signal, target, events);
        var ending = new SpoolEnding
        {
            TimeNs = Libc.MonotonicNs(),
            EndReason = reason,
            ExitStatus = target.TryGetExitStatus(),
            PerfMinor = counters.Minor,
            PerfMajor = counters.Major,
            EventsLost = probes.EventsLost,
            WithoutOutcome = withoutOutcome,
        };
        AppendEnding(spool, ending);
        return ending;
    }

    private static AttachedProbes LoadProbes(int pid)
    {
        using var open = OpenProbes.Open(Machine.PossibleCpus);
        return open.Load(new ProbeConfig { PidnsInum = Machine.PidNamespaceInum, TargetTgid = (uint)pid, RingSlots = RingSlots }).Attach();
    }

    private static void AppendEnding(SpoolWriter spool, SpoolEnding ending)
    {
        try
        {
            spool.Append(FrameType.End, ending, SpoolJson.Default.SpoolEnding);
            spool.Flush();
        }
        catch (IOException)
        {
            // No room even for this: the trace will say that it was recovered.
            spool.DiscardBuffer();
        }
    }

    /// <summary>A terminal's Ctrl-C goes to the command as well; a signal sent to us alone is passed on, so that it gets exactly one.</summary>
    private static void PassOn(int signal, Target target, EventRing events)
    {
        const long sameKeystrokeNs = 1_000_000_000;
        if (Libc.MonotonicNs() - events.TargetSignalledNs > sameKeystrokeNs)
            target.Launcher?.Kill(signal);
    }

    private static TraceMetadata Finalize(OutputFile output, Action<double>? onFinalizing)
    {
        var metadata = output.Finalize(stream => WriteTrace(output.SpoolPath, stream, onFinalizing));
        output.Abandon();
        return metadata;
    }

    private static TraceMetadata WriteTrace(string spoolPath, Stream stream, Action<double>? onFinalizing)
    {
        using var reader = new SpoolReader(spoolPath);
        using var finalizer = new TraceFinalizer(reader, stream, onFinalizing);
        return finalizer.Run();
    }
}
