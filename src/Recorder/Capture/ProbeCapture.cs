using Faultrec.Recorder.Native;
using Faultrec.Recorder.Spool;

namespace Faultrec.Recorder.Capture;

/// <summary>The rungs that are BPF programs: they share rings, side-band and the marking of targets.</summary>
internal sealed class ProbeCapture : ICapture
{
    /// <summary>Records of one CPU's ring: 64 K × 64 B, a tenth of a second at the highest fault rate a core can produce.</summary>
    private const uint RingSlots = 64 * 1024;

    private readonly Target _target;
    private readonly AttachedProbes _probes;
    private readonly Sideband _sideband;
    private readonly FaultCounters _counters;
    private readonly EventRing _events;
    private readonly FaultRings _faults;
    private long _withoutOutcome;

    private ProbeCapture(Target target, AttachedProbes probes, Sideband sideband, FaultCounters counters, EventRing events)
    {
        _target = target;
        _probes = probes;
        _sideband = sideband;
        _counters = counters;
        _events = events;
        _faults = new FaultRings(probes);
    }

    public IEnumerable<int> Fds => _sideband.Fds.Prepend(_events.Fd);

    public long TargetSignalledNs => _events.TargetSignalledNs;

    /// <exception cref="FaultrecException">This rung does not work here, or not for this user.</exception>
    public static ProbeCapture Open(Target target)
    {
        var probes = LoadProbes(target.Pid);
        probes.MarkTarget();
        var isCommand = target.Launcher is not null;
        var tids = isCommand ? [target.Pid] : Machine.ThreadsOf(target.Pid);
        var sideband = Sideband.Open(Machine.OnlineCpus, tids, isCommand);
        var counters = FaultCounters.Open(probes, tids, isCommand);
        return new ProbeCapture(target, probes, sideband, counters, new EventRing(probes));
    }

    public void Start(IFrameSink sink)
    {
        _sideband.Enable();
        sink.Append(FrameType.Maps, _target.Snapshot(), SpoolJson.Default.MapsSnapshot);
        _counters.Enable();
    }

    public void DrainTo(IFrameSink sink, long nowNs)
    {
        _faults.DrainTo(sink, nowNs);
        _sideband.DrainTo(sink);
        _events.DrainTo(sink);
    }

    public void Stop()
    {
        // Before the completions go: entries without them would count from now on.
        _withoutOutcome = _faults.WithoutOutcome;
        _counters.Disable();
    }

    public CaptureCounts ReadCounts() => new(_counters.Minor, _counters.Major, _probes.EventsLost, _withoutOutcome);

    public void Dispose()
    {
        _events.Dispose();
        _counters.Dispose();
        _sideband.Dispose();
        _probes.Dispose();
    }

    private static AttachedProbes LoadProbes(int pid)
    {
        using var open = OpenProbes.Open(Machine.PossibleCpus);
        return open.Load(new ProbeConfig { PidnsInum = Machine.PidNamespaceInum, TargetTgid = (uint)pid, RingSlots = RingSlots }).Attach();
    }
}
