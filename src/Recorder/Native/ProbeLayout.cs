using System.Runtime.InteropServices;

namespace Faultrec.Recorder.Native;

// What user space adds to the layouts of bpf/faultrec.h, which ProbeLayout.g.cs has.

internal partial record struct FaultRecord
{
    public readonly long DurationNs => DurationLow | ((long)DurationHigh << 32);

    /// <summary>Level at which the walk at entry ended, 0 pte to 4; one of four levels calls its pgd 3.</summary>
    public readonly int LevelBefore => Levels & LevelBeforeMask;

    /// <summary>The page that the entry mapped is one that KSM has merged.</summary>
    public readonly bool IsMerged => (Levels & WalkMerged) != 0;

    public readonly int LevelAfter => (Levels >> LevelAfterShift) & LevelAfterMask;

    /// <summary>Nothing was mapped at entry, and <see cref="PteBefore"/> tells what the fault mapped around its page.</summary>
    public readonly bool HasAround => (Levels & WalkAround) != 0;

    /// <summary>The entry at which the walk at entry ended.</summary>
    public readonly ulong EntryBefore => HasAround ? 0 : PteBefore;

    /// <summary>
    /// Bit i: the fault mapped page i of the window of <see cref="AroundPages"/> pages that begins at the multiple of <see cref="AroundAlign"/> pages
    /// before its address; 0: not looked at. The last page is never mapped.
    /// </summary>
    public readonly int MappedAround => HasAround ? (int)PteBefore & int.MaxValue : 0;

    /// <summary>log2 of the pages of the folio that a write mapped a part of, if that is more than one page; else 0.</summary>
    public readonly int FolioOrder => HasAround ? (byte)(PteBefore >> AroundOrderShift) : 0;

    /// <summary>Bit i: page i of the first half of the window had an entry before; 0 if it is not <see cref="HasAround"/>.</summary>
    public readonly int UsedBefore => HasAround ? (ushort)(PteBefore >> AroundUsedShift) : 0;
}

/// <summary>What the rings hold when stacks are taken, and no option needs more.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct StackedFault
{
    public FaultRecord Fault;

    /// <summary>As <see cref="FaultDetails.Stack"/>, which is the first of the details.</summary>
    public ulong Stack;
}

/// <summary>What the rings hold when an option needs more than <see cref="FaultRecord"/>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct DetailedFault
{
    public FaultRecord Fault;
    public FaultDetails Details;
}

internal partial record struct StackRecordHead
{
    /// <summary>With the address of a frame of which no table was known: the next one is where rbp led.</summary>
    public const ulong WithoutTable = 1UL << WithoutTableBit;
}

internal partial record struct UnwindRow
{
    public CfaRule CfaRule
    {
        readonly get => (CfaRule)(Rules & CfaRuleMask);
        set => Rules = (byte)(Rules & ~CfaRuleMask | (int)value);
    }

    /// <summary><see cref="BxLost"/>, or n: n + 1 words below the CFA; 0: it is the caller's.</summary>
    public int BxPlace
    {
        readonly get => Rules >> BxShift;
        set => Rules = (byte)(Rules & CfaRuleMask | value << BxShift);
    }
}

internal partial record struct EventRecord
{
    /// <summary>Of a task that begins or has executed a program: no perf event follows it (any more).</summary>
    public readonly bool IsUncounted => Type is EventType.TaskNew or EventType.TaskExec && (A5 & TaskUncounted) != 0;

    /// <summary>Of a process that begins: it runs in its parent's memory (vfork(2), posix_spawn(3)).</summary>
    public readonly bool SharesMemory => Type == EventType.TaskNew && Pid == Tid && (A5 & TaskSharesMemory) != 0;
}
