using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Capture;

/// <summary>
/// The kernel's own minor- and major-fault software events on the target's threads, inherited by what they create. They run the
/// completion probes, and their counts are an account of the same faults that no probe can lose.
/// </summary>
internal sealed class FaultCounters : IDisposable
{
    private readonly List<FdHandle> _minor = [];
    private readonly List<FdHandle> _major = [];

    /// <summary>Opens and attaches, still disabled. A command's counters start at its execve, others at Enable.</summary>
    public static FaultCounters Open(AttachedProbes probes, IReadOnlyList<int> tids, bool enableOnExec)
    {
        var counters = new FaultCounters();
        try
        {
            foreach (var tid in tids)
            {
                counters.Add(probes, counters._minor, tid, PerfEvent.SwPageFaultsMin, AttachedProbes.MinorProgram, enableOnExec);
                counters.Add(probes, counters._major, tid, PerfEvent.SwPageFaultsMaj, AttachedProbes.MajorProgram, enableOnExec);
            }
            return counters;
        }
        catch
        {
            counters.Dispose();
            throw;
        }
    }

    public long Minor => _minor.Sum(PerfEvent.ReadCount);

    public long Major => _major.Sum(PerfEvent.ReadCount);

    public void Enable() => ForEach(PerfEvent.IocEnable);

    public void Disable() => ForEach(PerfEvent.IocDisable);

    public void Dispose()
    {
        _minor.ForEach(fd => fd.Dispose());
        _major.ForEach(fd => fd.Dispose());
    }

    private void ForEach(nuint request)
    {
        foreach (var fd in _minor.Concat(_major))
            PerfEvent.Control(fd, request);
    }

    private void Add(AttachedProbes probes, List<FdHandle> list, int tid, ulong config, string program, bool enableOnExec)
    {
        var attr = new PerfEventAttr
        {
            Type = PerfEvent.TypeSoftware,
            Config = config,
            SamplePeriod = 1,
            Flags = PerfAttrFlags.Disabled | PerfAttrFlags.Inherit | (enableOnExec ? PerfAttrFlags.EnableOnExec : 0),
        };
        var fd = PerfEvent.TryOpen(attr, tid, -1, $"the fault counters of thread {tid}");
        if (fd is null)
            return; // The thread ended since it was listed.
        list.Add(fd);
        probes.AttachTo(fd, program);
    }
}
