using System.Runtime.InteropServices;

namespace Faultrec.Recorder.Native;

// bpf/faultrec.h, member by member. ProbeLayoutTests pins sizes and offsets.

internal enum TargetScope : uint
{
    Tree = 0,
    All = 1,
    Comm = 2,
    Cgroup = 3,
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ProbeConfig
{
    public const int CommChars = 256;
    public const byte NoArgument = 0xff;

    public uint PidnsInum;
    public uint TargetTgid;
    public uint RingSlots;
    public TargetScope Scope;
    public uint SelfTgid;
    public byte MachineWide;
    public byte LeaderOnly;
    public byte ArgAddress;
    public byte ArgFlags;
    public byte ArgRegs;
    public byte ArgCount;
    public byte SeesOnlyMapped;
    private readonly byte _pad;
    public uint FlagTried;
    public uint FlagVmaLock;
    public uint ResultRetry;
    public uint ResultError;
    public uint ResultMajor;
    private readonly uint _pad1;
    public ulong CgroupId;
    public uint CommStar;
    public uint CommAccept;
    public fixed uint CommMasks[CommChars];
}

[StructLayout(LayoutKind.Sequential)]
internal struct ProbeTotals
{
    public ulong EventsLost;
    public ulong TasksMarked;
    public ulong ReturnsDue;
}

[Flags]
internal enum FaultBits : byte
{
    None = 0,
    Major = 1 << 0,
    KernelIp = 1 << 1,
    NoEntry = 1 << 2,
    HasErrorCode = 1 << 3,
    HasFlags = 1 << 4,
    Gup = 1 << 5,
    HasVmf = 1 << 6,
}

[StructLayout(LayoutKind.Sequential)]
internal struct FaultRecord
{
    public long StartNs;
    public long Address;
    public long Ip;
    public uint DurationLow;
    public int Pid;
    public int Tid;
    public ushort ErrorCode;
    public FaultBits Bits;
    public byte DurationHigh;
    public ushort FaultFlags;
    public ushort FaultResult;
    public ushort Weight;
    public byte Handler;
    private readonly byte _pad;
    public long VmfAddress;
    public long VmfPgoff;

    public readonly long DurationNs => DurationLow | ((long)DurationHigh << 32);
}

[StructLayout(LayoutKind.Explicit, Size = 128)]
internal struct RingControl
{
    [FieldOffset(0)]
    public ulong Head;
    [FieldOffset(8)]
    public ulong Lost;
    [FieldOffset(16)]
    public ulong WithoutOutcome;
    [FieldOffset(24)]
    public ulong SampledOut;
    [FieldOffset(32)]
    public ulong SampledOutMajor;
    [FieldOffset(40)]
    public ulong Excluded;
    [FieldOffset(48)]
    public uint Gap;
    [FieldOffset(56)]
    public ulong Unreturned;
    [FieldOffset(64)]
    public ulong Tail;
    [FieldOffset(72)]
    public uint Every;
}

internal enum EventType : uint
{
    Unmap = 1,
    Remap = 2,
    Brk = 3,
    Shmdt = 4,
    TaskNew = 5,
    TaskExec = 6,
    TaskExit = 7,
    FaultFailed = 8,
    Doorbell = 9,
    Signal = 10,
}

[StructLayout(LayoutKind.Sequential)]
internal struct EventRecord
{
    public long TimeNs;
    public EventType Type;
    public int Pid;
    public int Tid;
    public uint Cpu;
    public long A0;
    public long A1;
    public long A2;
    public long A3;
    public long A4;
}
