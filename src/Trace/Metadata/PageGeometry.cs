using System.Numerics;

namespace Faultrec.Traces.Metadata;

/// <summary>
/// Pages and page tables of one machine, of which the page size tells all: a table is one page of 8-byte entries, and an entry of
/// the pmd level can map a huge page. Nothing else knows a page's size: the trace says it, or the running kernel.
/// </summary>
public readonly record struct PageGeometry
{
    /// <summary>Page-table level of the last table, in the numbers of the column pt_level.</summary>
    public const int PteLevel = 0;

    /// <summary>Page-table level above the last, whose entries can map a huge page.</summary>
    public const int PmdLevel = 1;

    /// <summary>Page-table level whose entries can map a page of 1 GiB (with pages of 4 KiB).</summary>
    public const int PudLevel = 2;

    /// <summary>Page-table level that only 5-level paging has.</summary>
    public const int P4dLevel = 3;

    /// <summary>Page-table level of the top table.</summary>
    public const int PgdLevel = 4;

    /// <summary>
    /// What a read fault on a file maps of the page cache: fault_around_bytes of mm/memory.c, the same on all architectures unless a
    /// debugger changed it.
    /// </summary>
    public const long FaultAroundBytes = 64 << 10;

    private const int EntryShift = 3;

    /// <param name="pageBytes">A power of two.</param>
    public PageGeometry(int pageBytes) => PageShift = BitOperations.Log2((uint)pageBytes);

    /// <summary>Of x86-64, and of traces by tools that do not tell.</summary>
    public static PageGeometry X64 { get; } = new(4096);

    /// <summary>Of the running kernel: sysconf(_SC_PAGESIZE).</summary>
    public static PageGeometry Here { get; } = new(Environment.SystemPageSize);

    /// <summary>By level.</summary>
    public static IReadOnlyList<string> LevelNames { get; } = ["pte", "pmd", "pud", "p4d", "pgd"];

    /// <summary>log2 of a page's bytes.</summary>
    public int PageShift { get; }

    /// <summary>Bytes of a page.</summary>
    public int PageBytes => 1 << PageShift;

    /// <summary>log2 of the pages of a huge page.</summary>
    public int HugeOrder => PageShift - EntryShift;

    /// <summary>log2 of a huge page's bytes.</summary>
    public int HugeShift => PageShift + HugeOrder;

    /// <summary>Pages of a huge page.</summary>
    public long HugePages => 1L << HugeOrder;

    /// <summary>Bytes of a huge page.</summary>
    public long HugeBytes => 1L << HugeShift;

    /// <summary>log2 of the pages of the largest page that programs get: 1 GiB.</summary>
    public int LargestOrder => OrderOf(1 << 30);

    /// <summary>log2 of the pages that an entry of a level maps.</summary>
    public int OrderAt(int level) => level * HugeOrder;

    /// <summary>log2 of the pages in a power of two of bytes; 0 where a page is larger.</summary>
    public int OrderOf(long bytes) => Math.Max(BitOperations.Log2((ulong)bytes) - PageShift, 0);

    /// <summary>Number of the page with this address.</summary>
    public long PageOf(ulong address) => (long)(address >> PageShift);

    /// <summary>Number of the huge page with this address.</summary>
    public long HugePageOf(ulong address) => (long)(address >> HugeShift);

    /// <summary>Where the page with this address begins.</summary>
    public ulong StartOf(ulong address) => address & ~((1UL << PageShift) - 1);

    /// <summary>Where the huge page with this address begins.</summary>
    public ulong HugeStartOf(ulong address) => address & ~((1UL << HugeShift) - 1);

    /// <summary>Rounded up to a page's start; in the last page of all the largest number.</summary>
    public ulong RoundUp(ulong address)
    {
        var within = (1UL << PageShift) - 1;
        return address > ulong.MaxValue - within ? ulong.MaxValue : (address + within) & ~within;
    }

    /// <summary>It is the start of a page, or a number of whole pages.</summary>
    public bool IsAligned(ulong address) => StartOf(address) == address;
}
