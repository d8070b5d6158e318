using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Tables;

namespace Faultrec.Analyzer.Screen;

/// <summary>Kinds with one cause.</summary>
/// <param name="Name">What their faults are: "first touches of new memory".</param>
/// <param name="WaitsFor">What the thread waits for in them, as the end of "waited for"; null: it works.</param>
internal sealed record KindFamily(string Name, string? WaitsFor, params FaultKind[] Kinds)
{
    /// <summary>Copies, and the pages made writable again because their other users are gone.</summary>
    public static KindFamily Fork { get; } = new("the price of forks", null, FaultKind.CowFork);

    public static KindFamily Disk { get; } = new("reads from a disk", "file pages to be read from a disk", FaultKind.FileDisk);

    private static KindFamily Reuse { get; } = new("pages made writable again", null, FaultKind.Reuse);

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

    /// <summary>The families that the report has, most faults first.</summary>
    public static IReadOnlyList<FamilyShare> Of(FaultReport report)
    {
        var rows = report.Rows(KindTable.Definition);
        var (allFaults, allNs) = (rows.Sum(row => row.Counts.Faults), rows.Sum(row => row.Latency.SumNs ?? 0));
        var ofForks = report.Find(ForkAggregate.Measure)?.Reused ?? default;
        return [.. All.Select(Sum).Where(share => share.Faults > 0).OrderByDescending(share => share.Faults)];

        FamilyShare Sum(KindFamily family)
        {
            var own = rows.Where(row => family.Kinds.Contains(row.Kind)).ToList();
            var sign = family == Fork ? 1 : family == Reuse ? -1 : 0;
            var faults = own.Sum(row => row.Counts.Faults) + (sign * ofForks.Faults);
            var ns = own.Sum(row => row.Latency.SumNs ?? 0) + (sign * ofForks.DurationNs);
            return new FamilyShare(family, faults, (double)faults / Math.Max(allFaults, 1), ns, allNs == 0 ? null : (double)ns / allNs);
        }
    }
}

/// <param name="Share">Of all faults.</param>
/// <param name="TimeShare">Of the time in all faults; null: not known.</param>
internal sealed record FamilyShare(KindFamily Family, long Faults, double Share, long TimeNs, double? TimeShare)
{
    public double LargerShare => Math.Max(Share, TimeShare ?? 0);
}
