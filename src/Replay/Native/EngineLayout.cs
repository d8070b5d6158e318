using System.Runtime.InteropServices;

namespace Faultrec.Replay.Native;

/// <summary>What engine/engine.h says of the same names.</summary>
internal enum OpKind : byte
{
    None,
    Touch,
    Map,
    Unmap,
    Protect,
    Advise,
    Warm,
    Evict,
    Prepare,
    Wait,
    Spawn,
    Fork,
    Exit,
    ExitProcess,
    Fill,
}

[Flags]
internal enum OpFlags : byte
{
    None = 0,
    Write = 1,
    ByKernel = 2,
    Small = 4,
    Exec = 8,
    Huge = 16,
    Hugetlb = 32,
}

[Flags]
internal enum OpResult : uint
{
    None = 0,
    Failed = 1,

    /// <summary>Minor and Major are those of the touches before, back to the last change of bucket.</summary>
    ClosesRun = 2,
}

internal enum OpSource : byte
{
    Anonymous,
    Shared,
    File,
    FileShared,
    MemoryFile,
    MemoryFileShared,
}

/// <summary>One operation of a ring, and what came of it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Op
{
    public ulong Address;
    public ulong Length;

    /// <summary>In the stand-in file; of a wait: operations.</summary>
    public ulong Offset;

    /// <summary>Of a touch: ns since the replay began.</summary>
    public long DueNs;

    /// <summary>
    /// Of a touch: faults are counted by it; of wait, spawn and fork: the slot; of what needs a file: its descriptor and 1, or 0 for the stand-in.
    /// </summary>
    public uint Bucket;

    public OpKind Kind;
    public OpFlags Flags;

    /// <summary>PROT_*; of Advise and Fill: MADV_*.</summary>
    public byte Prot;

    public OpSource Source;

    /// <summary>Of a touch and a Fill: ns since the replay began; of ExitProcess: most resident memory that the process had, KiB.</summary>
    public long StartNs;
    public uint DurationNs;
    public uint Minor;
    public uint Major;
    public OpResult Result;
}

/// <summary>struct arena of engine/engine.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ArenaHeader
{
    public uint Slots;
    public uint RingOps;
    public int ToolPid;
    public int File;
    public int MemoryFile;
    public uint IsPaced;
    public uint Go;
    public uint Stop;
    public uint Ready;
    public uint Crashed;
    public uint Errors;
    public int FirstErrno;
    public uint FirstErrorKind;
    public uint NumaNodes;
    public ulong OriginCycles;
    public ulong NsPerCycle;
}

/// <summary>struct slot of engine/engine.h: who writes what has a cache line of its own.</summary>
// SAFETY: a layout; the name is inside of it, 16 bytes long.
[StructLayout(LayoutKind.Explicit, Size = 192)]
internal unsafe struct SlotHeader
{
    [FieldOffset(0)]
    public ulong Head;

    [FieldOffset(64)]
    public ulong Tail;

    [FieldOffset(72)]
    public int Tid;

    [FieldOffset(128)]
    public fixed byte Name[16];
}
