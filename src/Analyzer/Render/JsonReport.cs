using System.Globalization;
using System.Text.Json;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Render;

/// <summary>
/// The report for programs. The keys are a contract (docs/report.md): they stay, more may come. Text is escaped to ASCII, so that
/// nothing from a trace can act on a terminal.
/// </summary>
internal static class JsonReport
{
    /// <summary>Writes one object with every table.</summary>
    /// <param name="top">Rows a table; 0 writes all.</param>
    public static void Write(Utf8JsonWriter json, FaultReport report, int top)
    {
        json.WriteStartObject();
        WriteTrace(json, report);
        WriteCapture(json, report);
        json.WriteString("filter", report.Filter.ToString());
        json.WriteString("finding", Finding.Describe(report));
        WriteSampling(json, report.Metadata.Sampling);
        WriteTotals(json, report);
        WriteFaultTime(json, report.FaultTime);
        WriteTables(json, report, top);
        json.WriteEndObject();
    }

    // "page_table/levels" is in an object that its neighbours share.
    private static void WriteTables(Utf8JsonWriter json, FaultReport report, int top)
    {
        string? open = null;
        foreach (var table in ReportTables.All)
        {
            var (outer, key) = Split(table.JsonKey);
            if (outer != open)
            {
                if (open is not null)
                    json.WriteEndObject();
                if (outer is not null)
                    json.WriteStartObject(outer);
                open = outer;
            }

            table.JsonMembers?.Invoke(json, report);
            table.WriteJson(json, key, report, top);
            if (table.JsonNoteKey is { } note)
                json.WriteString(Split(note).Key, table.Note(report));
        }

        if (open is not null)
            json.WriteEndObject();

        static (string? Outer, string Key) Split(string path) => path.Split('/') is [var outer, var key] ? (outer, key) : (null, path);
    }

    internal static string Iso(DateTimeOffset time)
        => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", CultureInfo.InvariantCulture);

    /// <summary>What was recorded, and where.</summary>
    internal static void WriteOrigin(Utf8JsonWriter json, TraceMetadata metadata)
    {
        json.WriteStrings("command", metadata.Command);
        json.WriteString("target", metadata.Target);
        json.WriteString("host", metadata.Host);
        json.WriteString("kernel", metadata.Kernel);
        json.WriteString("arch", metadata.Arch);
        json.WriteNumber("page_size", metadata.PageSize);
    }

    private static void WriteTrace(Utf8JsonWriter json, FaultReport report)
    {
        var metadata = report.Metadata;
        json.WriteStartObject("trace");
        json.WriteString("path", report.Path);
        json.WriteNumber("schema", metadata.SchemaVersion);
        WriteOrigin(json, metadata);
        json.WriteString("backend", metadata.Backend.Name);
        json.WriteString("started_at", Iso(metadata.StartedAt));
        json.WriteNumber("duration_ns", metadata.DurationNs);
        json.WriteEndObject();
    }

    private static void WriteCapture(Utf8JsonWriter json, FaultReport report)
    {
        var receipt = report.Metadata.Receipt;
        json.WriteStartObject("capture");
        foreach (var counter in Receipt.Counters)
            json.WriteNullable(counter.Name, counter.Of(receipt));
        json.WriteBoolean("complete", ReceiptText.IsComplete(receipt));
        json.WriteString("words", ReceiptText.Describe(report));
        json.WriteStrings("limits", RecordingLimits.Of(report.Metadata));
        json.WriteNullable("memory", MemoryReceipt.Of(report), memory =>
        {
            json.WriteNumber("pid", memory.Row.Pid);
            json.WriteNumber("peak_bytes", memory.PeakBytes);
            json.WriteNullable("kernel_peak_bytes", memory.Row.KernelPeakBytes);
            json.WriteNumber("end_bytes", memory.EndBytes);
            json.WriteNullable("kernel_end_bytes", memory.Row.KernelEndBytes);
            json.WriteBoolean("at_least", memory.IsLowerBound);
        });
        json.WriteEndObject();
    }

    /// <summary>Null: every fault was taken.</summary>
    internal static void WriteSampling(Utf8JsonWriter json, Sampling? sampling)
        => json.WriteNullable("sampling", sampling, value =>
        {
            json.WriteNumber("every", value.Every);
            json.WriteNullable("max_rate_per_s", value.MaxRatePerSecond);
            json.WriteBoolean("rate_limited", value.RateLimited);
        });

    private static void WriteTotals(Utf8JsonWriter json, FaultReport report)
    {
        var totals = report.Totals;
        json.WriteStartObject("totals");
        json.WriteCounts(totals.Counts);
        json.WriteNumber("distinct_pages", totals.DistinctPages);
        json.WriteLatency(totals.Latency);
        json.WriteNumber("gup", totals.Gup);
        json.WriteNumber("recorded", report.Sample?.Rows ?? totals.Counts.Faults);
        json.WriteBoolean("estimated", report.Sample is not null);
        json.WriteBoolean("counts_exact", report.Sample?.CountsExact ?? true);
        json.WriteEndObject();
    }

    private static void WriteFaultTime(Utf8JsonWriter json, FaultTime time)
    {
        json.WriteStartObject("fault_time");
        json.WriteNullable("sum_ns", time.SumNs);
        json.WriteNumber("wall_ns", time.WallNs);
        json.WriteNumber("threads", time.Threads);
        json.WriteNumber("thread_ns", time.ThreadNs);
        json.WriteNullable("share_of_wall", time.ShareOfWall);
        json.WriteNullable("share_of_thread_time", time.ShareOfThreadTime);
        json.WriteEndObject();
    }
}
