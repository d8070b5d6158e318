using System.Text.Json;

namespace Faultrec.Analyzer;

/// <summary>The parts of <see cref="JsonReport"/> on when and where inside the regions.</summary>
internal static class JsonViews
{
    public static void Write(Utf8JsonWriter json, FaultReport report, int top)
    {
        json.WriteStartObject("timeline");
        JsonReport.WriteNullable(json, "from_ns", report.TimeAxis?.FromNs);
        JsonReport.WriteNullable(json, "to_ns", report.TimeAxis?.ToNs);
        JsonReport.WriteNullable(json, "bucket_ns", report.TimeAxis?.BucketNs);
        JsonMemory.WriteTable(json, "buckets", TimeReportTables.Timeline(report));
        JsonReport.WriteRows(json, "first_touches", report.FirstTouches, top, WriteFirstTouch);
        json.WriteEndObject();
    }

    private static void WriteFirstTouch(Utf8JsonWriter json, FirstTouchRow row)
    {
        json.WriteNumber("id", row.Id);
        json.WriteString("name", RegionNames.Of(row.Region));
        JsonReport.WriteNullable(json, "pid", row.Region?.Pid);
        JsonReport.WriteNullable(json, "born_ns", row.Region?.BornNs);
        JsonReport.WriteNullable(json, "died_ns", row.Region?.DiedNs);
        json.WriteNumber("pages", row.Pages);
        json.WriteNumber("touched_pages", row.TouchedPages);
        WriteNumbers(json, "first_touches", row.FirstTouches);
    }

    private static void WriteNumbers(Utf8JsonWriter json, string key, IEnumerable<long> numbers)
    {
        json.WriteStartArray(key);
        foreach (var number in numbers)
            json.WriteNumberValue(number);
        json.WriteEndArray();
    }
}
