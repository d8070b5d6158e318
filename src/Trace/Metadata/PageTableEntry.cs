namespace Faultrec.Traces.Metadata;

/// <summary>
/// A raw x86 page-table entry of any level (arch/x86/include/asm/pgtable_types.h). An entry that is not present is what the kernel
/// stores for itself: nothing (0), a page that is there but made inaccessible (PROT_NONE), or a swap entry (pgtable_64.h), whose
/// bits 0, 7 and 8 are 0.
/// </summary>
internal readonly struct PageTableEntry(long bits)
{
    private const long Present = 1;
    private const long Writable = 1 << 1;
    private const long User = 1 << 2;
    private const long Dirty = 1 << 6;
    private const long Huge = 1 << 7;
    private const long ProtNone = 1 << 8;
    private const long UserfaultWriteProtect = 1 << 10;

    // Since 6.6: with shadow stacks, Dirty without Writable means a shadow stack, so that pte_wrprotect moves the bit here.
    private const long SavedDirty = 1L << 58;
    private const long NoExecute = 1L << 63;
    private const long FrameMask = 0x000f_ffff_ffff_f000;
    private const int SwapTypeShift = 59;

    public bool IsMissing => bits == 0;

    public bool IsPresent => (bits & Present) != 0;

    /// <summary>Present but for NUMA balancing or mprotect(PROT_NONE).</summary>
    public bool IsProtNone => (bits & (Present | ProtNone)) == ProtNone;

    public bool IsSwap => bits != 0 && (bits & (Present | Huge | ProtNone)) == 0;

    /// <summary>0 to 31, of a swap entry.</summary>
    public int SwapType => (int)((ulong)bits >> SwapTypeShift);

    /// <summary>Of a present entry above the last level: a huge mapping.</summary>
    public bool IsHuge => (bits & Huge) != 0;

    public bool IsDirty => (bits & (Dirty | SavedDirty)) != 0;

    public bool IsUserfaultWriteProtected => (bits & UserfaultWriteProtect) != 0;

    public bool IsWritable => (bits & Writable) != 0;

    public bool IsReadable => (bits & User) != 0;

    public bool IsExecutable => (bits & (User | NoExecute)) == User;

    /// <summary>
    /// Frame of a present entry, the first one of a huge mapping of 2^<paramref name="order"/> pages. Of an inaccessible one the bits are stored inverted
    /// (arch/x86/include/asm/pgtable-invert.h).
    /// </summary>
    public long Frame(int order) => (((IsPresent ? bits : ~bits) & FrameMask) >> PageGeometry.X64.PageShift) & -(1L << order);
}
