using System.Runtime.InteropServices;
using System.Text;
using Faultrec.Traces;
using Faultrec.Traces.Metadata;

namespace Faultrec.Replay.Native;

/// <summary>The memory that planner and engine share: a header, the slots, and a stack and a ring for each (engine/engine.h).</summary>
// SAFETY: the mapping lives until Dispose, which comes last, and pages of a memfd of that size never go away under it. It is as long as header,
// slots and rooms together, and indices are below Slots.
internal sealed unsafe class Arena : IDisposable
{
    private const int StackBytes = 32 * 1024;

    private static readonly int PageBytes = PageGeometry.Here.PageBytes;

    private byte* _memory;

    /// <param name="ringOps">A power of two.</param>
    public Arena(int slots, int ringOps)
    {
        (Slots, RingOps) = (slots, ringOps);
        var table = ((slots * sizeof(SlotHeader)) + PageBytes - 1) & -PageBytes;
        (_roomsAt, _room) = (PageBytes + table, StackBytes + ((long)ringOps * sizeof(Op)));
        Bytes = _roomsAt + (slots * _room);
        Fd = MemoryFile.Create("faultrec-arena", Bytes);
        var memory = Libc.Mmap(0, (nuint)Bytes, Libc.ProtRead | Libc.ProtWrite, Libc.MapShared, Fd, 0);
        if (memory == -1)
        {
            throw new FaultrecException(ExitCode.NotPermitted,
                $"{Bytes >> 20} MiB of shared memory for the replay: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}; "
                + "expected that much memory; free some");
        }

        _memory = (byte*)memory;
        (Header->Slots, Header->RingOps, Header->ToolPid) = ((uint)slots, (uint)ringOps, Environment.ProcessId);
    }

    private readonly long _roomsAt;
    private readonly long _room;

    public int Slots { get; }

    public int RingOps { get; }

    public long Bytes { get; }

    public int Fd { get; }

    public ArenaHeader* Header => (ArenaHeader*)_memory;

    public SlotHeader* Slot(int index) => (SlotHeader*)(_memory + PageBytes) + index;

    public Op* Ring(int index) => (Op*)(_memory + _roomsAt + (index * _room) + StackBytes);

    /// <summary>Name of the thread that the slot gets; 15 bytes of it, as the kernel keeps them.</summary>
    public void Name(int index, string comm)
    {
        var name = new Span<byte>(Slot(index)->Name, 16);
        name.Clear();
        _ = Encoding.UTF8.TryGetBytes(comm.AsSpan(0, Math.Min(comm.Length, 5)), name[..15], out _);
        if (Encoding.UTF8.GetByteCount(comm) <= 15)
            _ = Encoding.UTF8.GetBytes(comm, name);
    }

    public void Dispose()
    {
        if (_memory is null)
            return;
        _ = Libc.Munmap((nint)_memory, (nuint)Bytes);
        _memory = null;
        MemoryFile.Close(Fd);
    }
}
