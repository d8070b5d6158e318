using Faultrec.Recorder.Native;
using Faultrec.Recorder.Spool;

namespace Faultrec.Recorder.Perf;

/// <summary>
/// The kernel's own records of mappings, names, forks and exits (perf_event_open(2): MMAP2, COMM, FORK, EXIT, LOST), from a
/// software dummy event a CPU and thread of the target. One ring a CPU; times are CLOCK_MONOTONIC, as the probes'.
/// </summary>
internal sealed class Sideband : IDisposable
{
    /// <summary>16,000 mappings per CPU; with one drain per 20 ms 800,000 per second.</summary>
    public const int DefaultRingBytes = 2 << 20;

    // No build ids (attr.build_id): while one event asks for them, the kernel also flags the records of every other session
    // (perf_event_mmap_output, since Linux 5.12), which then mistakes inode numbers for build ids. They are read from the files.
    private const PerfAttrFlags Everything = PerfAttrFlags.Mmap | PerfAttrFlags.MmapData | PerfAttrFlags.Mmap2 | PerfAttrFlags.Comm
        | PerfAttrFlags.CommExec | PerfAttrFlags.Task;

    private readonly PerfEventAttr _attr;
    private readonly int _ringBytes;
    private readonly TargetFilter? _filter;
    private readonly Dictionary<int, PerfRing> _rings = [];
    private List<(int Cpu, byte[] Records)> _collected = [];
    private readonly List<FdHandle> _events = [];

    private Sideband(bool enableOnExec, int ringBytes, bool excludeKernel, bool isEnabled, TargetFilter? filter)
    {
        _ringBytes = ringBytes;
        _filter = filter;
        _attr = new PerfEventAttr
        {
            Type = PerfEvent.TypeSoftware,
            Config = PerfEvent.SwDummy,
            SampleType = PerfEvent.SampleTime,
            ClockId = Libc.ClockMonotonic,
            Flags = Everything | (isEnabled ? 0 : PerfAttrFlags.Disabled) | PerfAttrFlags.Inherit | PerfAttrFlags.SampleIdAll
                | PerfAttrFlags.UseClockid | (enableOnExec ? PerfAttrFlags.EnableOnExec : 0)
                | (excludeKernel ? PerfAttrFlags.ExcludeKernel : 0),
        };
    }

    /// <param name="excludeKernel">Required for an ordinary user to open the events; their records are the same.</param>
    /// <param name="isEnabled">From the moment each event is opened: see <see cref="FaultSamples"/>.</param>
    /// <param name="filter">Null: all records concern the target.</param>
    public static Sideband Open(
        IReadOnlyList<int> cpus, IReadOnlyList<int> tids, bool enableOnExec, int ringBytes = DefaultRingBytes, bool excludeKernel = false,
        bool isEnabled = false, TargetFilter? filter = null)
    {
        var sideband = new Sideband(enableOnExec, ringBytes, excludeKernel, isEnabled, filter);
        try
        {
            sideband.Add(cpus, tids);
            return sideband;
        }
        catch
        {
            sideband.Dispose();
            throw;
        }
    }

    public IEnumerable<int> Fds => _rings.Values.Select(ring => ring.Fd);

    /// <summary>Further threads of the target; before <see cref="Enable"/>.</summary>
    public void Add(IReadOnlyList<int> cpus, IReadOnlyList<int> tids)
    {
        foreach (var cpu in cpus)
        {
            foreach (var tid in tids)
                Add(cpu, tid, _attr);
        }
    }

    /// <summary>Opens events for a thread that has none, and for the threads it creates, from now on.</summary>
    public void Follow(IReadOnlyList<int> cpus, int tid)
    {
        foreach (var cpu in cpus)
            Add(cpu, tid, _attr with { Flags = _attr.Flags & ~(PerfAttrFlags.Disabled | PerfAttrFlags.EnableOnExec) });
    }

    public void Enable() => _events.ForEach(fd => PerfEvent.Control(fd, PerfEvent.IocEnable));

    /// <summary>
    /// With a filter, collects the available records for the next <see cref="DrainTo"/>, so that the filter can meanwhile be told which
    /// processes became targets before these records.
    /// </summary>
    public void Collect()
    {
        if (_filter is null)
            return;
        foreach (var ring in _rings.Values)
        {
            if (!ring.TryRead(out var first, out var rest))
                continue;
            _collected.Add((ring.Cpu, [.. first, .. rest]));
            ring.Release();
        }
    }

    /// <summary>Appends all available and collected records to the sink.</summary>
    public void DrainTo(IRecordSink sink)
    {
        if (_filter is not null)
        {
            _filter.Filter(_collected, (cpu, records) => sink.Append(SpoolRecordType.Sideband, cpu, records));
            _collected = [];
            return;
        }

        foreach (var ring in _rings.Values)
        {
            if (!ring.TryRead(out var first, out var rest))
                continue;
            // The ring wraps inside a record: both parts are one frame.
            sink.Append(SpoolRecordType.Sideband, ring.Cpu, first, rest);
            ring.Release();
        }
    }

    public void Dispose()
    {
        foreach (var ring in _rings.Values)
            ring.Dispose();
        _events.ForEach(fd => fd.Dispose());
    }

    private void Add(int cpu, int tid, PerfEventAttr attr)
    {
        if (!_rings.TryGetValue(cpu, out var ring))
            _rings.Add(cpu, ring = PerfRing.Open(cpu, _ringBytes, (_attr.Flags & PerfAttrFlags.ExcludeKernel) != 0, "the side-band"));
        // None: the thread ended since it was listed.
        if (PerfEvent.TryOpen(attr, tid, cpu, $"the side-band of thread {tid} on CPU {cpu}", ring.Fd) is { } fd)
            _events.Add(fd);
    }
}
