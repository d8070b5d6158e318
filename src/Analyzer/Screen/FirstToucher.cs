using System.Globalization;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Screen;

/// <summary>
/// One thread makes the first faults in memory that others use: it pays for their pages, and on a machine with several NUMA nodes they are on its node.
/// </summary>
internal static class FirstToucher
{
    /// <summary>Of the first faults in a mapping.</summary>
    private const double LeastShare = 0.9;

    /// <summary>Of its pages: with fewer faults of other threads, that they use the memory is not shown.</summary>
    private const double LeastRefaults = 0.01;

    private const int NameWidth = 40;

    /// <summary>Null: there is no such memory, or the trace does not show it.</summary>
    public static string? Of(FaultReport report)
    {
        if (Largest(report) is not { } shared)
            return null;
        var region = report.Plan.Index.Find(shared.Region);
        var name = new TaskNames(report.Metadata).Thread(region?.Pid ?? 0, shared.Tid) ?? "a thread";
        var remote = shared.Remote == 0 ? "" : $", {Units.Count(shared.Remote)} of these on CPUs of another NUMA node than the page's";
        return $"{name} (tid {shared.Tid.ToString(CultureInfo.InvariantCulture)}) made {Units.Percent(shared.Share)} of the first faults in "
            + $"{Units.Bytes(shared.Pages * report.Metadata.PageSize)} of {Columns.CutMiddle(RegionNames.PlaceOf(region), NameWidth)}, and "
            + $"{Units.Of(shared.Others, "other thread")} {(shared.Others == 1 ? "uses" : "use")} it, too ({Units.Of(shared.Refaults, "fault")}{remote}).";
    }

    /// <summary>What would help; null: as of <see cref="Of"/>.</summary>
    public static string? Remedy(FaultReport report)
        => Largest(report) is not { } shared ? null
            : "let each thread write first what it will use" + (shared.Remote == 0 ? "" : ", or numactl --interleave=all, which spreads memory over the nodes");

    private static Shared? Largest(FaultReport report)
    {
        if (report.Sample is not null || report.Find(FirstToucherAggregate.Measure) is not { } touches)
            return null;
        var distinct = report.Rows(RegionTable.Definition).ToDictionary(row => row.Id, row => row.DistinctPages);
        return touches.All.Where(touch => touch.Region > 0).GroupBy(touch => touch.Region)
            .Select(region => Shared.Of(region.Key, distinct.GetValueOrDefault(region.Key), [.. region.Select(touch => (touch.Tid, touch.Touches))]))
            .OfType<Shared>().Where(shared => shared.Pages * report.Metadata.PageSize >= Leads.LeastBytes)
            .MaxBy(shared => shared.Pages);
    }

    /// <param name="Tid">Of the thread with most first faults.</param>
    /// <param name="Share">Of the first faults of all threads.</param>
    /// <param name="Pages">Touched, or known to have come with a touched one.</param>
    /// <param name="Others">Threads that fault there, too.</param>
    private sealed record Shared(int Region, int Tid, double Share, long Pages, int Others, long Refaults, long Remote)
    {
        /// <summary>Null: several threads touched it first, or only one uses it.</summary>
        public static Shared? Of(int region, long distinctPages, IReadOnlyList<(int Tid, ThreadTouches Touches)> threads)
        {
            var pages = Math.Max(distinctPages, threads.Sum(thread => thread.Touches.FirstPages));
            var faults = threads.Sum(thread => thread.Touches.FirstFaults);
            var first = threads.MaxBy(thread => thread.Touches.FirstFaults);
            var others = threads.Where(thread => thread.Tid != first.Tid && thread.Touches.Refaults > 0).ToList();
            var refaults = others.Sum(thread => thread.Touches.Refaults);
            return faults > 0 && first.Touches.FirstFaults >= LeastShare * faults && refaults >= LeastRefaults * pages && others.Count > 0
                ? new Shared(region, first.Tid, (double)first.Touches.FirstFaults / faults, pages, others.Count, refaults,
                    others.Sum(thread => thread.Touches.Remote))
                : null;
        }
    }
}
