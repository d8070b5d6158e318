using System.Runtime.InteropServices;
using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Spool;
using Faultrec.Traces;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Perf;

/// <summary>
/// The kernel's minor- and major-fault software events as perf samples: one event a kind, thread and CPU, because only an event
/// that is bound to a CPU can have a ring and be inherited; all of a CPU write into one ring. Events on threads that run
/// already are opened enabled, and what comes before <see cref="Begin"/> is left out when it is read: an event that is inherited
/// while its parent is being enabled can stay disabled for good (inherit_event reads the parent's state without its lock).
/// </summary>
internal sealed class FaultSamples : IDisposable
{
    /// <summary>In place of a thread's id: every process of the machine.</summary>
    public const int EveryThread = -1;

    private readonly PerfLimits _limits;
    private readonly int _period;
    private readonly bool _isCommand;
    private readonly int _excludedPid;
    private readonly List<Counter> _counters = [];
    private readonly Dictionary<int, CpuSamples> _cpus = [];
    private readonly FaultRecord[] _converted = new FaultRecord[1024];
    private bool _isStopped;

    private sealed record Counter(FdHandle Event, int Cpu, bool IsMajor);

    private sealed class CpuSamples(PerfRing ring, SampleReader reader)
    {
        public PerfRing Ring { get; } = ring;

        public SampleReader Reader { get; } = reader;

        public SampleTotals Totals { get; set; }

        public long LostTold { get; set; }
    }

    /// <param name="period">Every how many faults of a kind, thread and CPU there is a sample.</param>
    /// <param name="isCommand">It has one thread and begins with its execve; else its threads are added before it begins.</param>
    /// <param name="excludedPid">A process whose faults are left out when they are read; 0: none.</param>
    public FaultSamples(PerfLimits limits, int period, bool isCommand, int excludedPid)
        => (_limits, _period, _isCommand, _excludedPid) = (limits, period, isCommand, excludedPid);

    public IEnumerable<int> Fds => _cpus.Values.Select(cpu => cpu.Ring.Fd);

    /// <summary>Opens events on threads that have none of their own. They may have inherited some: see <see cref="SampleReader"/>.</summary>
    /// <exception cref="FaultrecException">The threads are not this user's.</exception>
    public void Add(IReadOnlyList<int> cpus, IReadOnlyList<int> tids)
    {
        foreach (var cpu in cpus)
        {
            foreach (var tid in tids)
            {
                Add(cpu, tid, isMajor: false);
                Add(cpu, tid, isMajor: true);
            }
        }
    }

    /// <summary>From this moment on faults are taken; for a command, from its execve on.</summary>
    public void Begin(long nowNs)
    {
        foreach (var cpu in _cpus.Values)
            cpu.Reader.BeginNs = nowNs;
    }

    public void Stop()
    {
        ForEach(PerfEvent.IocDisable);
        // A fault that is counted may not have written its sample yet; it does so in one RCU section (do_perf_sw_event, kernel/events/core.c).
        Libc.WaitForRcuReaders();
        _isStopped = true;
    }

    public void DrainTo(IRecordSink sink, long nowNs)
    {
        foreach (var (number, cpu) in _cpus)
        {
            DrainCpu(sink, cpu);
            // What the ring lost last is told with the next sample, if there is one: the events' own counts know.
            var lost = _isStopped && _limits.TellsLost ? LostOf(number) : cpu.Totals.Lost;
            if (lost <= cpu.LostTold)
                continue;
            var loss = new LossRecord { TimeNs = nowNs, Lost = lost - cpu.LostTold };
            sink.Append(SpoolRecordType.Loss, number, MemoryMarshal.AsBytes(new ReadOnlySpan<LossRecord>(in loss)));
            cpu.LostTold = lost;
        }
    }

    /// <summary>
    /// The kernel's counts of both kinds, each fault once, and how many of them sampling left out. Exact, with every thread that
    /// inherited; a fault that was lost counts as one of the kind of its event, where the kernel tells, else as none left out.
    /// </summary>
    public Receipt ReadCounts()
    {
        var (minor, major) = (Sum(isMajor: false), Sum(isMajor: true));
        var totals = _cpus.Values.Select(cpu => cpu.Totals).ToList();
        var counted = new Receipt
        {
            Events = 0,
            PerfMinor = minor.Count - totals.Sum(cpu => cpu.LeftOutMinor),
            PerfMajor = major.Count - totals.Sum(cpu => cpu.LeftOutMajor),
            Excluded = totals.Sum(cpu => cpu.Excluded),
        };
        if (_period == 1)
            return counted;
        var lost = _limits.TellsLost ? minor.Lost + major.Lost : totals.Sum(cpu => cpu.Lost);
        return counted with
        {
            SampledOut = minor.Count + major.Count - totals.Sum(cpu => cpu.Minor + cpu.Major + cpu.Excluded) - lost,
            SampledOutMajor = major.Count - totals.Sum(cpu => cpu.Major) - major.Lost,
        };
    }

    public void Dispose()
    {
        foreach (var cpu in _cpus.Values)
            cpu.Ring.Dispose();
        _counters.ForEach(counter => counter.Event.Dispose());
    }

    private void Add(int cpu, int tid, bool isMajor)
    {
        if (!_cpus.TryGetValue(cpu, out var samples))
        {
            _cpus.Add(cpu, samples = new CpuSamples(
                PerfRing.Open(cpu, _limits.SampleRingBytes, _limits.ExcludeKernel, "the samples"),
                new SampleReader(hasId: !_isCommand, (ushort)_period, _excludedPid)));
        }

        if (PerfEvent.TryOpen(Attributes(isMajor), tid, cpu, out var errno, samples.Ring.Fd) is not { } fd)
        {
            if (errno == Errno.Esrch)
                return; // The thread ended since it was listed.
            throw Refused(errno, tid);
        }

        _counters.Add(new Counter(fd, cpu, isMajor));
    }

    private PerfEventAttr Attributes(bool isMajor) => new()
    {
        Type = PerfEvent.TypeSoftware,
        Config = isMajor ? PerfEvent.SwPageFaultsMaj : PerfEvent.SwPageFaultsMin,
        SamplePeriod = (ulong)_period,
        SampleType = (isMajor ? PerfSample.MajorFields : PerfSample.MinorFields) | (_isCommand ? 0 : PerfEvent.SampleId),
        ReadFormat = _limits.TellsLost ? PerfEvent.ReadLost : 0,
        ClockId = Libc.ClockMonotonic,
        Flags = PerfAttrFlags.Inherit | PerfAttrFlags.UseClockid
            | (_isCommand ? PerfAttrFlags.Disabled | PerfAttrFlags.EnableOnExec : 0) | (_limits.ExcludeKernel ? PerfAttrFlags.ExcludeKernel : 0),
    };

    private void DrainCpu(IRecordSink sink, CpuSamples cpu)
    {
        if (!cpu.Ring.TryRead(out var first, out var rest))
            return;
        var totals = cpu.Totals;
        int position = 0, count;
        do
        {
            count = cpu.Reader.Read(first, rest, ref position, _converted, ref totals);
            if (count > 0)
                sink.Append(SpoolRecordType.Faults, cpu.Ring.Cpu, MemoryMarshal.AsBytes(_converted.AsSpan(0, count)));
        }
        while (count == _converted.Length);
        cpu.Ring.Release();
        cpu.Totals = totals;
    }

    private (long Count, long Lost) Sum(bool isMajor)
    {
        (long Count, long Lost) sum = default;
        foreach (var counter in _counters)
        {
            if (counter.IsMajor != isMajor)
                continue;
            var (count, lost) = Read(counter);
            sum = (sum.Count + count, sum.Lost + lost);
        }

        return sum;
    }

    private long LostOf(int cpu) => _counters.Where(counter => counter.Cpu == cpu).Sum(counter => Read(counter).Lost);

    private (long Count, long Lost) Read(Counter counter)
        => _limits.TellsLost ? PerfEvent.ReadCountAndLost(counter.Event) : (PerfEvent.ReadCount(counter.Event), 0);

    private void ForEach(nuint request) => _counters.ForEach(counter => PerfEvent.Control(counter.Event, request));

    private static FaultrecException Refused(int errno, int tid) => errno switch
    {
        Errno.Eperm or Errno.Eacces when tid == EveryThread => new FaultrecException(
            ExitCode.NotPermitted,
            $"this user may not trace the whole machine (kernel.perf_event_paranoid is {PerfLimits.Setting("perf_event_paranoid")}; "
            + "expected 0); use sudo"),
        Errno.Eperm or Errno.Eacces => new FaultrecException(
            ExitCode.NotPermitted,
            $"this user may not trace thread {tid} ({Errno.Describe(errno)}): it belongs to another user, or its program is not readable; use sudo"),
        Errno.Emfile => new FaultrecException(
            ExitCode.NotPermitted,
            "the target has too many threads: each needs four perf events per CPU, "
            + $"and this process may open {FileLimit.Hard} files (`ulimit -Hn`); raise that limit, or use sudo"),
        _ => Errno.Failure(errno, $"perf_event_open for the faults of thread {tid}"),
    };
}
