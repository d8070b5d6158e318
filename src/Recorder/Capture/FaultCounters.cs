using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Capture;

/// <summary>
/// The kernel's own minor- and major-fault software events. They run the completion probes, and their counts are an account of
/// the same faults that no probe can lose. For a command they are on its first thread, inherited by what it creates; else on
/// every CPU, and the probe takes what is a target's.
/// </summary>
internal sealed class FaultCounters : IDisposable
{
    private readonly List<FdHandle> _minor = [];
    private readonly List<FdHandle> _major = [];

    /// <summary>Disabled until the execve of the command that this thread is about to become.</summary>
    public static FaultCounters OfCommand(AttachedProbes probes, int tid) => Open(probes, [(tid, -1)], PerfAttrFlags.Inherit | PerfAttrFlags.EnableOnExec);

    /// <summary>Disabled until <see cref="Enable"/>.</summary>
    public static FaultCounters OfMachine(AttachedProbes probes) => Open(probes, [.. Machine.OnlineCpus.Select(cpu => (-1, cpu))], 0);

    public long Minor => _minor.Sum(PerfEvent.ReadCount);

    public long Major => _major.Sum(PerfEvent.ReadCount);

    public void Enable() => ForEach(PerfEvent.IocEnable);

    public void Disable() => ForEach(PerfEvent.IocDisable);

    public void Dispose()
    {
        _minor.ForEach(fd => fd.Dispose());
        _major.ForEach(fd => fd.Dispose());
    }

    private static FaultCounters Open(AttachedProbes probes, IReadOnlyList<(int Tid, int Cpu)> places, PerfAttrFlags flags)
    {
        var counters = new FaultCounters();
        try
        {
            foreach (var (tid, cpu) in places)
            {
                counters._minor.Add(Attach(probes, tid, cpu, PerfEvent.SwPageFaultsMin, AttachedProbes.MinorProgram, flags));
                counters._major.Add(Attach(probes, tid, cpu, PerfEvent.SwPageFaultsMaj, AttachedProbes.MajorProgram, flags));
            }
            return counters;
        }
        catch
        {
            counters.Dispose();
            throw;
        }
    }

    private static FdHandle Attach(AttachedProbes probes, int tid, int cpu, ulong config, string program, PerfAttrFlags flags)
    {
        var attr = new PerfEventAttr
        {
            Type = PerfEvent.TypeSoftware,
            Config = config,
            SamplePeriod = 1,
            Flags = PerfAttrFlags.Disabled | flags,
        };
        var fd = PerfEvent.TryOpen(attr, tid, cpu, "the fault counters") ?? throw Errno.Failure(Errno.Esrch, "opening the fault counters");
        probes.AttachTo(fd, program);
        return fd;
    }

    private void ForEach(nuint request)
    {
        foreach (var fd in _minor.Concat(_major))
            PerfEvent.Control(fd, request);
    }
}
