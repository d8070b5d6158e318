using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Screen;

/// <summary>What to try, where the trace shows what would help.</summary>
internal static class Remedy
{
    /// <summary>Of all faults: what saves less is not worth a try.</summary>
    private const double LeastShare = 0.1;

    /// <summary>Of the recording: where first touches take less, fewer of them change nothing.</summary>
    private const double LeastTime = 0.05;

    /// <summary>Of the peak: with so much at the end, memory that grew was kept.</summary>
    private const double KeptShare = 0.8;

    /// <summary>Null: nothing is known to help.</summary>
    public static string? Of(FaultReport report)
    {
        if (!report.Filter.IsEmpty || report.Sample is not null)
            return null;
        if (Churn(report) is { } churn)
            return churn;
        if (Waiting.Most(report)?.Family == KindFamily.Disk)
            return "read the file ahead of its use: madvise(MADV_POPULATE_READ) or readahead(2) in another thread, or faultrec prefault before the start";
        if (FirstToucher.Remedy(report) is { } share)
            return share;
        var huge = HugePages(report);
        // Huge pages are no answer to a leak.
        return huge is not null && IsKept(report) ? $"if all of that memory is wanted, {huge}" : huge;
    }

    /// <summary>Memory that is given back and touched again, by an allocator or a runtime whose setting is known.</summary>
    private static string? Churn(FaultReport report)
    {
        var rows = report.Memory is null ? [] : report.Rows(ChurnTable.Definition);
        var most = rows.Where(row => row.Setting is not null).GroupBy(row => row.Setting!).MaxBy(group => group.Sum(row => row.Faults));
        var faults = most?.Sum(row => row.Faults) ?? 0;
        if (most is null || faults < LeastShare * report.Totals.Counts.Faults)
            return null;
        var ns = most.Sum(row => row.DurationNs);
        return $"{most.Key}; {Units.Of(faults, "fault")}{(ns > 0 ? $" ({Units.Duration(ns)})" : "")} found memory that had been given back";
    }

    /// <summary>Small pages that fill large anonymous mappings densely, where nothing forbids huge ones.</summary>
    private static string? HugePages(FaultReport report)
    {
        const int leastHugePages = 4;
        const double leastCoverage = 0.5;
        // Of many programs, each has its own memory.
        if (!report.Metadata.IsOfOneTree || report.Metadata.ThpMode is null || !(report.FaultTime.ShareOfWall >= LeastTime))
            return null;
        var perHuge = 1L << report.Metadata.Pages.HugeOrder;
        var rows = report.Rows(RegionTable.Definition).Where(row => row.Region is { } region && RegionNames.KindOf(region) is "heap" or "anon"
            && row.Pages >= leastHugePages * perHuge && row.Coverage >= leastCoverage && !IsForbidden(report, region)).ToList();
        var (saved, huge) = (rows.Sum(row => row.DistinctPages - (row.Pages / perHuge)), rows.Sum(row => row.Pages / perHuge));
        if (rows.Count == 0 || saved < LeastShare * report.Totals.Counts.Faults)
            return null;
        var how = rows.All(row => RegionNames.KindOf(row.Region) == "heap") && HasGlibc(report)
            ? "GLIBC_TUNABLES=glibc.malloc.hugetlb=1"
            : "madvise(MADV_HUGEPAGE)";
        var first = report.Metadata.ThpMode == "never" ? " (the machine forbids them: transparent_hugepage/enabled is never)" : "";
        var price = rows.Sum(row => row.Pages - row.DistinctPages) * report.Metadata.PageSize;
        return $"huge pages: {how}{first}; about {Units.Of(huge, "fault")} instead of {Units.Count(saved + huge)}"
            + (price == 0 ? "" : $", for at most {Units.Bytes(price)} more memory");
    }

    /// <summary>Memory that grew and stayed.</summary>
    private static bool IsKept(FaultReport report)
        => report.Memory is { } memory && memory.KeptPages >= KeptShare * memory.Account.Peak;

    private static bool IsForbidden(FaultReport report, Region region)
        => report.Metadata.Advice.Any(advice => advice is { Advice: "nohugepage" } && advice.Pid == region.Pid
            && advice.Start < region.End && advice.End > region.Start);

    private static bool HasGlibc(FaultReport report)
        => report.Metadata.Stacks?.Modules.Any(module => FrameNames.FileName(module.Path) == "libc.so.6") == true;
}
