using System.Globalization;
using System.Text.Json;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Compare;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Simulate;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Render;

/// <summary>
/// The report for programs. The keys are a contract (docs/report.md): they stay, more may come. Text is escaped to ASCII, so that
/// nothing from a trace can act on a terminal.
/// </summary>
public static class JsonReport
{
    /// <summary>Writes one object with every table.</summary>
    /// <param name="top">Rows a table; 0 writes all.</param>
    public static void Write(Utf8JsonWriter json, FaultReport report, int top)
    {
        json.WriteStartObject();
        WriteTrace(json, report);
        WriteCapture(json, report.Metadata);
        json.WriteString("filter", report.Filter.ToString());
        json.WriteString("finding", Finding.Describe(report));
        WriteSampling(json, report.Metadata.Sampling);
        WriteTotals(json, report);
        WriteRows(json, "kinds", report.Kinds, top, WriteKind);
        json.WriteString("kinds_note", KindTables.Note(report));
        WriteRows(json, "severities", report.Severities, 0, WriteSeverity);
        WriteRows(json, "regions", report.Regions, top, (_, row) => WriteRegion(json, report, row));
        WriteRows(json, "processes", report.Processes, top, WriteProcess);
        WriteRows(json, "threads", report.Threads, top, WriteThread);
        WriteRows(json, "files", report.Files, top, WriteFile);
        WriteRows(json, "comms", report.Comms, top, WriteComm);
        WriteRows(json, "handlers", report.Handlers, top, WriteHandler);
        JsonMemory.Write(json, report, top);
        JsonStacks.Write(json, report, top);
        JsonViews.Write(json, report, top);
        json.WriteEndObject();
    }

    internal static string Iso(DateTimeOffset time)
        => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", CultureInfo.InvariantCulture);

    /// <summary>What was recorded, and where.</summary>
    internal static void WriteOrigin(Utf8JsonWriter json, TraceMetadata metadata)
    {
        json.WriteStartArray("command");
        foreach (var argument in metadata.Command)
            json.WriteStringValue(argument);
        json.WriteEndArray();
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

    private static void WriteCapture(Utf8JsonWriter json, TraceMetadata metadata)
    {
        var receipt = metadata.Receipt;
        json.WriteStartObject("capture");
        json.WriteNumber("events", receipt.Events);
        json.WriteNumber("lost", receipt.Lost);
        json.WriteNumber("lost_sideband", receipt.LostSideband);
        json.WriteNumber("counts_lost", receipt.CountsLost);
        json.WriteNullable("kernel_minor", receipt.KernelMinor);
        json.WriteNullable("kernel_major", receipt.KernelMajor);
        json.WriteNullable("kernel_exec", receipt.KernelExec);
        json.WriteBoolean("complete", ReceiptText.IsComplete(receipt));
        json.WriteString("words", ReceiptText.Describe(receipt));
        json.WriteNumber("sampled_out", receipt.SampledOut);
        json.WriteNumber("sampled_out_major", receipt.SampledOutMajor);
        json.WriteNumber("excluded", receipt.Excluded);
        json.WriteNumber("missed", receipt.Missed);
        json.WriteNullable("failed", receipt.Failed);
        json.WriteNullable("in_calls", receipt.InCalls);
        json.WriteNullable("in_calls_major", receipt.InCallsMajor);
        json.WriteNullable("unseen", receipt.Unseen);
        json.WriteStartArray("limits");
        foreach (var limit in RecordingLimits.Of(metadata))
            json.WriteStringValue(limit);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>Null: every fault was taken.</summary>
    internal static void WriteSampling(Utf8JsonWriter json, Sampling? sampling)
    {
        if (sampling is null)
        {
            json.WriteNull("sampling");
            return;
        }

        json.WriteStartObject("sampling");
        json.WriteNumber("every", sampling.Every);
        json.WriteNullable("max_rate_per_s", sampling.MaxRatePerSecond);
        json.WriteBoolean("rate_limited", sampling.RateLimited);
        json.WriteEndObject();
    }

    private static void WriteTotals(Utf8JsonWriter json, FaultReport report)
    {
        var totals = report.Totals;
        json.WriteStartObject("totals");
        WriteCounts(json, totals.Counts);
        json.WriteNumber("distinct_pages", totals.DistinctPages);
        WriteLatency(json, totals.Latency);
        json.WriteNumber("gup", totals.Gup);
        json.WriteNumber("recorded", report.Sample?.Rows ?? totals.Counts.Faults);
        json.WriteBoolean("estimated", report.Sample is not null);
        json.WriteBoolean("counts_exact", report.Sample?.CountsExact ?? true);
        json.WriteEndObject();
    }

    internal static void WriteRows<TRow>(Utf8JsonWriter json, string key, IReadOnlyList<TRow> rows, int top, Action<Utf8JsonWriter, TRow> write)
    {
        json.WriteStartArray(key);
        var kept = top == 0 ? rows.Count : Math.Min(top, rows.Count);
        for (var i = 0; i < kept; i++)
        {
            json.WriteStartObject();
            write(json, rows[i]);
            json.WriteEndObject();
            json.FlushWhenFull();
        }

        json.WriteEndArray();
    }

    /// <summary>Which region a row is about.</summary>
    internal static void WriteRegionName(Utf8JsonWriter json, int id, Region? region)
    {
        json.WriteNumber("id", id);
        json.WriteString("name", RegionNames.Of(region));
        json.WriteNullable("pid", region?.Pid);
    }

    internal static void WriteCounts(Utf8JsonWriter json, FaultCounts counts)
    {
        json.WriteNumber("faults", counts.Faults);
        json.WriteNullable("minor", counts.KnownMinor);
        json.WriteNullable("major", counts.KnownMajor);
        json.WriteNumber("failed", counts.Failed);
        if (counts.Unknown > 0)
            json.WriteNumber("unknown_severity", counts.Unknown);
    }

    internal static void WriteLatency(Utf8JsonWriter json, LatencySummary latency)
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

    private static void WriteKind(Utf8JsonWriter json, KindRow row)
    {
        json.WriteString("kind", row.Kind.Name());
        WriteCounts(json, row.Counts);
        WriteLatency(json, row.Latency);
        json.WriteNumber("share", row.Share);
        json.WriteNumber("by_kernel", row.ByKernel);
        json.WriteString("traceevent", row.Kind.TraceEventName());
    }

    private static void WriteSeverity(Utf8JsonWriter json, SeverityRow row)
    {
        json.WriteString("severity", row.Severity.Name());
        WriteCounts(json, row.Counts);
        WriteLatency(json, row.Latency);
    }

    private static void WriteRegion(Utf8JsonWriter json, FaultReport report, RegionRow row)
    {
        json.WriteNumber("id", row.Id);
        json.WriteString("name", RegionNames.Of(row.Region));
        json.WriteString("kind", RegionNames.KindOf(row.Region));
        json.WriteNumber("pid", row.Region?.Pid ?? 0);
        json.WriteString("start", ReportTables.Hex(row.Region?.Start ?? 0));
        json.WriteString("end", ReportTables.Hex(row.Region?.End ?? 0));
        json.WriteNumber("pages", row.Pages);
        WriteCounts(json, row.Counts);
        json.WriteNumber("distinct_pages", row.DistinctPages);
        json.WriteNullable("density", row.Density);
        json.WriteNullable("coverage", row.Coverage);
        json.WriteNullable("refaults", row.Refaults);
        json.WriteNullable("faults_per_mib", row.FaultsPerMib);
        json.WriteNullable("major_ratio", row.MajorRatio);
        WriteLatency(json, row.Latency);
        json.WriteStartArray("heat");
        foreach (var faults in row.Heat)
            json.WriteNumberValue(faults);
        json.WriteEndArray();
        if (report.Stacks is { } stacks)
            JsonStacks.WriteMappers(json, stacks, row);
    }

    private static void WriteProcess(Utf8JsonWriter json, ProcessRow row)
    {
        json.WriteNumber("pid", row.Pid);
        json.WriteString("comm", row.Comm);
        json.WriteNumber("threads", row.Threads);
        WriteCounts(json, row.Counts);
        json.WriteNumber("fault_time_ns", row.Counts.DurationNs);
    }

    private static void WriteThread(Utf8JsonWriter json, ThreadRow row)
    {
        json.WriteNumber("pid", row.Pid);
        json.WriteNumber("tid", row.Tid);
        json.WriteString("comm", row.Comm);
        WriteCounts(json, row.Counts);
        json.WriteNumber("fault_time_ns", row.Counts.DurationNs);
    }

    private static void WriteFile(Utf8JsonWriter json, FileRow row)
    {
        json.WriteString("path", row.Path);
        json.WriteNumber("regions", row.Regions);
        json.WriteNumber("processes", row.Processes);
        WriteCounts(json, row.Counts);
        WriteLatency(json, row.Latency);
    }

    private static void WriteHandler(Utf8JsonWriter json, HandlerRow row)
    {
        json.WriteString("function", row.Function);
        json.WriteString("refusal", row.Refusal);
        WriteCounts(json, row.Counts);
        WriteLatency(json, row.Latency);
    }

    private static void WriteComm(Utf8JsonWriter json, CommRow row)
    {
        json.WriteString("comm", row.Comm);
        json.WriteNumber("threads", row.Threads);
        WriteCounts(json, row.Counts);
        json.WriteNumber("fault_time_ns", row.Counts.DurationNs);
    }
}
