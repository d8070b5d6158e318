namespace Faultrec.Analyzer.Classify;

/// <summary>Kinds with one cause.</summary>
/// <param name="Name">What their faults are: "first touches of new memory".</param>
/// <param name="WaitsFor">What the thread waits for in them, as the end of "waited for"; null: it works.</param>
internal sealed record KindFamily(string Name, string? WaitsFor, params FaultKind[] Kinds)
{
    /// <summary>Copies, and the pages made writable again because their other users are gone.</summary>
    public static KindFamily Fork { get; } = new("the price of forks", null, FaultKind.CowFork);

    public static KindFamily Disk { get; } = new("reads from a disk", "file pages to be read from a disk", FaultKind.FileDisk);

    public static KindFamily Reuse { get; } = new("pages made writable again", null, FaultKind.Reuse);

    /// <summary>Every kind is in one.</summary>
    public static IReadOnlyList<KindFamily> All { get; } =
    [
        new("first touches of new memory", null, FaultKind.AnonWrite, FaultKind.KernelAccess, FaultKind.ZeroRead, FaultKind.ZeroCow, FaultKind.StackGrowth,
            FaultKind.Mthp, FaultKind.MthpFallback),
        new("huge pages", null, FaultKind.Huge, FaultKind.HugeSplit),
        new("small pages in place of huge ones", null, FaultKind.HugeFallback),
        Fork,
        Reuse,
        new("cached file pages", null, FaultKind.FileCache),
        new("private copies of file pages", null, FaultKind.CowFile),
        new("writes to clean file pages", null, FaultKind.SharedMkwrite),
        Disk,
        new("reads from swap", "pages to be read from swap", FaultKind.SwapDevice),
        new("swapped pages still in memory", null, FaultKind.SwapCache),
        new("shared memory", null, FaultKind.Shmem),
        new("hugetlb pages", null, FaultKind.Hugetlb, FaultKind.HugetlbCow),
        new("pages from a userfaultfd handler", "a userfaultfd handler", FaultKind.Userfaultfd),
        new("pages being moved", "pages that were being moved", FaultKind.MigrationWait),
        new("NUMA balancing", null, FaultKind.NumaHint),
        new("copies of pages that KSM had merged", null, FaultKind.Ksm),
        new("copies of shared pages", null, FaultKind.CowShared),
        new("pages that were already there", null, FaultKind.Spurious),
        new("refused accesses", null, FaultKind.Failed, FaultKind.BusError),
        new("faults of unknown kind", null, FaultKind.Unknown),
    ];

    private static readonly KindFamily[] ByKind = [.. Enum.GetValues<FaultKind>().Select(kind => All.First(family => family.Kinds.Contains(kind)))];

    public static KindFamily Of(FaultKind kind) => ByKind[(int)kind];
}
