namespace Faultrec.Traces;

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
/// Null is a sentinel (the constants here), so that no column needs a second array.
/// </summary>
public sealed class FaultBatch
{
    /// <summary>Null in every column whose values are never negative.</summary>
    public const int Null = -1;

    /// <summary>Null in <see cref="PteBefore"/>, where any other bit pattern can be an entry.</summary>
    public const long NullPte = long.MinValue;

    public FaultBatch(int capacity)
    {
        Capacity = capacity;
        TimeNs = new long[capacity];
        DurationNs = new long[capacity];
        Pid = new int[capacity];
        Tid = new int[capacity];
        Cpu = new int[capacity];
        Comm = new string[capacity];
        Address = new long[capacity];
        Ip = new long[capacity];
        Major = new bool[capacity];
        Access = new FaultAccess[capacity];
        KernelAccess = new bool[capacity];
        ErrorCode = new int[capacity];
        FaultFlags = new int[capacity];
        FaultResult = new int[capacity];
        Signal = new int[capacity];
        PtLevel = new sbyte[capacity];
        PteBefore = new long[capacity];
        Pfn = new long[capacity];
        PageOrder = new sbyte[capacity];
        RegionId = new int[capacity];
        Region = new string[capacity];
        FilePage = new long[capacity];
        Stack = new string?[capacity];
        Gup = new bool[capacity];
        Handler = new string?[capacity];
        VmfAddress = new long[capacity];
        VmfPgoff = new long[capacity];
        Weight = new int[capacity];
    }

    public int Capacity { get; }

    /// <summary>Faults in this block, at most <see cref="Capacity"/>.</summary>
    public int Count { get; set; }

    /// <summary>Start of the fault, ns since the recording began (completion where no duration is known).</summary>
    public long[] TimeNs { get; }

    /// <summary>Time in the kernel's fault handler, ns; <see cref="Null"/> where entry was not seen.</summary>
    public long[] DurationNs { get; }

    /// <summary>Process (thread group) id in the recorder's pid namespace.</summary>
    public int[] Pid { get; }

    public int[] Tid { get; }

    public int[] Cpu { get; }

    /// <summary>Thread name at the fault.</summary>
    public string[] Comm { get; }

    /// <summary>Faulting user address, byte exact; bit pattern of the unsigned address.</summary>
    public long[] Address { get; }

    /// <summary>Instruction pointer; kernel text when the kernel faulted on the program's behalf.</summary>
    public long[] Ip { get; }

    public bool[] Major { get; }

    public FaultAccess[] Access { get; }

    /// <summary>Kernel mode touched user memory.</summary>
    public bool[] KernelAccess { get; }

    /// <summary>Raw x86 error code (arch/x86/include/asm/trap_pf.h) or <see cref="Null"/>.</summary>
    public int[] ErrorCode { get; }

    /// <summary>FAULT_FLAG_* bits or <see cref="Null"/>.</summary>
    public int[] FaultFlags { get; }

    /// <summary>VM_FAULT_* bits or <see cref="Null"/>.</summary>
    public int[] FaultResult { get; }

    /// <summary>Signal the kernel raised because it could not serve the fault (SIGSEGV 11, SIGBUS 7), else <see cref="Null"/>.</summary>
    public int[] Signal { get; }

    /// <summary>Page-table level that was missing: 4 pgd … 0 pte; <see cref="Null"/> when unknown.</summary>
    public sbyte[] PtLevel { get; }

    /// <summary>Page-table entry found at entry, or <see cref="NullPte"/>.</summary>
    public long[] PteBefore { get; }

    /// <summary>Physical frame number mapped by the fault, or <see cref="Null"/>.</summary>
    public long[] Pfn { get; }

    /// <summary>log2 of the pages in the mapping the fault made (0 = 4 KiB, 9 = 2 MiB), or <see cref="Null"/>.</summary>
    public sbyte[] PageOrder { get; }

    /// <summary><see cref="Traces.Region.Id"/> of the mapping in force at <see cref="TimeNs"/>; 0 = no mapping known.</summary>
    public int[] RegionId { get; }

    /// <summary>Name of that region, repeated for people who read the file with SQL.</summary>
    public string[] Region { get; }

    /// <summary>Page offset in the mapped file (vmf->pgoff), or <see cref="Null"/> for anonymous memory.</summary>
    public long[] FilePage { get; }

    /// <summary>Folded user stack, root first, ';' between frames; null when not recorded.</summary>
    public string?[] Stack { get; }

    /// <summary>get_user_pages raised it for a system call or execve: no page-fault exception happened.</summary>
    public bool[] Gup { get; }

    /// <summary>Kernel function that served the fault (do_anonymous_page); null where it was not asked for, or is inlined.</summary>
    public string?[] Handler { get; }

    /// <summary>vmf->address as <see cref="Handler"/> got it, or <see cref="Null"/>.</summary>
    public long[] VmfAddress { get; }

    /// <summary>vmf->pgoff as <see cref="Handler"/> got it, pages, or <see cref="Null"/>.</summary>
    public long[] VmfPgoff { get; }

    /// <summary>Faults this row stands for: N when one in N was taken, else 1.</summary>
    public int[] Weight { get; }
}

/// <summary>Columns to read; what is left out keeps whatever the batch held before.</summary>
[Flags]
public enum FaultColumns
{
    None = 0,
    TimeNs = 1 << 0,
    DurationNs = 1 << 1,
    Pid = 1 << 2,
    Tid = 1 << 3,
    Cpu = 1 << 4,
    Comm = 1 << 5,
    Address = 1 << 6,
    Ip = 1 << 7,
    Major = 1 << 8,
    Access = 1 << 9,
    KernelAccess = 1 << 10,
    ErrorCode = 1 << 11,
    FaultFlags = 1 << 12,
    FaultResult = 1 << 13,
    Signal = 1 << 14,
    PtLevel = 1 << 15,
    PteBefore = 1 << 16,
    Pfn = 1 << 17,
    PageOrder = 1 << 18,
    RegionId = 1 << 19,
    Region = 1 << 20,
    FilePage = 1 << 21,
    Stack = 1 << 22,
    Gup = 1 << 23,
    Handler = 1 << 24,
    VmfAddress = 1 << 25,
    VmfPgoff = 1 << 26,
    Weight = 1 << 27,
    All = (1 << 28) - 1,
}
