using System.Globalization;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Tables;

/// <param name="Start">Start of an aligned range of 2 MiB.</param>
internal readonly record struct HotRange(ulong Start, long Faults);

/// <param name="Touched">Aligned 2 MiB ranges with faults.</param>
/// <param name="Hot">The smallest number of these ranges that hold 90 % of the region's faults.</param>
/// <param name="HotFaults">Faults in the hot ranges.</param>
/// <param name="HotBytes">Bytes of the hot ranges that lie in the region.</param>
/// <param name="Hottest">The hottest ranges, most faults first.</param>
internal sealed record HotRangeRow(int Id, Region Region, long Bytes, long Faults, long Touched, long Hot, long HotFaults, long HotBytes,
    IReadOnlyList<HotRange> Hottest)
{
    /// <summary>Share of the region's size that the hot ranges take.</summary>
    public double HotShare => (double)HotBytes / Bytes;
}

internal static class HotTable
{
    /// <summary>Hot ranges hold this share of a region's faults, in percent.</summary>
    public const int HotPercent = 90;

    /// <summary>Number of ranges that are named.</summary>
    public const int Named = 5;

    public static TableDefinition<HotRangeRow> Definition { get; } = new()
    {
        Name = "hot",
        Title = "hot ranges",
        Question = "which 2 MiB ranges of each region hold most of its faults",
        JsonKey = "hot_ranges",
        Needs = [RegionAggregate.Measure, HotRangeAggregate.Measure],
        IsInReport = false,
        Rows = report => report.Find(HotRangeAggregate.Measure) is { } aggregate ? [.. RegionTable.Select(report, aggregate.ById, Of)] : [],
        Columns = (table, _) => table
            .Region(row => row.Id, row => row.Region)
            .Integer("bytes", "size", "size of the region at its widest", CellFormat.Bytes, ColumnAudience.Everyone, row => row.Bytes)
            .Integer("faults", "faults", "faults of the region", CellFormat.Count, ColumnAudience.Everyone, row => row.Faults)
            .Integer("touched_2m", "2 MiB ranges", "aligned 2 MiB ranges with faults", CellFormat.Count, ColumnAudience.Everyone, row => row.Touched)
            .Integer("hot_2m", "hot", "fewest ranges that hold 90 % of the region's faults", CellFormat.Count, ColumnAudience.Everyone, row => row.Hot)
            .Integer("hot_faults", "their faults", "faults in the hot ranges", CellFormat.Count, ColumnAudience.Everyone, row => row.HotFaults)
            .Integer("hot_bytes", "their size", "bytes of the hot ranges inside the region", CellFormat.Bytes, ColumnAudience.Everyone, row => row.HotBytes)
            .Real("hot_share", "of region", "of the region's size, that of its hot ranges", CellFormat.Percent, ColumnAudience.Everyone, row => row.HotShare)
            .Text("hottest", "hottest", "the five hottest ranges, each with its faults", ColumnAudience.Wide, Hottest, TableBuilder<HotRangeRow>.NotInJson)
            .JsonList("hottest", row => row.Hottest, (json, _, range) =>
            {
                json.WriteString("start", Units.Hex(range.Start));
                json.WriteNumber("faults", range.Faults);
            })
            .Below(row => new RowText.Story(Hottest(row), IsDim: true)),
        Note = _ => $"hot: the fewest aligned 2 MiB ranges with {HotPercent} % of the region's faults; below them, the start and the faults of the hottest",
    };

    /// <summary>"0x7f0000000000:512 …": start and faults.</summary>
    private static string Hottest(HotRangeRow row)
        => string.Join(' ', row.Hottest.Select(range => string.Create(CultureInfo.InvariantCulture, $"{Units.Hex(range.Start)}:{range.Faults}")));

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
