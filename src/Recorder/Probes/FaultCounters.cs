using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Probes;

/// <summary>
/// The kernel's own minor- and major-fault software events. They run the completion probes, and they count the same faults without
/// ever losing one. For a command they are on its first thread and are inherited by the tasks it creates; otherwise they are on
/// every CPU, and the probe selects the targets' faults. The kernel removes a task's events when it executes a program with other
/// privileges: then the task gets new ones.
/// </summary>
internal sealed class FaultCounters : IDisposable
{
    private readonly AttachedProbes _probes;
    private readonly List<FdHandle> _minor = [];
    private readonly List<FdHandle> _major = [];
    private readonly Dictionary<int, Followed> _followed = [];

    private sealed record Followed(FdHandle Minor, FdHandle Major, long BeginNs, long EndNs);

    /// <summary>Disabled until the execve of the command that this thread is about to become.</summary>
    public static FaultCounters OpenForCommand(AttachedProbes probes, int tid) => Open(probes, [(tid, -1)], PerfAttrFlags.Inherit | PerfAttrFlags.EnableOnExec);

    /// <summary>Disabled until <see cref="Enable"/>.</summary>
    public static FaultCounters OpenForMachine(AttachedProbes probes) => Open(probes, [.. Machine.OnlineCpus.Select(cpu => (-1, cpu))], 0);

    private FaultCounters(AttachedProbes probes) => _probes = probes;

    /// <summary>Opens new events for a task that lost its own at a given time, and for the tasks it creates from now on.</summary>
    public void Follow(int tid, long lostNs)
    {
        if (_followed.TryGetValue(tid, out var last))
        {
            if (last.BeginNs > lostNs)
                return; // it has executed two such programs, and these came after the second
            if (last.EndNs > lostNs)
            {
                if (PerfEvent.IsOn(last.Minor, tid) && PerfEvent.IsOn(last.Major, tid))
                    return; // they were opened after the execve, too
                // One of them may have been; with the new ones its faults would be reported twice.
                PerfEvent.Control(last.Minor, PerfEvent.IocDisable);
                PerfEvent.Control(last.Major, PerfEvent.IocDisable);
            }
        }

        var beginNs = Libc.MonotonicNs();
        // Both are enabled together with their programs: a fault counted earlier would have no row.
        Add(tid, -1, PerfAttrFlags.Inherit);
        PerfEvent.Control(_minor[^1], PerfEvent.IocEnable);
        PerfEvent.Control(_major[^1], PerfEvent.IocEnable);
        _followed[tid] = new Followed(_minor[^1], _major[^1], beginNs, Libc.MonotonicNs());
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

    private static FaultCounters Open(AttachedProbes probes, IReadOnlyList<(int Tid, int Cpu)> places, PerfAttrFlags flags)
    {
        var counters = new FaultCounters(probes);
        try
        {
            foreach (var (tid, cpu) in places)
                counters.Add(tid, cpu, flags);
            return counters;
        }
        catch
        {
            counters.Dispose();
            throw;
        }
    }

    private void Add(int tid, int cpu, PerfAttrFlags flags)
    {
        _minor.Add(Attach(tid, cpu, PerfEvent.SwPageFaultsMin, AttachedProbes.MinorProgram, flags));
        _major.Add(Attach(tid, cpu, PerfEvent.SwPageFaultsMaj, AttachedProbes.MajorProgram, flags));
    }

    private FdHandle Attach(int tid, int cpu, ulong config, string program, PerfAttrFlags flags)
    {
        var attr = new PerfEventAttr
        {
            Type = PerfEvent.TypeSoftware,
            Config = config,
            SamplePeriod = 1,
            Flags = PerfAttrFlags.Disabled | flags,
        };
        var fd = PerfEvent.TryOpen(attr, tid, cpu, "the fault counters") ?? throw Errno.Failure(Errno.Esrch, "opening the fault counters");
        _probes.AttachTo(fd, program);
        return fd;
    }

    private void ForEach(nuint request)
    {
        foreach (var fd in _minor.Concat(_major))
            PerfEvent.Control(fd, request);
    }
}
