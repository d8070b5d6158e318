using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Capture;

/// <summary>Reader of one perf event's ring (perf_event_open(2), "MMAP layout"), bound to one CPU; other events may write into it too.</summary>
internal sealed unsafe class PerfRing : IDisposable
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

    /// <summary>Readable at the event's watermark.</summary>
    public int Fd => _event.Fd;

    /// <param name="perfEvent">Stays the caller's.</param>
    /// <param name="bytes">Of records: a power of two of pages.</param>
    public static PerfRing Map(FdHandle perfEvent, int cpu, int bytes, string what)
        => TryMap(perfEvent, cpu, bytes) ?? throw Errno.Failure(Marshal.GetLastPInvokeError(), $"mapping {what} of CPU {cpu}");

    /// <summary>Null and errno when it is more memory than this user may lock.</summary>
    public static PerfRing? TryMap(FdHandle perfEvent, int cpu, int bytes)
    {
        var memory = MappedMemory.TryMap(perfEvent.Fd, (nuint)(bytes + Environment.SystemPageSize), true);
        return memory is null ? null : new PerfRing(cpu, perfEvent, memory, bytes);
    }

    /// <summary>
    /// Everything that is there: whole records back to back, in two parts where the ring wraps, maybe inside a record. Valid until
    /// <see cref="Release"/>.
    /// </summary>
    public bool TryRead(out ReadOnlySpan<byte> first, out ReadOnlySpan<byte> rest)
    {
        // SAFETY: the mapping has a first page and _size bytes behind it; the kernel keeps head - tail <= _size, and Volatile
        // orders the read of head before those of the records.
        var head = Volatile.Read(ref *(long*)(_memory.Pointer + HeadOffset));
        var tail = *(long*)(_memory.Pointer + TailOffset);
        var data = _memory.Pointer + Environment.SystemPageSize;
        var from = tail & (_size - 1);
        var length = head - tail;
        var firstLength = Math.Min(length, _size - from);
        first = new ReadOnlySpan<byte>(data + from, (int)firstLength);
        rest = new ReadOnlySpan<byte>(data, (int)(length - firstLength));
        _readTo = head;
        return length > 0;
    }

    /// <summary>Lets the kernel overwrite what <see cref="TryRead"/> gave.</summary>
    public void Release() => Volatile.Write(ref *(long*)(_memory.Pointer + TailOffset), _readTo);

    public void Dispose() => _memory.Dispose();
}
