namespace Faultrec.Recorder.Doctor;

/// <param name="Next">The next function on the path towards handle_mm_fault: its caller, or, above handle_mm_fault, its callee.</param>
/// <param name="Calls">"Its calls are …": how to recognize them among the calls that a substitute shows.</param>
internal sealed record FaultPathFunction(string Name, string? Next, string Calls)
{
    /// <summary>Runs once per page-fault exception, before handle_mm_fault, and not for get_user_pages.</summary>
    public bool IsEntry { get; init; }

    /// <summary>Other known facts, such as the versions that have it.</summary>
    public string? History { get; init; }
}

/// <summary>
/// The path of a page fault through the kernel (arch/x86/mm/fault.c, mm/memory.c), as of Linux 4.10 to 6.18. Most of its functions are
/// static, and a compiler may inline them; which ones differs from build to build.
/// </summary>
internal static class FaultPath
{
    public const string Centre = "handle_mm_fault";

    private const string FileOffset = "pgoff = ((address − start) >> 12) + the mapping's page offset";

    private static readonly FaultPathFunction[] Functions =
    [
        new(Centre, null, "all of these, plus those of get_user_pages, which are missing here"),
        new("__handle_mm_fault", Centre, "all of these except those in a hugetlb mapping"),
        new("handle_pte_fault", "__handle_mm_fault", $"all of these except those in a hugetlb mapping or served with a huge page; {FileOffset}")
        {
            History = "a static function of mm/memory.c, which compilers inline into __handle_mm_fault",
        },
        new("do_pte_missing", "handle_pte_fault", "those that found no page-table entry") { History = "since Linux 6.4" },
        new("do_anonymous_page", "do_pte_missing", "those in a mapping without a file that found no page-table entry"),
        new("do_fault", "do_pte_missing", $"those in a mapping of a file that found no page-table entry; {FileOffset}"),
        new("do_read_fault", "do_fault", $"those by a read in a mapping of a file that found no page-table entry; {FileOffset}"),
        new("do_cow_fault", "do_fault", $"those by a write in a private mapping of a file that found no page-table entry; {FileOffset}"),
        new("do_shared_fault", "do_fault", $"those by a write in a shared mapping of a file that found no page-table entry; {FileOffset}"),
        new("do_fault_around", "do_read_fault", "those by a read in a mapping of a file whose pages are in the page cache: minor ones"),
        new("__do_fault", "do_fault", $"those in a mapping of a file that found no page-table entry; {FileOffset}"),
        new("filemap_fault", "__do_fault", $"those in a mapping of an ordinary file; {FileOffset}; major when the page was not in the page cache"),
        new("do_swap_page", "handle_pte_fault", "those that found a swap entry: not present, not empty; major when it was read from the swap device"),
        new("do_numa_page", "handle_pte_fault", "those on a present entry without access, in a mapping that allows it (NUMA balancing)"),
        new("do_wp_page", "handle_pte_fault", "those by a write on a present entry: bit 0 (protection) and bit 1 (write) of the error code"),
        new("wp_page_copy", "do_wp_page", "those by a write on a present entry of a private mapping, after which another page frame is mapped"),
        new("wp_page_reuse", "do_wp_page", "those by a write on a present entry, after which the same page frame is mapped"),
        new("wp_page_shared", "do_wp_page", "those by a write on a present entry of a shared mapping of a file"),
        new("create_huge_pmd", "__handle_mm_fault", "those that found no entry at the pmd level, in a mapping that may have huge pages"),
        new("do_huge_pmd_anonymous_page", "create_huge_pmd", "those in a mapping without a file after which a page of 2 MiB is mapped"),
        new("wp_huge_pmd", "__handle_mm_fault", "those by a write on a present huge page"),
        new("do_huge_pmd_wp_page", "wp_huge_pmd", "those by a write on a present huge page of a mapping without a file"),
        new("do_huge_pmd_numa_page", "__handle_mm_fault", "those on a huge page without access, in a mapping that allows it (NUMA balancing)"),
        new("hugetlb_fault", Centre, "those in a hugetlb mapping"),
        new("hugetlb_no_page", "hugetlb_fault", "those in a hugetlb mapping that found no entry"),
        new("do_user_addr_fault", Centre, "those at user addresses") { IsEntry = true, History = "since Linux 5.2, x86" },
        new("handle_page_fault", "do_user_addr_fault", "all of these, at user addresses and kernel ones") { IsEntry = true, History = "x86" },
        new("exc_page_fault", "handle_page_fault", "all of these, at user addresses and kernel ones")
        {
            IsEntry = true,
            History = "x86 since Linux 5.8, do_page_fault before",
        },
        new("asm_exc_page_fault", "exc_page_fault", "all of these, at user addresses and kernel ones")
        {
            IsEntry = true,
            History = "x86 since Linux 5.8, entry code in assembler",
        },
        new("do_page_fault", "__do_page_fault", "all of these, at user addresses and kernel ones")
        {
            IsEntry = true,
            History = "x86 until Linux 5.8, exc_page_fault since; other architectures have one",
        },
        new("__do_page_fault", "do_user_addr_fault", "all of these, at user addresses and kernel ones") { IsEntry = true, History = "x86 until Linux 5.8" },
        new("do_mem_abort", "do_page_fault", "all of these, and other aborts") { IsEntry = true, History = "arm64" },
    ];

    private static readonly Dictionary<string, FaultPathFunction> ByName = Functions.ToDictionary(function => function.Name);

    public static IEnumerable<string> Names => ByName.Keys;

    public static FaultPathFunction? Find(string name) => ByName.GetValueOrDefault(name);

    /// <summary>The path from the function (exclusive) to handle_mm_fault; nearest first.</summary>
    public static IEnumerable<FaultPathFunction> Towards(FaultPathFunction function)
    {
        for (var next = function.Next; next is not null; next = ByName[next].Next)
            yield return ByName[next];
    }

    /// <summary>What a probe on this function sees of a fault.</summary>
    public static string Gives(string name) => name switch
    {
        Centre or "__handle_mm_fault" or "hugetlb_fault" => "its arguments are the mapping, the address and the flags; its result tells major from minor",
        "exc_page_fault" => "the error code is its second argument, the address is in the register CR2",
        _ when ByName[name].IsEntry => "the address and the error code are its arguments",
        _ => "its argument vmf has the address, pgoff and flags",
    };
}
