using Faultrec.Analyzer.Facts;

namespace Faultrec.Analyzer.Tables;

/// <param name="Pages">Of all the allocations.</param>
internal sealed record BuddyRow(int Order, long Allocations, long Pages, double Share);

internal static class BuddyTable
{
    public static TableDefinition<BuddyRow> Definition { get; } = new()
    {
        Name = "buddy",
        Title = "buddy allocator",
        Question = "how many pages the buddy allocator provided, by order (--slab)",
        JsonKey = "slab/buddy",
        WhyEmpty = report => Unrecorded.KernelObjects(report.Metadata) ?? "these faults took no pages from the buddy allocator",
        Rows = Rows,
        Keep = static (_, _) => 0,
        Columns = (table, _) => table
            .Integer("order", "order", "order of the allocation: 2^order pages", CellFormat.Id, ColumnAudience.Everyone, row => row.Order)
            .Integer("allocations", "allocations", "allocations of that order", CellFormat.Count, ColumnAudience.Everyone, row => row.Allocations)
            .Integer("pages", "pages", "pages of the allocations of that order", CellFormat.Count, ColumnAudience.Everyone, row => row.Pages)
            .Real("share", "share", "of all pages", CellFormat.Percent, ColumnAudience.Everyone, row => row.Share),
    };

    // Smallest first.
    private static List<BuddyRow> Rows(FaultReport report)
    {
        // MAX_PAGE_ORDER is 10; larger values in a damaged file would overflow.
        const int largest = 32;
        var sums = new SortedDictionary<int, long>();
        foreach (var count in report.Metadata.Slab?.BuddyAllocations ?? [])
        {
            if (count.Order is >= 0 and <= largest && report.Filter.MayMeanProcess(count.Pid))
                sums[count.Order] = sums.GetValueOrDefault(count.Order) + count.Allocations;
        }

        var all = sums.Sum(sum => sum.Value << sum.Key);
        return [.. sums.Select(sum => new BuddyRow(sum.Key, sum.Value, sum.Value << sum.Key, all == 0 ? 0 : (double)(sum.Value << sum.Key) / all))];
    }
}
