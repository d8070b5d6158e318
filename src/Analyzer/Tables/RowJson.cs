using System.Text.Json;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Tables;

/// <summary>Groups of members that many rows have in JSON.</summary>
internal static class RowJson
{
    public static void WriteCounts(this Utf8JsonWriter json, in FaultCounts counts)
    {
        json.WriteNumber("faults", counts.Faults);
        json.WriteNullable("minor", counts.KnownMinor);
        json.WriteNullable("major", counts.KnownMajor);
        json.WriteNumber("failed", counts.Failed);
        json.WriteUnknownSeverity(counts);
    }

    public static void WriteUnknownSeverity(this Utf8JsonWriter json, in FaultCounts counts)
    {
        if (counts.Unknown > 0)
            json.WriteNumber("unknown_severity", counts.Unknown);
    }

    public static void WriteLatency(this Utf8JsonWriter json, LatencySummary latency)
    {
        json.WriteStartObject("latency_ns");
        json.WriteNumber("count", latency.Count);
        json.WriteNullable("min", latency.MinNs);
        json.WriteNullable("p50", latency.P50Ns);
        json.WriteNullable("p90", latency.P90Ns);
        json.WriteNullable("p99", latency.P99Ns);
        json.WriteNullable("max", latency.MaxNs);
        json.WriteNullable("sum", latency.SumNs);
        json.WriteEndObject();
    }

    public static void WriteAxis(this Utf8JsonWriter json, TimeAxis? axis)
    {
        json.WriteNullable("from_ns", axis?.FromNs);
        json.WriteNullable("to_ns", axis?.ToNs);
        json.WriteNullable("bucket_ns", axis?.BucketNs);
    }

    /// <summary>Null: stacks were not asked for.</summary>
    public static void WriteStackRecording(this Utf8JsonWriter json, StackRecording? recording)
        => json.WriteNullable("stack_recording", recording, value =>
        {
            json.WriteString("refusal", value.Reason);
            json.WriteNumber("complete", value.Complete);
            json.WriteNumber("truncated", value.Truncated);
            json.WriteNumber("lost", value.Lost);
            json.WriteStrings("warnings", value.Warnings);
        });

    /// <summary>An array of the table's rows.</summary>
    public static void WriteTable(this Utf8JsonWriter json, string key, ReportTable table)
    {
        json.WriteStartArray(key);
        for (var row = 0; row < table.Rows; row++)
        {
            json.WriteStartObject();
            table.WriteJson(json, row);
            json.WriteEndObject();
            json.FlushWhenFull();
        }

        json.WriteEndArray();
    }
}
