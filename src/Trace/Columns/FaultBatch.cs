using Faultrec.Traces.Metadata;

namespace Faultrec.Traces.Columns;

/// <summary>What the faulting instruction did; the trace stores the lower-case name.</summary>
public enum FaultAccess : byte
{
    Read = 0,
    Write = 1,
    Exec = 2,

    /// <summary>Null in the file: the probe saw no error code.</summary>
    Unknown = 3,
}

/// <summary>
/// A block of faults, one array a column, as they travel between the spool and the trace file and from the file to the
/// analysis. Element <c>i</c> of every array belongs to the same fault; elements from <see cref="Count"/> on are stale.
/// Null is a sentinel (the constants here), so that no column needs a second array; a new batch is null wherever it can be.
/// </summary>
public sealed class FaultBatch
{
    /// <summary>Null in every column whose values are never negative.</summary>
    public const int Null = -1;

    /// <summary>Null in <see cref="PteBefore"/>, where any other bit pattern can be an entry.</summary>
    public const long NullPte = long.MinValue;

    public FaultBatch(int capacity) => Capacity = capacity;

    public int Capacity { get; }

    /// <summary>Faults in this block, at most <see cref="Capacity"/>.</summary>
    public int Count { get; set; }

    /// <summary>Start of the fault, ns since the recording began (completion where no duration is known).</summary>
    public long[] TimeNs => field ??= new long[Capacity];

    /// <summary>Time in the kernel's fault handler, ns; <see cref="Null"/> where entry was not seen.</summary>
    public long[] DurationNs => field ??= New<long>(Null);

    /// <summary>Process (thread group) id in the recorder's pid namespace.</summary>
    public int[] Pid => field ??= new int[Capacity];

    public int[] Tid => field ??= new int[Capacity];

    public int[] Cpu => field ??= new int[Capacity];

    /// <summary>Thread name at the fault.</summary>
    public string[] Comm => field ??= new string[Capacity];

    /// <summary>Faulting user address, byte exact; bit pattern of the unsigned address.</summary>
    public long[] Address => field ??= new long[Capacity];

    /// <summary>Instruction pointer; kernel text when the kernel faulted on the program's behalf.</summary>
    public long[] Ip => field ??= new long[Capacity];

    public bool[] Major => field ??= new bool[Capacity];

    public FaultAccess[] Access => field ??= New(FaultAccess.Unknown);

    /// <summary>Kernel mode touched user memory.</summary>
    public bool[] KernelAccess => field ??= new bool[Capacity];

    /// <summary>Raw x86 error code (arch/x86/include/asm/trap_pf.h) or <see cref="Null"/>.</summary>
    public int[] ErrorCode => field ??= New(Null);

    /// <summary>FAULT_FLAG_* bits or <see cref="Null"/>.</summary>
    public int[] FaultFlags => field ??= New(Null);

    /// <summary>VM_FAULT_* bits or <see cref="Null"/>.</summary>
    public int[] FaultResult => field ??= New(Null);

    /// <summary>Signal the kernel raised because it could not serve the fault (SIGSEGV 11, SIGBUS 7), else <see cref="Null"/>.</summary>
    public int[] Signal => field ??= New(Null);

    /// <summary>Page-table level that was missing: 4 pgd … 0 pte; <see cref="Null"/> when unknown.</summary>
    public sbyte[] PtLevel => field ??= New((sbyte)Null);

    /// <summary>Page-table entry found at entry, or <see cref="NullPte"/>.</summary>
    public long[] PteBefore => field ??= New(NullPte);

    /// <summary>Physical frame number mapped by the fault, or <see cref="Null"/>.</summary>
    public long[] Pfn => field ??= New<long>(Null);

    /// <summary>log2 of the pages in the mapping the fault made (0 = 4 KiB, 9 = 2 MiB), or <see cref="Null"/>.</summary>
    public sbyte[] PageOrder => field ??= New((sbyte)Null);

    /// <summary><see cref="Metadata.Region.Id"/> of the mapping in force at <see cref="TimeNs"/>; 0 = no mapping known.</summary>
    public int[] RegionId => field ??= new int[Capacity];

    /// <summary>Name of that region, repeated for people who read the file with SQL.</summary>
    public string[] Region => field ??= new string[Capacity];

    /// <summary>Page offset in the mapped file (vmf->pgoff), or <see cref="Null"/> for anonymous memory.</summary>
    public long[] FilePage => field ??= New<long>(Null);

    /// <summary>Folded user stack, root first, ';' between frames; null when not recorded.</summary>
    public string?[] Stack => field ??= new string?[Capacity];

    /// <summary>A node of <see cref="TraceMetadata.Stacks"/>, or <see cref="Null"/>.</summary>
    public int[] StackId => field ??= New(Null);

    /// <summary>Stack of the system call that reserved the memory, a node of <see cref="TraceMetadata.Stacks"/>; <see cref="Null"/> where not known.</summary>
    public int[] MapperStackId => field ??= New(Null);

    /// <summary>The page that <see cref="PteBefore"/> maps was one that KSM (ksmd) had merged with equal ones.</summary>
    public bool[] Merged => field ??= new bool[Capacity];

    /// <summary>get_user_pages raised it for a system call or execve: no page-fault exception happened.</summary>
    public bool[] Gup => field ??= new bool[Capacity];

    /// <summary>Kernel function that served the fault (do_anonymous_page); null where it was not asked for, or is inlined.</summary>
    public string?[] Handler => field ??= new string?[Capacity];

    /// <summary>vmf->address as <see cref="Handler"/> got it, or <see cref="Null"/>.</summary>
    public long[] VmfAddress => field ??= New<long>(Null);

    /// <summary>vmf->pgoff as <see cref="Handler"/> got it, pages, or <see cref="Null"/>.</summary>
    public long[] VmfPgoff => field ??= New<long>(Null);

    /// <summary>Faults this row stands for: N when one in N was taken, else 1.</summary>
    public int[] Weight => field ??= New(1);

    /// <summary>The kernel grew the mapping, a stack, to serve this fault.</summary>
    public bool[] Grew => field ??= new bool[Capacity];

    /// <summary>Of <see cref="DurationNs"/>: direct reclaim of memory, ns; <see cref="Null"/> where not traced.</summary>
    public long[] ReclaimNs => field ??= New<long>(Null);

    /// <summary>Of the duration: direct compaction, ns; <see cref="Null"/> where not traced.</summary>
    public long[] CompactionNs => field ??= New<long>(Null);

    /// <summary>Of the duration: asleep, waiting for a block device or swap, ns; <see cref="Null"/> where not traced.</summary>
    public long[] IoWaitNs => field ??= New<long>(Null);

    /// <summary>Of the duration: waiting for mmap_lock, ns; <see cref="Null"/> where not traced.</summary>
    public long[] LockWaitNs => field ??= New<long>(Null);

    /// <summary>Of the duration: not running for any other reason, ns; <see cref="Null"/> where not traced.</summary>
    public long[] OffCpuNs => field ??= New<long>(Null);

    /// <summary>Of the duration: filling a huge page with zeros, ns; <see cref="Null"/> where not traced.</summary>
    public long[] ZeroingNs => field ??= New<long>(Null);

    /// <summary>Kernel objects allocated in this fault from the CPU's own free list; <see cref="Null"/> where not traced.</summary>
    public int[] SlabFast => field ??= New(Null);

    /// <summary>From the CPU's sheaves (since 6.18); <see cref="Null"/> where not traced.</summary>
    public int[] SlabSheaf => field ??= New(Null);

    /// <summary>From the CPU slab's own list, taken over; <see cref="Null"/> where not traced.</summary>
    public int[] SlabLocal => field ??= New(Null);

    /// <summary>From the CPU's partial slabs; <see cref="Null"/> where not traced.</summary>
    public int[] SlabPartial => field ??= New(Null);

    /// <summary>From a node's partial list; <see cref="Null"/> where not traced.</summary>
    public int[] SlabRemote => field ??= New(Null);

    /// <summary>From a new slab, taken from the buddy allocator; <see cref="Null"/> where not traced.</summary>
    public int[] SlabBuddy => field ??= New(Null);

    /// <summary>Pages taken from the buddy allocator in this fault; <see cref="Null"/> where not traced.</summary>
    public int[] BuddyPages => field ??= New(Null);

    // Made when it is first asked for: most recordings and most readers use few of the columns that can be null.
    private T[] New<T>(T nothing)
    {
        var column = new T[Capacity];
        Array.Fill(column, nothing);
        return column;
    }
}

/// <summary>Columns to read, each the bit of its position in <see cref="TraceSchema.Columns"/>; what is left out keeps whatever the batch held before.</summary>
[Flags]
public enum FaultColumns : long
{
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

    /// <summary>Those of later versions too.</summary>
    All = ~0L,
}
