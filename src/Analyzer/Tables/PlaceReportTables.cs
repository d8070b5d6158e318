using System.Globalization;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Tables;

/// <summary>The tables that look inside regions.</summary>
internal static class PlaceReportTables
{
    /// <param name="top">Regions; each has all its rows.</param>
    public static ReportTable HeatMaps(FaultReport report, int top)
    {
        var rows = report.HeatMaps.SelectMany(map => map.Rows.Select((heat, time) => (Map: map, Time: time, Heat: heat))).ToList();
        var axis = report.HeatAxis ?? new TimeAxis(0, 1, 1);
        var kept = top == 0 ? 0 : (int)Math.Min((long)top * axis.Count, int.MaxValue);
        return new TableBuilder<(HeatMap Map, int Time, IReadOnlyList<long> Heat)>(ReportTableKind.Heat, "heat maps", rows, kept)
            .Integer("id", "id", CellFormat.Id, ColumnAudience.Wide, row => row.Map.Id)
            .Text("name", "region", ColumnAudience.Wide, row => RegionNames.Of(row.Map.Region))
            .Integer("pid", "pid", CellFormat.Id, ColumnAudience.Wide, row => row.Map.Region.Pid)
            .Text("start", "start", ColumnAudience.Wide, row => ReportTables.Hex(row.Map.Region.Start))
            .Text("end", "end", ColumnAudience.Wide, row => ReportTables.Hex(row.Map.Region.End))
            .Integer("from_ns", "at", CellFormat.DurationNs, ColumnAudience.Everyone, row => axis.StartNs(row.Time))
            .Integer("length_ns", "for", CellFormat.DurationNs, ColumnAudience.Machine, row => axis.LengthNs(row.Time))
            .Integer("faults", "faults", CellFormat.Count, ColumnAudience.Everyone, row => row.Heat.Sum())
            .Integer("fullest", "fullest", CellFormat.Count, ColumnAudience.Machine, row => row.Map.Fullest)
            .Text("heat", "64 address buckets", ColumnAudience.Everyone, row => HeatRow.Join(row.Heat), CellFormat.HeatMap)
            .Build();
    }

    public static ReportTable HotRanges(FaultReport report, int top)
        => new TableBuilder<HotRangeRow>(ReportTableKind.Hot, "hot ranges", report.HotRanges, top)
            .Region(row => row.Id, row => row.Region)
            .Integer("bytes", "size", CellFormat.Bytes, ColumnAudience.Everyone, row => row.Bytes)
            .Integer("faults", "faults", CellFormat.Count, ColumnAudience.Everyone, row => row.Faults)
            .Integer("touched_2m", "2 MiB ranges", CellFormat.Count, ColumnAudience.Everyone, row => row.Touched)
            .Integer("hot_2m", "hot", CellFormat.Count, ColumnAudience.Everyone, row => row.Hot)
            .Integer("hot_faults", "their faults", CellFormat.Count, ColumnAudience.Everyone, row => row.HotFaults)
            .Integer("hot_bytes", "their size", CellFormat.Bytes, ColumnAudience.Everyone, row => row.HotBytes)
            .Real("hot_share", "of region", CellFormat.Percent, ColumnAudience.Everyone, row => row.HotShare)
            .Text("hottest", "hottest", ColumnAudience.Wide, row => string.Join(' ', row.Hottest.Select(Name)))
            .Build();

    public static ReportTable Locality(FaultReport report, int top)
        => new TableBuilder<LocalityRow>(ReportTableKind.Locality, "locality", report.Locality, top)
            .Region(row => row.Id, row => row.Region)
            .Integer("faults", "faults", CellFormat.Count, ColumnAudience.Everyone, row => row.Faults)
            .Integer("steps", "steps", CellFormat.Count, ColumnAudience.Machine, row => row.Steps)
            .Real("sequential_share", "in order", CellFormat.Percent, ColumnAudience.Everyone, row => row.SequentialShare)
            .Integer("runs", "runs", CellFormat.Count, ColumnAudience.Everyone, row => row.Runs)
            .Integer("runs_down", "down", CellFormat.Count, ColumnAudience.Wide, row => row.RunsDown)
            .Real("mean_run", "mean", CellFormat.Ratio, ColumnAudience.Everyone, row => row.MeanRun)
            .Integer("longest_run", "longest", CellFormat.Count, ColumnAudience.Everyone, row => row.LongestRun)
            .Integer("refaults", "refaults", CellFormat.Count, ColumnAudience.Wide, row => row.Refaults)
            .Integer("distance_p50", "refault after", CellFormat.Count, ColumnAudience.Everyone, row => row.DistanceP50)
            .Integer("distance_p90", "p90", CellFormat.Count, ColumnAudience.Wide, row => row.DistanceP90)
            .Integer("shared_pages", "shared pages", CellFormat.Count, ColumnAudience.Everyone, row => row.SharedPages)
            .Integer("foreign_refaults", "by others", CellFormat.Count, ColumnAudience.Everyone, row => row.ForeignRefaults)
            .Text("strides", "strides", ColumnAudience.Wide, row => string.Join(' ', row.Strides.Select(stride => Name(row, stride))))
            .Build();

    /// <summary>"+1:0.95": pages and share of the steps.</summary>
    private static string Name(LocalityRow row, Stride stride) => string.Create(CultureInfo.InvariantCulture, $"{stride.Pages:+0;-0;0}:{row.ShareOf(stride.Steps):0.###}");

    /// <summary>"0x7f0000000000:512": start and faults.</summary>
    private static string Name(HotRange range) => string.Create(CultureInfo.InvariantCulture, $"{ReportTables.Hex(range.Start)}:{range.Faults}");
}
