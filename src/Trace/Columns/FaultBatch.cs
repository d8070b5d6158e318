using Faultrec.Traces.Metadata;

namespace Faultrec.Traces.Columns;

/// <summary>What the faulting instruction did; the trace stores the lower-case name.</summary>
public enum FaultAccess : byte
{
    /// <summary>It read.</summary>
    Read = 0,

    /// <summary>It wrote.</summary>
    Write = 1,

    /// <summary>It was fetched from the faulting address.</summary>
    Exec = 2,

    /// <summary>Unknown, because the probe saw no error code; null in the file.</summary>
    Unknown = 3,
}

/// <summary>
/// A block of faults, one array per column, on the way from the spool to the trace file and from the file to the
/// analysis. Element <c>i</c> of every array belongs to the same fault; elements from <see cref="Count"/> on are stale.
/// Null is a sentinel value (<see cref="Null"/>, <see cref="NullPte"/>), so that no column needs a second array; in a new batch every value is
/// null that can be.
/// </summary>
public sealed class FaultBatch
{
    /// <summary>The value that stands for null in columns whose values are never negative.</summary>
    public const int Null = -1;

    /// <summary>The value that stands for null in <see cref="PteBefore"/>, where any other bit pattern can be an entry.</summary>
    public const long NullPte = long.MinValue;

    /// <summary>At a multiple of so many pages <see cref="MappedAround"/> begins: fault_around_bytes of mm/memory.c.</summary>
    public const int AroundPages = 16;

    /// <summary>Bits of <see cref="MappedAround"/>.</summary>
    public const int AroundBits = 31;

    private FaultColumns _made;

    /// <summary>Makes a block that holds up to <paramref name="capacity"/> faults.</summary>
    public FaultBatch(int capacity) => Capacity = capacity;

    /// <summary>How many faults the block can hold.</summary>
    public int Capacity { get; }

    /// <summary>Faults in this block, at most <see cref="Capacity"/>.</summary>
    public int Count { get; set; }

    /// <summary>Start of the fault, ns since the recording began (the completion, if no duration is known).</summary>
    public long[] TimeNs => field ??= new long[Capacity];

    /// <summary>Time in the kernel's fault handler, ns; <see cref="Null"/> if its entry was not seen.</summary>
    public long[] DurationNs => field ??= New<long>(Null, FaultColumns.DurationNs);

    /// <summary>Process (thread group) id in the recorder's pid namespace.</summary>
    public int[] Pid => field ??= new int[Capacity];

    /// <summary>Thread id in the recorder's pid namespace.</summary>
    public int[] Tid => field ??= new int[Capacity];

    /// <summary>Number of the CPU on which the fault was recorded; -1 if unknown.</summary>
    public int[] Cpu => field ??= new int[Capacity];

    /// <summary>Name of the thread at the moment of the fault.</summary>
    public string[] Comm => field ??= new string[Capacity];

    /// <summary>The user address that faulted, exact to the byte; the bit pattern of an unsigned number.</summary>
    public long[] Address => field ??= new long[Capacity];

    /// <summary>Address of the faulting instruction (bit pattern of an unsigned number); kernel text if the kernel faulted for the program.</summary>
    public long[] Ip => field ??= new long[Capacity];

    /// <summary>True if the kernel counted the fault as major: it waited for a device, or was retried.</summary>
    public bool[] Major => field ??= new bool[Capacity];

    /// <summary>Whether the instruction read, wrote or was fetched.</summary>
    public FaultAccess[] Access => field ??= New(FaultAccess.Unknown, FaultColumns.Access);

    /// <summary>True if kernel mode touched the user memory.</summary>
    public bool[] KernelAccess => field ??= new bool[Capacity];

    /// <summary>The x86 error code of the exception (arch/x86/include/asm/trap_pf.h); <see cref="Null"/> if the backend does not see it.</summary>
    public int[] ErrorCode => field ??= New(Null, FaultColumns.ErrorCode);

    /// <summary>FAULT_FLAG_* bits of handle_mm_fault; <see cref="Null"/> if the backend does not see them.</summary>
    public int[] FaultFlags => field ??= New(Null, FaultColumns.FaultFlags);

    /// <summary>VM_FAULT_* bits that handle_mm_fault returned; <see cref="Null"/> if the backend does not see them.</summary>
    public int[] FaultResult => field ??= New(Null, FaultColumns.FaultResult);

    /// <summary>The signal that the kernel raised because it could not serve the fault (SIGSEGV 11, SIGBUS 7); <see cref="Null"/> if it raised none.</summary>
    public int[] Signal => field ??= New(Null, FaultColumns.Signal);

    /// <summary>The page-table level that was missing, from 4 (pgd) to 0 (pte); <see cref="Null"/> if unknown.</summary>
    public sbyte[] PtLevel => field ??= New((sbyte)Null, FaultColumns.PtLevel);

    /// <summary>The page-table entry found when the fault began; <see cref="NullPte"/> if unknown.</summary>
    public long[] PteBefore => field ??= New(NullPte, FaultColumns.PteBefore);

    /// <summary>Number of the page frame that the fault mapped; <see cref="Null"/> if unknown.</summary>
    public long[] Pfn => field ??= New<long>(Null, FaultColumns.Pfn);

    /// <summary>log2 of the number of pages that the fault mapped (0 = 4 KiB, 9 = 2 MiB); <see cref="Null"/> if unknown.</summary>
    public sbyte[] PageOrder => field ??= New((sbyte)Null, FaultColumns.PageOrder);

    /// <summary><see cref="Metadata.Region.Id"/> of the mapping that held the address at <see cref="TimeNs"/>; 0 if no mapping is known.</summary>
    public int[] RegionId => field ??= new int[Capacity];

    /// <summary>Name of the region in <see cref="RegionId"/>, repeated for readers who use SQL.</summary>
    public string[] Region => field ??= new string[Capacity];

    /// <summary>Offset in the mapped file, in pages (vmf->pgoff); <see cref="Null"/> for anonymous memory.</summary>
    public long[] FilePage => field ??= New<long>(Null, FaultColumns.FilePage);

    /// <summary>The user stack as text, outermost frame first, with ';' between frames; null if it was not recorded.</summary>
    public string?[] Stack => field ??= New<string?>(null, FaultColumns.Stack);

    /// <summary>The fault's stack, a node of <see cref="TraceMetadata.Stacks"/>; <see cref="Null"/> if it was not recorded.</summary>
    public int[] StackId => field ??= New(Null, FaultColumns.StackId);

    /// <summary>Stack of the system call that reserved the memory, a node of <see cref="TraceMetadata.Stacks"/>; <see cref="Null"/> if unknown.</summary>
    public int[] MapperStackId => field ??= New(Null, FaultColumns.MapperStackId);

    /// <summary>True if KSM (ksmd) had merged the page that <see cref="PteBefore"/> maps with equal ones.</summary>
    public bool[] Merged => field ??= new bool[Capacity];

    /// <summary>
    /// Pages that the fault mapped, with its own (fault-around, a large folio): bit i is page i from the multiple of <see cref="AroundPages"/>
    /// pages at or before the address; <see cref="Null"/> if <see cref="PageOrder"/> says it all.
    /// </summary>
    public int[] MappedAround => field ??= New(Null, FaultColumns.MappedAround);

    /// <summary>
    /// Of a write that mapped one page: log2 of the pages of the largest aligned block around it, up to <see cref="AroundPages"/>, in which the page
    /// table had nothing before; <see cref="Null"/> if it was not looked at.
    /// </summary>
    public sbyte[] EmptyOrder => field ??= New((sbyte)Null, FaultColumns.EmptyOrder);

    /// <summary>True if get_user_pages raised the fault for a system call or execve, without a page-fault exception.</summary>
    public bool[] Gup => field ??= new bool[Capacity];

    /// <summary>Kernel function that served the fault (do_anonymous_page); null if `--handlers` was not given, or the function is inlined.</summary>
    public string?[] Handler => field ??= New<string?>(null, FaultColumns.Handler);

    /// <summary>vmf->address as <see cref="Handler"/> got it; <see cref="Null"/> without a handler.</summary>
    public long[] VmfAddress => field ??= New<long>(Null, FaultColumns.VmfAddress);

    /// <summary>vmf->pgoff as <see cref="Handler"/> got it, in pages; <see cref="Null"/> without a handler.</summary>
    public long[] VmfPgoff => field ??= New<long>(Null, FaultColumns.VmfPgoff);

    /// <summary>How many faults the row stands for: N if one in N was recorded, otherwise 1.</summary>
    public int[] Weight => field ??= New(1, FaultColumns.Weight);

    /// <summary>True if the kernel grew the mapping, a stack, to serve the fault.</summary>
    public bool[] Grew => field ??= new bool[Capacity];

    /// <summary>The part of <see cref="DurationNs"/> spent in direct reclaim, ns; <see cref="Null"/> if not traced.</summary>
    public long[] ReclaimNs => field ??= New<long>(Null, FaultColumns.ReclaimNs);

    /// <summary>The part of <see cref="DurationNs"/> spent in direct compaction, ns; <see cref="Null"/> if not traced.</summary>
    public long[] CompactionNs => field ??= New<long>(Null, FaultColumns.CompactionNs);

    /// <summary>The part of <see cref="DurationNs"/> spent asleep, waiting for a block device or swap, ns; <see cref="Null"/> if not traced.</summary>
    public long[] IoWaitNs => field ??= New<long>(Null, FaultColumns.IoWaitNs);

    /// <summary>The part of <see cref="DurationNs"/> spent waiting for mmap_lock, ns; <see cref="Null"/> if not traced.</summary>
    public long[] LockWaitNs => field ??= New<long>(Null, FaultColumns.LockWaitNs);

    /// <summary>The part of <see cref="DurationNs"/> spent not running for any other reason, ns; <see cref="Null"/> if not traced.</summary>
    public long[] OffCpuNs => field ??= New<long>(Null, FaultColumns.OffCpuNs);

    /// <summary>The part of <see cref="DurationNs"/> spent filling a huge page with zeros, ns; <see cref="Null"/> if not traced.</summary>
    public long[] ZeroingNs => field ??= New<long>(Null, FaultColumns.ZeroingNs);

    /// <summary>Kernel objects that the fault allocated from the CPU's own free list; <see cref="Null"/> if not traced.</summary>
    public int[] SlabFast => field ??= New(Null, FaultColumns.SlabFast);

    /// <summary>Kernel objects that the fault allocated from the CPU's sheaves (since Linux 6.18); <see cref="Null"/> if not traced.</summary>
    public int[] SlabSheaf => field ??= New(Null, FaultColumns.SlabSheaf);

    /// <summary>Kernel objects that the fault allocated from the list of the CPU's slab, taken over; <see cref="Null"/> if not traced.</summary>
    public int[] SlabLocal => field ??= New(Null, FaultColumns.SlabLocal);

    /// <summary>Kernel objects that the fault allocated from the CPU's partial slabs; <see cref="Null"/> if not traced.</summary>
    public int[] SlabPartial => field ??= New(Null, FaultColumns.SlabPartial);

    /// <summary>Kernel objects that the fault allocated from a node's partial list; <see cref="Null"/> if not traced.</summary>
    public int[] SlabRemote => field ??= New(Null, FaultColumns.SlabRemote);

    /// <summary>Kernel objects that the fault allocated from a new slab of the buddy allocator; <see cref="Null"/> if not traced.</summary>
    public int[] SlabBuddy => field ??= New(Null, FaultColumns.SlabBuddy);

    /// <summary>Pages that the fault took from the buddy allocator; <see cref="Null"/> if not traced.</summary>
    public int[] BuddyPages => field ??= New(Null, FaultColumns.BuddyPages);

    /// <summary>False: the column can be null, and its array was never asked for, so that no row has a value.</summary>
    internal bool MayHave(TraceColumn column) => !column.IsNullable || (_made & column.Flag) != 0;

    // Made when it is first asked for: most recordings and most readers use few of the columns that can be null.
    private T[] New<T>(T nothing, FaultColumns flag)
    {
        _made |= flag;
        var column = new T[Capacity];
        Array.Fill(column, nothing);
        return column;
    }
}

/// <summary>
/// Columns to read, each the bit of its position in <see cref="TraceSchema.Columns"/>; what is left out keeps whatever the batch held before.
/// </summary>
[Flags]
#pragma warning disable MA0062 // All has bits that no column of this version has.
public enum FaultColumns : long
#pragma warning restore MA0062
{
#pragma warning disable CS1591 // FaultBatch describes the columns.
    None = 0,
    TimeNs = 1L << 0,
    DurationNs = 1L << 1,
    Pid = 1L << 2,
    Tid = 1L << 3,
    Cpu = 1L << 4,
    Comm = 1L << 5,
    Address = 1L << 6,
    Ip = 1L << 7,
    Major = 1L << 8,
    Access = 1L << 9,
    KernelAccess = 1L << 10,
    ErrorCode = 1L << 11,
    FaultFlags = 1L << 12,
    FaultResult = 1L << 13,
    Signal = 1L << 14,
    PtLevel = 1L << 15,
    PteBefore = 1L << 16,
    Pfn = 1L << 17,
    PageOrder = 1L << 18,
    RegionId = 1L << 19,
    Region = 1L << 20,
    FilePage = 1L << 21,
    Stack = 1L << 22,
    Gup = 1L << 23,
    Handler = 1L << 24,
    VmfAddress = 1L << 25,
    VmfPgoff = 1L << 26,
    Weight = 1L << 27,
    Grew = 1L << 28,
    ReclaimNs = 1L << 29,
    CompactionNs = 1L << 30,
    IoWaitNs = 1L << 31,
    LockWaitNs = 1L << 32,
    OffCpuNs = 1L << 33,
    ZeroingNs = 1L << 34,
    SlabFast = 1L << 35,
    SlabSheaf = 1L << 36,
    SlabLocal = 1L << 37,
    SlabPartial = 1L << 38,
    SlabRemote = 1L << 39,
    SlabBuddy = 1L << 40,
    BuddyPages = 1L << 41,
    StackId = 1L << 42,
    MapperStackId = 1L << 43,
    Merged = 1L << 44,
    MappedAround = 1L << 45,
    EmptyOrder = 1L << 46,
#pragma warning restore CS1591

    /// <summary>Those of later versions too.</summary>
    All = ~0L,
}
