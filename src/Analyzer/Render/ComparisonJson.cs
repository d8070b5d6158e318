using System.Text.Json;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Compare;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Simulate;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Render;

/// <summary>A comparison for programs. The keys are a contract (docs/diff.md): they stay, more may come.</summary>
internal static class ComparisonJson
{
    /// <param name="items">Items a table; 0 writes all.</param>
    public static void Write(Utf8JsonWriter json, TraceComparison comparison, int items)
    {
        json.WriteStartObject();
        json.WriteString("headline", ComparisonHeadline.Of(comparison));
        WriteSide(json, "before", comparison.Before);
        WriteSide(json, "after", comparison.After);
        json.WriteString("filter", comparison.Filter.ToString());
        json.WriteBoolean("noise_known", comparison.KnowsNoise);
        WriteLimits(json, comparison);
        json.WriteStrings("notes", ComparisonText.Notes(comparison, items: 0));
        foreach (var subject in SubjectNames.Compared)
            WriteTable(json, comparison.Rows(subject), subject.Title(), items);
        json.WriteEndObject();
    }

    private static void WriteLimits(Utf8JsonWriter json, TraceComparison comparison)
    {
        json.WriteBoolean("passed", !comparison.BreaksLimits);
        json.WriteStartArray("fail_on");
        foreach (var limit in comparison.Limits)
        {
            var why = limit.WhyBroken(comparison);
            json.WriteStartObject();
            json.WriteString("metric", limit.Metric.Name());
            json.WriteNumber("share", limit.Share);
            json.WriteBoolean("broken", why is not null);
            json.WriteString("why", why);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteSide(Utf8JsonWriter json, string key, IReadOnlyList<TraceMeasures> traces)
    {
        json.WriteStartArray(key);
        foreach (var trace in traces)
        {
            json.WriteStartObject();
            json.WriteString("path", trace.Path);
            json.WriteNumber("schema", trace.Metadata.SchemaVersion);
            JsonReport.WriteOrigin(json, trace.Metadata);
            json.WriteString("backend", trace.Metadata.Backend.Name);
            json.WriteBoolean("complete", ReceiptText.IsComplete(trace.Metadata.Receipt));
            json.WriteBoolean("sampled", trace.Sample is not null);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteTable(Utf8JsonWriter json, IReadOnlyList<ComparedRow> rows, string key, int items)
    {
        json.WriteStartArray(key);
        foreach (var item in rows.GroupBy(row => row.Item).Take(items == 0 ? int.MaxValue : items))
        {
            json.WriteStartObject();
            json.WriteString("name", item.Key.Name);
            if (item.Key.Subject == Subject.Region)
            {
                json.WriteString("kind", item.Key.RegionKind);
                json.WriteString("prot", item.Key.Prot);
                json.WriteString("process", item.Key.Process);
                json.WriteNumber("order", item.Key.Order);
            }

            foreach (var row in item)
                WriteFigure(json, row);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteFigure(Utf8JsonWriter json, ComparedRow row)
    {
        json.WriteStartObject(row.Metric.Name());
        WriteSpread(json, "before", row.Before);
        WriteSpread(json, "after", row.After);
        json.WriteNullable("difference", row.Difference);
        json.WriteNullable("change", row.Change);
        json.WriteString("verdict", row.Verdict.Name());
        json.WriteEndObject();
    }

    private static void WriteSpread(Utf8JsonWriter json, string key, Spread? spread)
    {
        if (spread is null)
        {
            json.WriteNull(key);
            return;
        }

        json.WriteStartObject(key);
        json.WriteNumber("median", spread.Median);
        json.WriteNumber("min", spread.Min);
        json.WriteNumber("max", spread.Max);
        json.WriteStartArray("values");
        foreach (var value in spread.Values)
            json.WriteNumberValue(value);
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
