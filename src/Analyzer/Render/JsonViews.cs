using System.Text.Json;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Render;

/// <summary>The parts of <see cref="JsonReport"/> on when and where inside the regions.</summary>
internal static class JsonViews
{
    public static void Write(Utf8JsonWriter json, FaultReport report, int top)
    {
        json.WriteStartObject("timeline");
        WriteAxis(json, report.TimeAxis);
        JsonMemory.WriteTable(json, "buckets", TimeReportTables.Timeline(report));
        JsonReport.WriteRows(json, "first_touches", report.FirstTouches, top, WriteFirstTouch);
        json.WriteEndObject();
        json.WriteStartObject("heat_maps");
        WriteAxis(json, report.HeatAxis);
        JsonReport.WriteRows(json, "regions", report.HeatMaps, top, WriteHeatMap);
        json.WriteEndObject();
        JsonReport.WriteRows(json, "hot_ranges", report.HotRanges, top, WriteHotRanges);
        JsonReport.WriteRows(json, "locality", report.Locality, top, WriteLocality);
        json.WriteNullable("storm_window_ns", report.StormAxis?.BucketNs);
        JsonMemory.WriteTable(json, "storms", TimeReportTables.Storms(report, top));
    }

    private static void WriteAxis(Utf8JsonWriter json, TimeAxis? axis)
    {
        json.WriteNullable("from_ns", axis?.FromNs);
        json.WriteNullable("to_ns", axis?.ToNs);
        json.WriteNullable("bucket_ns", axis?.BucketNs);
    }

    private static void WriteFirstTouch(Utf8JsonWriter json, FirstTouchRow row)
    {
        JsonReport.WriteRegionName(json, row.Id, row.Region);
        json.WriteNullable("born_ns", row.Region?.BornNs);
        json.WriteNullable("died_ns", row.Region?.DiedNs);
        json.WriteNumber("pages", row.Pages);
        json.WriteNumber("touched_pages", row.TouchedPages);
        WriteNumbers(json, "first_touches", row.FirstTouches);
    }

    private static void WriteHeatMap(Utf8JsonWriter json, HeatMap map)
    {
        JsonReport.WriteRegionName(json, map.Id, map.Region);
        json.WriteString("start", ReportTables.Hex(map.Region.Start));
        json.WriteString("end", ReportTables.Hex(map.Region.End));
        json.WriteNumber("faults", map.Faults);
        json.WriteNumber("fullest", map.Fullest);
        json.WriteStartArray("rows");
        foreach (var row in map.Rows)
            WriteNumbers(json, null, row);
        json.WriteEndArray();
    }

    private static void WriteHotRanges(Utf8JsonWriter json, HotRangeRow row)
    {
        JsonReport.WriteRegionName(json, row.Id, row.Region);
        json.WriteNumber("bytes", row.Bytes);
        json.WriteNumber("faults", row.Faults);
        json.WriteNumber("touched_2m", row.Touched);
        json.WriteNumber("hot_2m", row.Hot);
        json.WriteNumber("hot_faults", row.HotFaults);
        json.WriteNumber("hot_bytes", row.HotBytes);
        json.WriteNumber("hot_share", row.HotShare);
        json.WriteStartArray("hottest");
        foreach (var range in row.Hottest)
        {
            json.WriteStartObject();
            json.WriteString("start", ReportTables.Hex(range.Start));
            json.WriteNumber("faults", range.Faults);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteLocality(Utf8JsonWriter json, LocalityRow row)
    {
        JsonReport.WriteRegionName(json, row.Id, row.Region);
        json.WriteNumber("faults", row.Faults);
        json.WriteNumber("steps", row.Steps);
        json.WriteNullable("sequential_share", row.SequentialShare);
        json.WriteNumber("runs", row.Runs);
        json.WriteNumber("runs_down", row.RunsDown);
        json.WriteNullable("mean_run", row.MeanRun);
        json.WriteNumber("longest_run", row.LongestRun);
        json.WriteNumber("refaults", row.Refaults);
        json.WriteNullable("distance_p50", row.DistanceP50);
        json.WriteNullable("distance_p90", row.DistanceP90);
        json.WriteNumber("shared_pages", row.SharedPages);
        json.WriteNumber("foreign_refaults", row.ForeignRefaults);
        json.WriteStartArray("strides");
        foreach (var stride in row.Strides)
        {
            json.WriteStartObject();
            json.WriteNumber("pages", stride.Pages);
            json.WriteNumber("steps", stride.Steps);
            json.WriteNullable("share", row.ShareOf(stride.Steps));
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <param name="key">Null: an element of an array.</param>
    private static void WriteNumbers(Utf8JsonWriter json, string? key, IEnumerable<long> numbers)
    {
        if (key is null)
            json.WriteStartArray();
        else
            json.WriteStartArray(key);
        foreach (var number in numbers)
            json.WriteNumberValue(number);
        json.WriteEndArray();
    }
}
