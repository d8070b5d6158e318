using Faultrec.Analyzer.Measures;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Report;

/// <param name="Start">Of an aligned range of 2 MiB.</param>
public readonly record struct HotRange(ulong Start, long Faults);

/// <param name="Touched">Aligned 2 MiB ranges with faults.</param>
/// <param name="Hot">The fewest of them that hold 90 % of the region's faults.</param>
/// <param name="HotFaults">Faults in those.</param>
/// <param name="HotBytes">What of those lies in the region.</param>
/// <param name="Hottest">The first of them, most faults first.</param>
public sealed record HotRangeRow(int Id, Region Region, long Bytes, long Faults, long Touched, long Hot, long HotFaults, long HotBytes, IReadOnlyList<HotRange> Hottest)
{
    /// <summary>Share of the region's size that the hot ranges take.</summary>
    public double HotShare => (double)HotBytes / Bytes;
}

/// <summary>Rows of the table of hot ranges, in the order of the region table.</summary>
internal static class HotRangeTable
{
    /// <summary>Hot ranges hold this share of a region's faults, in percent.</summary>
    public const int HotPercent = 90;

    /// <summary>So many ranges are named.</summary>
    public const int Named = 5;

    public static List<HotRangeRow> Build(IReadOnlyList<RegionRow> regions, HotRangeAggregate? aggregate)
    {
        var rows = new List<HotRangeRow>();
        foreach (var row in regions)
        {
            if (row.Region is not null && aggregate?.ById(row.Id) is { } counts)
                rows.Add(Of(row, row.Region, counts));
        }

        return rows;
    }

    private static HotRangeRow Of(RegionRow row, Region region, RangeCounts counts)
    {
        var ranges = counts.Touched.Select(range => new HotRange((ulong)range.Key << RangeCounts.RangeShift, range.Value)).ToArray();
        Array.Sort(ranges, (a, b) => b.Faults.CompareTo(a.Faults) is var order && order != 0 ? order : a.Start.CompareTo(b.Start));
        var faults = ranges.Sum(range => range.Faults);
        var (hot, hotFaults, hotBytes) = (0, 0L, 0L);
        while ((Int128)hotFaults * 100 < (Int128)faults * HotPercent)
        {
            hotBytes += BytesInside(region, ranges[hot].Start);
            hotFaults += ranges[hot++].Faults;
        }

        return new HotRangeRow(row.Id, region, row.Bytes, faults, ranges.Length, hot, hotFaults, hotBytes, ranges[..Math.Min(hot, Named)]);
    }

    private static long BytesInside(Region region, ulong start)
    {
        var last = start + ((1UL << RangeCounts.RangeShift) - 1);
        var (from, to) = (Math.Max(start, region.Start), Math.Min(last, region.End - 1));
        return from > to ? 0 : (long)(to - from) + 1;
    }
}
