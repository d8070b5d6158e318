using System.Runtime.CompilerServices;
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
    public byte HasDetails;
    public uint FlagTried;
    public uint FlagRemote;
    public uint FlagVmaLock;
    public byte StartsAtException;
    public byte ArgLockWrite;
    public byte SeesSlowSlab;
    public byte SeesNewSlab;
    public uint ResultRetry;
    public uint ResultError;
    public uint ResultMajor;
    public uint CodeMaps;
    public byte HasCosts;
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
    public ulong CountsLost;
    public ulong ToldByTask;
    public ulong KernelMinor;
    public ulong KernelMajor;
    public ulong InCallsMinor;
    public ulong InCallsMajor;
    public ulong ExecFaults;
}

[StructLayout(LayoutKind.Sequential)]
internal struct LockWaitKey
{
    public int Pid;
    public int Tid;
    public int HolderPid;
    public int HolderTid;
}

[StructLayout(LayoutKind.Sequential)]
internal struct LockWaitCount
{
    public long Waits;
    public long TotalNs;
    public long MaxNs;
}

[StructLayout(LayoutKind.Sequential)]
internal struct FlushKey
{
    public int Pid;
    public uint Reason;
}

[StructLayout(LayoutKind.Sequential)]
internal struct FlushCount
{
    public long Flushes;
    public long Pages;
    public long Full;
}

[StructLayout(LayoutKind.Sequential)]
internal struct SlabKey
{
    public ulong Cache;
    public int Pid;
    public uint Stage;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SlabObjects
{
    public const int NameChars = 32;

    public long Objects;
    public fixed byte Name[NameChars];
}

[StructLayout(LayoutKind.Sequential)]
internal struct BuddyKey
{
    public int Pid;
    public int Order;
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
    HasWalk = 1 << 7,
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
    public byte Levels;
    public ulong PteBefore;
    public ulong PteAfter;

    public readonly long DurationNs => DurationLow | ((long)DurationHigh << 32);

    /// <summary>Level at which the walk at entry ended, 0 pte to 4; one of four levels calls its pgd 3.</summary>
    public readonly int LevelBefore => Levels & 0x7;

    /// <summary>The page that the entry mapped is one that KSM has merged.</summary>
    public readonly bool IsMerged => (Levels & 0x8) != 0;

    public readonly int LevelAfter => Levels >> 4;
}

[InlineArray(Count)]
internal struct CauseDurations
{
    public const int Count = 6;

    private long _first;
}

[InlineArray(Count)]
internal struct StageCounts
{
    public const int Count = 6;

    private ushort _first;
}

[StructLayout(LayoutKind.Sequential)]
internal struct FaultDetails
{
    public long VmfAddress;
    public long VmfPgoff;
    public CauseDurations CauseNs;
    public StageCounts Objects;
    public ushort BuddyPages;
    public ushort HasCosts;
    public ulong Stack;
}

/// <summary>enum stack_ending.</summary>
internal enum StackEnding : uint
{
    None = 0,
    Outermost = 1,
    NoTable = 2,
    Unreadable = 3,
    ChainEnd = 4,
}

/// <summary>struct stack_record up to its frames.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct StackRecordHead
{
    public const int MaxFrames = 127;
    public const int MaxPythonFrames = 64;

    /// <summary>In place of an id: nobody looked for the stack.</summary>
    public const ulong NotTaken = 2;

    /// <summary>With the address of a frame of which no table was known: the next one is where rbp led.</summary>
    public const ulong WithoutTable = 1UL << 62;

    public ulong Id;

    /// <summary><see cref="PythonCodeHead.Kind"/>: the record is one of those.</summary>
    public ushort Frames;
    public ushort PythonFrames;
    public StackEnding Ending;
}

/// <summary>struct python_code up to its texts, which have a fixed size, and the line table behind them.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PythonCodeHead
{
    public const ushort Kind = 0xffff;
    public const int FileChars = 256;
    public const int NameChars = 128;
    public const int MaxLineBytes = 8192;

    public ulong Id;
    public ushort RecordKind;
    public ushort Minor;
    public uint FirstLine;
    public uint FileLength;
    public uint NameLength;
    public ushort FileWidth;
    public ushort NameWidth;
    public uint LineBytes;
    private readonly ulong _pad;
}

[StructLayout(LayoutKind.Sequential)]
internal record struct PythonLayout
{
    public const uint NoCframe = 0xffffffff;

    public uint Minor;
    public uint RuntimeInterpreters;
    public uint InterpreterThreads;
    public uint ThreadNext;
    public uint ThreadId;
    public uint ThreadFrame;
    public uint CframeFrame;
    public uint FrameBack;
    public uint FrameCode;
    public uint FrameInstruction;
    public uint FrameOwner;
    public uint CodeFile;
    public uint CodeFirstLine;
    public uint CodeBytes;
    public uint AsciiBytes;
    public uint CompactBytes;
    public uint StateShift;
}

internal enum CfaRule : byte
{
    Unknown = 0,
    Sp = 1,
    Bp = 2,
    Plt = 3,
    Signal = 4,
    Outermost = 5,
    Unsupported = 6,
    Bx = 7,
    Realigned = 8,
}

[StructLayout(LayoutKind.Sequential)]
internal record struct UnwindRow
{
    /// <summary>Nobody knows where rbx was saved. Else n: n + 1 words below the CFA; 0: it is the caller's.</summary>
    public const int BxLost = 15;

    private const int RuleMask = 15;
    private const int BxShift = 4;

    public uint Pc;
    public short CfaOffset;
    public byte Rules;
    public sbyte BpOffset;

    public CfaRule CfaRule
    {
        readonly get => (CfaRule)(Rules & RuleMask);
        set => Rules = (byte)(Rules & ~RuleMask | (int)value);
    }

    public int BxPlace
    {
        readonly get => Rules >> BxShift;
        set => Rules = (byte)(Rules & RuleMask | value << BxShift);
    }
}

[StructLayout(LayoutKind.Sequential)]
internal struct CodeMapping
{
    public ulong Start;
    public ulong End;
    public ulong Bias;
    public uint FirstRow;
    public uint RowCount;
}

[InlineArray(Count)]
internal struct CodeMappings
{
    public const int Count = 511;

    private CodeMapping _first;
}

[StructLayout(LayoutKind.Explicit, Size = 16384)]
internal struct CodeMaps
{
    [FieldOffset(0)]
    public uint Count;
    [FieldOffset(4)]
    public uint Processes;
    [FieldOffset(8)]
    public uint Uses;
    [FieldOffset(12)]
    public uint Python;
    [FieldOffset(16)]
    public ulong PythonRuntime;
    [FieldOffset(32)]
    public CodeMappings Mappings;
}

[StructLayout(LayoutKind.Sequential)]
internal record struct CodeFileKey
{
    /// <summary>The kernel's own library, in the place of a device.</summary>
    public const uint VdsoDevice = uint.MaxValue;

    public ulong Inode;
    public uint Device;
    private readonly uint _pad;
}

[StructLayout(LayoutKind.Sequential)]
internal struct CodeFile
{
    public ulong CodeAddress;
    public ulong CodeOffset;
    public ulong CodeBytes;
    public uint FirstRow;
    public uint RowCount;
    public ulong PythonRuntime;
    public uint Python;
    private readonly uint _pad;
}

/// <summary>What the rings hold when an option needs more than <see cref="FaultRecord"/>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct DetailedFault
{
    public FaultRecord Fault;
    public FaultDetails Details;
}

[InlineArray(Count)]
internal struct WalkProbes
{
    public const int Count = 8;

    private ulong _first;
}

[StructLayout(LayoutKind.Sequential)]
internal struct WalkState
{
    public ulong DirectMap;
    public ulong TopShift;
    public WalkProbes Addresses;
    public WalkProbes Pfns;
    public ulong MaxCandidates;
    public uint Tgid;
    private readonly uint _pad;
    public ulong Frames;
}

[StructLayout(LayoutKind.Explicit, Size = 192)]
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
    [FieldOffset(128)]
    public ulong KernelMinor;
    [FieldOffset(136)]
    public ulong KernelMajor;
    [FieldOffset(144)]
    public ulong EndedMinor;
    [FieldOffset(152)]
    public ulong EndedMajor;
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
    Advise = 11,
    Userfaultfd = 12,
    Mapped = 13,
    CallFaults = 14,
    TargetFound = 15,
    Accessible = 20,
}

[StructLayout(LayoutKind.Sequential)]
internal struct EventRecord
{
    private const long Uncounted = 1; // TASK_UNCOUNTED

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
    public long A5;
    public ulong Stack;

    /// <summary>Of a task that begins or has executed a program: no perf event follows it (any more).</summary>
    public readonly bool IsUncounted => Type is EventType.TaskNew or EventType.TaskExec && A5 == Uncounted;
}
