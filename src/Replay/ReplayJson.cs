using System.Text.Json;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Compare;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Simulate;
using Faultrec.Analyzer.Text;

namespace Faultrec.Replay;

/// <summary>The fidelity of a replay, for programs; docs/replay.md has the keys.</summary>
public static class ReplayJson
{
    public static void Write(Utf8JsonWriter json, ReplayResult result)
    {
        json.WriteStartObject();
        json.WriteString("trace", result.Path);
        WriteOptions(json, result.Options);
        json.WriteNumber("fidelity", result.Fidelity);
        json.WriteNumber("threads", result.Threads);
        json.WriteNumber("recorded_span_ns", result.RecordedSpanNs);
        json.WriteNumber("elapsed_ns", result.ElapsedNs);
        json.WriteNumber("faults_per_second", result.FaultsPerSecond);
        json.WriteNullable("rank_correlation", result.RankCorrelation);
        json.WriteNullable("late_p50_ns", result.LateP50Ns);
        json.WriteNullable("late_p99_ns", result.LateP99Ns);
        json.WriteNullable("gap_error", result.GapError);
        json.WriteStartObject("totals");
        WriteFaults(json, Comparison.Of(result.Buckets));
        json.WriteEndObject();
        json.WriteStartObject("skipped");
        foreach (var (key, _, faults) in result.Skipped)
            json.WriteNumber(key, faults);
        json.WriteEndObject();
        json.WriteNumber("fill_ns", result.FillNs);
        json.WriteNumber("resident_bytes", result.ResidentBytes);
        WriteNotes(json, result);
        WriteTables(json, result);
        json.WriteEndObject();
    }

    internal static void WriteNotes(Utf8JsonWriter json, ReplayResult result) => json.WriteStrings("notes", result.Notes);

    internal static void WriteOptions(Utf8JsonWriter json, ReplayOptions options)
    {
        json.WriteStartObject("options");
        json.WriteString("order", options.Order == ReplayOrder.Strict ? "strict" : "thread");
        json.WriteNullable("speed", options.Speed > 0 ? options.Speed : null);
        json.WriteNumber("scale", options.Scale);
        json.WriteBoolean("swap", options.Swaps);
        json.WriteString("files", options.UsesRealFiles ? "real" : "stand-in");
        json.WriteString("change", options.Change.Description);
        json.WriteString("filter", options.Filter.ToString());
        json.WriteEndObject();
    }

    private static void WriteTables(Utf8JsonWriter json, ReplayResult result)
    {
        var index = new RegionIndex(result.Metadata.Regions);
        json.WriteStartArray("kinds");
        foreach (var (key, faults) in Comparison.By(result.Buckets, bucket => (bucket.Kind, bucket.Severity)))
        {
            json.WriteStartObject();
            json.WriteString("kind", key.Kind.Name());
            json.WriteString("severity", key.Severity.Name());
            WriteFaults(json, faults);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("regions");
        foreach (var (id, faults) in Comparison.By(result.Buckets, bucket => bucket.RegionId))
        {
            json.WriteStartObject();
            json.WriteNumber("id", id);
            json.WriteString("name", RegionNames.Of(index.Find(id)));
            json.WriteNullable("pid", index.Find(id)?.Pid);
            WriteFaults(json, faults);
            json.WriteStartArray("kinds");
            foreach (var bucket in result.Buckets.Where(bucket => bucket.RegionId == id))
            {
                json.WriteStartObject();
                json.WriteString("kind", bucket.Kind.Name());
                json.WriteString("severity", bucket.Severity.Name());
                WriteFaults(json, Comparison.Of([bucket]));
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteFaults(Utf8JsonWriter json, Comparison faults)
    {
        json.WriteNumber("recorded", faults.Recorded);
        json.WriteNumber("recorded_major", faults.RecordedMajor);
        json.WriteNumber("replayed", faults.Replayed);
        json.WriteNumber("replayed_major", faults.Major);
        json.WriteNumber("replayed_failed", faults.Failed);
        json.WriteNumber("matched", faults.Matched);
        WriteDurations(json, "recorded_ns", faults.RecordedNs, faults.RecordedSumNs);
        WriteDurations(json, "replayed_ns", faults.ReplayedNs, faults.ReplayedSumNs);
    }

    private static void WriteDurations(Utf8JsonWriter json, string name, Func<double, long?> percentile, long sum)
    {
        json.WriteStartObject(name);
        json.WriteNullable("p50", percentile(0.5));
        json.WriteNullable("p99", percentile(0.99));
        json.WriteNumber("sum", sum);
        json.WriteEndObject();
    }
}
