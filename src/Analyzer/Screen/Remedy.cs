using Faultrec.Analyzer.Classify;
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
        if (Waiting.Most(report)?.Family == KindFamily.Disk && IsReadInPart(report) == false)
            return "read the file ahead of its use: madvise(MADV_POPULATE_READ) or readahead(2) in another thread, or faultrec prefault before the start";
        if (FirstToucher.Remedy(report) is { } share)
            return share;
        // Huge pages are no answer to a leak.
        if (HasGrownToTheEnd(report))
            return null;
        var huge = HugePages(report);
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

    /// <summary>
    /// Whether little is used of the file that most disk reads were of, or it is read at random: then most of what is read ahead is read in vain.
    /// Null: no file had reads.
    /// </summary>
    private static bool? IsReadInPart(FaultReport report)
    {
        // A fault maps up to so many bytes around it (fault_around_bytes): pages that nobody else read do not fault.
        const int aroundBytes = 64 << 10;
        const double leastUsed = 0.25;
        var rows = report.Rows(RegionTable.Definition).Where(row => row.Region?.Path is not null && row.Counts.Major > 0)
            .GroupBy(row => row.Region!.Name).MaxBy(group => group.Sum(row => row.Counts.Major))?.ToList();
        return rows is null ? null
            : rows.Exists(row => MappingAdvice.WasTold(report.Metadata, row.Region!, "random"))
                || rows.Sum(row => row.DistinctPages) * (aroundBytes / report.Metadata.PageSize) < leastUsed * rows.Sum(row => row.Pages);
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
        var left = rows.Sum(row => FaultsWithHugePages(row, report.Metadata.Pages));
        var all = rows.Sum(row => row.DistinctPages);
        var saved = all - left;
        if (rows.Count == 0 || saved < LeastShare * report.Totals.Counts.Faults)
            return null;
        var how = rows.All(row => RegionNames.KindOf(row.Region) == "heap") && HasGlibc(report)
            ? "GLIBC_TUNABLES=glibc.malloc.hugetlb=1"
            : "madvise(MADV_HUGEPAGE)";
        var first = report.Metadata.ThpMode == "never" ? " (the machine forbids them: transparent_hugepage/enabled is never)" : "";
        var price = rows.Sum(row => row.Pages - row.DistinctPages) * report.Metadata.PageSize;
        return $"huge pages: {how}{first}; about {Units.Of(left, "fault")} instead of {Units.Count(all)}"
            + (price == 0 ? "" : $", for at most {Units.Bytes(price)} more memory");
    }

    /// <summary>One for each 2 MiB on a border of 2 MiB; the ends of the mapping keep their small pages.</summary>
    private static long FaultsWithHugePages(RegionRow row, PageGeometry pages)
    {
        var perHuge = 1L << pages.HugeOrder;
        var (first, end) = (pages.PageOf(row.Region!.Start), pages.PageOf(row.Region.End));
        var huge = Math.Max(0, (end / perHuge) - ((first + perHuge - 1) / perHuge));
        return huge + (long)Math.Min((row.Pages - (huge * perHuge)) * row.Coverage!.Value, row.DistinctPages);
    }

    /// <summary>Memory that grew until the end and stayed, as a leak does.</summary>
    private static bool HasGrownToTheEnd(FaultReport report)
    {
        const double most = 0.9;
        return IsKept(report) && report.Memory is { Totals.Count: > 0 } memory && memory.Totals[memory.Totals.Count * 3 / 4] < most * memory.Account.Peak;
    }

    /// <summary>Memory that grew and stayed.</summary>
    private static bool IsKept(FaultReport report)
        => report.Memory is { } memory && memory.KeptPages >= KeptShare * memory.Account.Peak;

    private static bool IsForbidden(FaultReport report, Region region)
        => MappingAdvice.ForbidsHugePages(report.Metadata, region)
            // What it asked for already does not help unless the machine permits it.
            || (report.Metadata.ThpMode != "never" && MappingAdvice.WasTold(report.Metadata, region, "hugepage"));

    private static bool HasGlibc(FaultReport report)
        => report.Metadata.Stacks?.Modules.Any(module => FrameNames.FileName(module.Path) == "libc.so.6") == true;
}
