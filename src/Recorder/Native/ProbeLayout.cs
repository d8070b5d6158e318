using System.Runtime.InteropServices;

namespace Faultrec.Recorder.Native;

// bpf/faultrec.h, member by member. ProbeLayoutTests pins sizes and offsets.

[StructLayout(LayoutKind.Sequential)]
internal struct ProbeConfig
{
    public uint PidnsInum;
    public uint TargetTgid;
    public uint RingSlots;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ProbeTotals
{
    public ulong EventsLost;
    public ulong TasksMarked;
}

[Flags]
internal enum FaultBits : byte
{
    None = 0,
    Major = 1 << 0,
    KernelIp = 1 << 1,
    NoEntry = 1 << 2,
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
    [FieldOffset(64)]
    public ulong Tail;
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
