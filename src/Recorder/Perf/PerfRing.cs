using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Perf;

/// <summary>
/// Reader of one CPU's ring (perf_event_open(2), "MMAP layout"). The ring belongs to a software dummy event on the recorder itself, which
/// writes nothing, so that every event that does write has its ring from the start.
/// </summary>
internal sealed class PerfRing : IDisposable
{
    // struct perf_event_mmap_page, the first page of the mapping.
    private const int HeadOffset = 1024;
    private const int TailOffset = 1032;

    private readonly FdHandle _event;
    private readonly MappedMemory _memory;
    private readonly long _size;
    private long _readTo;

    private PerfRing(int cpu, FdHandle perfEvent, MappedMemory memory, int bytes)
    {
        Cpu = cpu;
        _event = perfEvent;
        _memory = memory;
        _size = bytes;
    }

    public int Cpu { get; }

    /// <summary>Readable when it is a quarter full.</summary>
    public int Fd => _event.Fd;

    /// <param name="bytes">Of records: a power of two of pages.</param>
    /// <param name="excludeKernel">Required for an ordinary user to open any event.</param>
    public static PerfRing Open(int cpu, int bytes, bool excludeKernel, string what)
        => TryOpen(cpu, bytes, excludeKernel) ?? throw Errno.Failure(Marshal.GetLastPInvokeError(), $"mapping the ring of {what} of CPU {cpu}");

    /// <summary>Null and errno if it needs more memory than this user may lock.</summary>
    public static PerfRing? TryOpen(int cpu, int bytes, bool excludeKernel)
    {
        var attr = new PerfEventAttr
        {
            Type = PerfEvent.TypeSoftware,
            Config = PerfEvent.SwDummy,
            WakeupWatermark = (uint)bytes / 4,
            // Events of different clocks do not share a ring.
            ClockId = Libc.ClockMonotonic,
            Flags = PerfAttrFlags.Watermark | PerfAttrFlags.UseClockid | (excludeKernel ? PerfAttrFlags.ExcludeKernel : 0),
        };
        // On the first thread: an event of a thread that has ended stays readable for ever.
        var fd = PerfEvent.TryOpen(attr, Environment.ProcessId, cpu, out var errno) ?? throw Errno.Failure(errno, $"perf_event_open for a ring of CPU {cpu}");
        if (MappedMemory.TryMap(fd.Fd, (nuint)(bytes + PageGeometry.Here.PageBytes), true) is { } memory)
            return new PerfRing(cpu, fd, memory, bytes);
        var error = Marshal.GetLastPInvokeError();
        fd.Dispose();
        Marshal.SetLastPInvokeError(error);
        return null;
    }

    /// <summary>
    /// All available records, back to back, in two parts if the ring wraps, possibly inside a record. Valid until
    /// <see cref="Release"/>.
    /// </summary>
    // SAFETY: the mapping has a first page and _size bytes behind it; the kernel keeps head - tail <= _size, and Volatile orders the read
    // of head before those of the records.
    public unsafe bool TryRead(out ReadOnlySpan<byte> first, out ReadOnlySpan<byte> rest)
    {
        // SAFETY: the mapping has a first page and _size bytes behind it; the kernel keeps head - tail <= _size, and Volatile
        // orders the read of head before those of the records.
        var head = Volatile.Read(ref *(long*)(_memory.Pointer + HeadOffset));
        var tail = *(long*)(_memory.Pointer + TailOffset);
        var data = _memory.Pointer + PageGeometry.Here.PageBytes;
        var from = tail & (_size - 1);
        var length = head - tail;
        var firstLength = Math.Min(length, _size - from);
        first = new ReadOnlySpan<byte>(data + from, (int)firstLength);
        rest = new ReadOnlySpan<byte>(data, (int)(length - firstLength));
        _readTo = head;
        return length > 0;
    }

    /// <summary>Lets the kernel overwrite what <see cref="TryRead"/> gave.</summary>
    // SAFETY: the tail lies in the first page, and no one but this reader writes it.
    public unsafe void Release() => Volatile.Write(ref *(long*)(_memory.Pointer + TailOffset), _readTo);

    public void Dispose()
    {
        _memory.Dispose();
        _event.Dispose();
    }
}
