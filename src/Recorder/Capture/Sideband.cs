using Faultrec.Recorder.Native;
using Faultrec.Recorder.Spool;

namespace Faultrec.Recorder.Capture;

/// <summary>
/// The kernel's own records of mappings, names, forks and exits (perf_event_open(2): MMAP2, COMM, FORK, EXIT, LOST), from a
/// software dummy event a CPU and thread of the target. One ring a CPU; times are CLOCK_MONOTONIC, as the probes'.
/// </summary>
internal sealed unsafe class Sideband : IDisposable
{
    private const int DataPages = 512; // 2 MiB a CPU: 16,000 mappings, at one drain in 20 ms 800,000 a second

    private readonly List<CpuRing> _rings = [];
    private readonly List<FdHandle> _others = [];

    private sealed record CpuRing(int Cpu, FdHandle Fd, MappedMemory Memory);

    public static Sideband Open(IReadOnlyList<int> cpus, IReadOnlyList<int> tids, bool enableOnExec)
    {
        var sideband = new Sideband();
        try
        {
            foreach (var cpu in cpus)
                sideband.AddCpu(cpu, tids, enableOnExec);
            return sideband;
        }
        catch
        {
            sideband.Dispose();
            throw;
        }
    }

    public IEnumerable<int> Fds => _rings.Select(ring => ring.Fd.Fd);

    public void Enable()
    {
        foreach (var fd in _rings.Select(ring => ring.Fd).Concat(_others))
            PerfEvent.Control(fd, PerfEvent.IocEnable);
    }

    /// <summary>Appends everything that is there to the sink, unparsed.</summary>
    public void DrainTo(IFrameSink sink)
    {
        foreach (var ring in _rings)
        {
            // SAFETY: struct perf_event_mmap_page is the first page of the mapping; data_head at 1024, data_tail at 1032.
            var head = Volatile.Read(ref *(long*)(ring.Memory.Pointer + 1024));
            ref var tail = ref *(long*)(ring.Memory.Pointer + 1032);
            if (head == tail)
                continue;
            var data = ring.Memory.Pointer + Environment.SystemPageSize;
            var size = (long)DataPages * Environment.SystemPageSize;
            var from = tail % size;
            var length = head - tail;
            var first = Math.Min(length, size - from);
            // The ring wraps inside a record: both parts are one frame.
            sink.Append(
                FrameType.Sideband, ring.Cpu, new ReadOnlySpan<byte>(data + from, (int)first), new ReadOnlySpan<byte>(data, (int)(length - first)));
            Volatile.Write(ref tail, head);
        }
    }

    public void Dispose()
    {
        foreach (var ring in _rings)
        {
            ring.Memory.Dispose();
            ring.Fd.Dispose();
        }
        _others.ForEach(fd => fd.Dispose());
    }

    private void AddCpu(int cpu, IReadOnlyList<int> tids, bool enableOnExec)
    {
        const PerfAttrFlags everything = PerfAttrFlags.Mmap | PerfAttrFlags.MmapData | PerfAttrFlags.Mmap2 | PerfAttrFlags.Comm
            | PerfAttrFlags.CommExec | PerfAttrFlags.Task;

        // A mapping record has either device and inode or the build id, so executable mappings are told twice.
        const PerfAttrFlags buildIds = PerfAttrFlags.Mmap | PerfAttrFlags.Mmap2 | PerfAttrFlags.BuildId;

        CpuRing? ring = null;
        foreach (var tid in tids)
        {
            ring = Add(ring, cpu, tid, everything, enableOnExec);
            ring = Add(ring, cpu, tid, buildIds, enableOnExec);
        }
    }

    /// <summary>Opens one event; the first of a CPU gets the ring, the others write into it.</summary>
    private CpuRing? Add(CpuRing? ring, int cpu, int tid, PerfAttrFlags records, bool enableOnExec)
    {
        var attr = new PerfEventAttr
        {
            Type = PerfEvent.TypeSoftware,
            Config = PerfEvent.SwDummy,
            SampleType = PerfEvent.SampleTime,
            WakeupWatermark = DataPages * 4096 / 4,
            ClockId = Libc.ClockMonotonic,
            Flags = records | PerfAttrFlags.Disabled | PerfAttrFlags.Inherit | PerfAttrFlags.Watermark | PerfAttrFlags.SampleIdAll
                | PerfAttrFlags.UseClockid | (enableOnExec ? PerfAttrFlags.EnableOnExec : 0),
        };
        var fd = PerfEvent.TryOpen(attr, tid, cpu, $"the side-band of thread {tid} on CPU {cpu}");
        if (fd is null)
            return ring; // The thread ended since it was listed.
        if (ring is not null)
        {
            _others.Add(fd);
            PerfEvent.Control(fd, PerfEvent.IocSetOutput, ring.Fd.Fd);
            return ring;
        }
        var memory = MappedMemory.Map(fd.Fd, (nuint)((DataPages + 1) * Environment.SystemPageSize), true, $"the side-band ring of CPU {cpu}");
        ring = new CpuRing(cpu, fd, memory);
        _rings.Add(ring);
        return ring;
    }
}
