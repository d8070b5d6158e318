namespace Faultrec.Analyzer.Classify;

/// <summary>Why a fault happened. <see cref="KindRule"/> has the rules, docs/kinds.md describes them; the names are a contract.</summary>
public enum FaultKind : byte
{
    /// <summary>Not served: <see cref="Severity.Failed"/>, but not <see cref="BusError"/>.</summary>
    Failed,

    /// <summary>Not served, with SIGBUS: the mapping permits the access, but the kernel cannot provide the page.</summary>
    BusError,

    /// <summary>The trace's facts do not prove any other kind.</summary>
    Unknown,

    /// <summary>The kernel grew the stack's mapping.</summary>
    StackGrowth,

    /// <summary>A user-space handler served a range that it had registered.</summary>
    Userfaultfd,

    /// <summary>NUMA balancing had made the page inaccessible to see who uses it.</summary>
    NumaHint,

    /// <summary>The page was being moved to another frame.</summary>
    MigrationWait,

    /// <summary>Swapped out, read from the device.</summary>
    SwapDevice,

    /// <summary>Swapped out, still or already in memory.</summary>
    SwapCache,

    /// <summary>Page of a hugetlb mapping.</summary>
    Hugetlb,

    /// <summary>First write to a shared page of a private hugetlb mapping: a huge page is copied.</summary>
    HugetlbCow,

    /// <summary>A transparent huge page was mapped where nothing had been mapped.</summary>
    Huge,

    /// <summary>A huge page was wanted, a small one was mapped.</summary>
    HugeFallback,

    /// <summary>A folio between a page and a huge page was mapped where nothing had been mapped.</summary>
    Mthp,

    /// <summary>Such a folio was wanted, one page was mapped.</summary>
    MthpFallback,

    /// <summary>A huge mapping was split into small ones.</summary>
    HugeSplit,

    /// <summary>First read of anonymous memory: the zero page.</summary>
    ZeroRead,

    /// <summary>First write after <see cref="ZeroRead"/>.</summary>
    ZeroCow,

    /// <summary>First write to anonymous memory.</summary>
    AnonWrite,

    /// <summary>First touch of anonymous memory by the kernel, for the program.</summary>
    KernelAccess,

    /// <summary>Write to a page shared with another process since a fork.</summary>
    CowFork,

    /// <summary>Write to a page that KSM had merged with identical ones.</summary>
    Ksm,

    /// <summary>Write to a page that something other than a fork shares.</summary>
    CowShared,

    /// <summary>First write to a page of a private file mapping.</summary>
    CowFile,

    /// <summary>Write to a write-protected page that nobody else used: made writable.</summary>
    Reuse,

    /// <summary>First write to a clean page of a shared file mapping.</summary>
    SharedMkwrite,

    /// <summary>Page of shared memory.</summary>
    Shmem,

    /// <summary>Page of a file that was in memory.</summary>
    FileCache,

    /// <summary>Page of a file that was read from its device.</summary>
    FileDisk,

    /// <summary>The page was present and permitted the access.</summary>
    Spurious,
}

/// <summary>Names of <see cref="FaultKind"/> as the command line and every format spell them.</summary>
internal static class FaultKindNames
{
    // The second is TraceEvent's (PerfView's) name for the same event on Windows.
    private static readonly (string Name, string? TraceEvent)[] Names =
    [
        ("failed", "access violation"),
        ("bus_error", null),
        ("unknown", null),
        ("stack_growth", "guard"),
        ("userfaultfd", null),
        ("numa_hint", null),
        ("migration_wait", null),
        ("swap_device", "hard"),
        ("swap_cache", "transition"),
        ("hugetlb", "demand zero"),
        ("hugetlb_cow", "copy on write"),
        ("huge", "demand zero"),
        ("huge_fallback", "demand zero"),
        ("mthp", "demand zero"),
        ("mthp_fallback", "demand zero"),
        ("huge_split", null),
        ("zero_read", "demand zero"),
        ("zero_cow", "copy on write"),
        ("anon_write", "demand zero"),
        ("kernel_access", "demand zero"),
        ("cow_fork", "copy on write"),
        ("ksm", "copy on write"),
        ("cow_shared", "copy on write"),
        ("cow_file", "copy on write"),
        ("reuse", null),
        ("shared_mkwrite", null),
        ("shmem", null),
        ("file_cache", "transition"),
        ("file_disk", "hard"),
        ("spurious", null),
    ];

    public static int Count => Names.Length;

    public static string Name(this FaultKind kind) => Names[(int)kind].Name;

    /// <summary>Null where TraceEvent has none.</summary>
    public static string? TraceEventName(this FaultKind kind) => Names[(int)kind].TraceEvent;

    /// <summary>False when <paramref name="text"/> is none of <see cref="All"/>.</summary>
    public static bool TryParse(string text, out FaultKind kind)
    {
        var index = Array.FindIndex(Names, known => known.Name == text);
        kind = (FaultKind)Math.Max(index, 0);
        return index >= 0;
    }

    public static string All => string.Join(", ", Array.ConvertAll(Names, known => known.Name));
}
