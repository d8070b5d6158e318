namespace Faultrec.Kernels.Tests;

/// <summary>A fixture whose faults are known exactly (fixtures/README.md), small because guests are slow.</summary>
/// <param name="Name">The fixture.</param>
internal sealed record Workload(string Name, string Arguments)
{
    /// <summary>Regions that the fixture makes for itself, most faulted first as in a report.</summary>
    public KnownRegion[] Regions { get; init; } = [];

    public long Major { get; init; }

    /// <summary>Accesses that a signal answers: before handle_mm_fault, and by it.</summary>
    public (int Sigsegv, int Sigbus) Failed { get; init; }

    /// <summary>It puts new mappings where old ones were.</summary>
    public bool Unmaps { get; init; }

    /// <summary>Pages that the kernel faults in by get_user_pages, as far as not in exec.</summary>
    public long GetUserPages => Regions.Where(region => region.ByGetUserPages).Sum(region => region.Faults);

    public string Command => $"{Name} {Arguments}";

    /// <summary>All of them fault in another way; the comments say what each is for.</summary>
    public static IReadOnlyList<Workload> All { get; } =
    [
        new("seq_touch", "4") { Regions = [new("[anon]", 1024, 1024)] },
        // Enough to go around a ring's buffer while the reader is slow.
        new("rand_touch", "20000 16") { Regions = [new("[anon]", 131_072, 20_000)] },
        // Two CPUs fault in one mapping, under its per-VMA locks on 6.12, whose failure is a retry.
        new("threads", "4 200") { Regions = [new("[anon]", 800, 800)] },
        // The disk is memory: reading it is a major fault all the same, and retried after the page is there.
        new("cold_read", "100") { Regions = [new("cold.bin", 100, 100)], Major = 100 },
        // A child process, and present pages that are copied.
        new("fork_cow", "256") { Regions = [new("[anon]", 256, 256), new("[anon]", 256, 128)] },
        // mmap, munmap, mremap, brk and shmdt at the same addresses.
        new("addr_reuse", "10 4") { Unmaps = true },
        new("segv", "50 10") { Regions = [new("[anon]", 50, 50)], Failed = (10, 1) },
        // Faults of the kernel's own access, by copy_to_user.
        new("kernel_touch", "100") { Regions = [new("[anon]", 100, 100), new("[anon]", 100, 100)] },
        // A server that starts: its first listen(2) is a mark where it is probed.
        new("listening", "60") { Regions = [new("[anon]", 120, 120), new("[anon]", 60, 60)] },
        new("populate", "100") { Regions = [new("[anon]", 100, 100), new("[anon]", 100, 100) { ByGetUserPages = true }] },
        // One pid, four executables.
        new("exec_chain", "3 50") { Regions = [.. Enumerable.Repeat(new KnownRegion("[anon]", 50, 50), 4)] },
    ];
}

/// <param name="Name">How its name in the report ends.</param>
internal sealed record KnownRegion(string Name, long Pages, long Faults)
{
    /// <summary>All its faults are by get_user_pages, which not every rung sees.</summary>
    public bool ByGetUserPages { get; init; }
}
