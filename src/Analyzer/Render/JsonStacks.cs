using System.Text.Json;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Render;

/// <summary>The part of the JSON report that names code.</summary>
internal static class JsonStacks
{
    /// <param name="top">Rows a table; 0 writes all.</param>
    public static void Write(Utf8JsonWriter json, FaultReport report, int top)
    {
        var stacks = report.Stacks;
        JsonReport.WriteRows(json, "stacks", stacks?.Stacks ?? [], top, (_, row) => WriteStack(json, stacks!, row));
        WriteRecording(json, report.Metadata.StackRecording);
        json.WriteNullable("faults_without_stack", stacks?.WithoutStack.Faults);
        JsonReport.WriteRows(json, "functions", stacks?.Functions ?? [], top, (_, row) => WriteFunction(json, row));
        JsonReport.WriteRows(json, "lines", stacks?.Lines ?? [], top, (_, row) => WriteLine(json, row));
        JsonReport.WriteRows(json, "callers", stacks?.Callers ?? [], 0, (_, row) => WriteCaller(json, row));
        JsonReport.WriteRows(json, "touchers", stacks?.Touchers ?? [], top, (_, row) => WriteToucher(json, row));
        JsonReport.WriteRows(json, "stack_frames", stacks?.Table.Frames ?? [], 0, (_, frame) => WriteFrame(json, stacks!.Names, frame));
    }

    /// <summary>Null: stacks were not asked for.</summary>
    public static void WriteRecording(Utf8JsonWriter json, StackRecording? recording)
    {
        if (recording is null)
        {
            json.WriteNull("stack_recording");
            return;
        }

        json.WriteStartObject("stack_recording");
        json.WriteString("refusal", recording.Refusal);
        json.WriteNumber("complete", recording.Complete);
        json.WriteNumber("truncated", recording.Truncated);
        json.WriteNumber("lost", recording.Lost);
        json.WriteStartArray("warnings");
        foreach (var warning in recording.Warnings)
            json.WriteStringValue(warning);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>Who reserved the region, with the share of its faults that lie in memory of theirs.</summary>
    public static void WriteMappers(Utf8JsonWriter json, StackReport stacks, RegionRow row)
        => JsonReport.WriteRows(json, "reserved_by", stacks.Mappers.GetValueOrDefault(row.Id, []), 0, (_, mapper) =>
        {
            json.WriteString("code", mapper.Code);
            json.WriteNumber("faults", mapper.Faults);
            json.WriteNumber("share", (double)mapper.Faults / row.Counts.Faults);
        });

    // Root first, as the file's own column of folded stacks; `frames` are indices of stack_frames in the same order.
    private static void WriteStack(Utf8JsonWriter json, StackReport stacks, StackRow row)
    {
        var frames = stacks.Names.FramesOf(row.StackId).Reverse().ToArray();
        json.WriteNumber("stack_id", row.StackId);
        json.WriteStartArray("stack");
        foreach (var frame in frames)
            json.WriteStringValue(stacks.Names.Long(frame));
        json.WriteEndArray();
        json.WriteStartArray("frames");
        foreach (var frame in frames)
            json.WriteNumberValue(frame);
        json.WriteEndArray();
        JsonReport.WriteCounts(json, row.Counts);
        json.WriteNumber("share", row.Share);
        JsonReport.WriteLatency(json, row.Latency);
    }

    private static void WriteFunction(Utf8JsonWriter json, CodeRow row)
    {
        json.WriteString("function", row.Name);
        json.WriteString("module", row.Module);
        WriteCode(json, row);
    }

    private static void WriteLine(Utf8JsonWriter json, CodeRow row)
    {
        json.WriteString("file", row.File);
        json.WriteNullable("line", (long?)row.Line);
        json.WriteString("function", row.Name);
        json.WriteString("module", row.Module);
        WriteCode(json, row);
    }

    private static void WriteCode(Utf8JsonWriter json, CodeRow row)
    {
        json.WriteStartObject("self");
        JsonReport.WriteCounts(json, row.Self);
        json.WriteNumber("share", row.SelfShare);
        json.WriteNumber("fault_time_ns", row.Self.DurationNs);
        json.WriteEndObject();
        json.WriteStartObject("total");
        JsonReport.WriteCounts(json, row.Total);
        json.WriteNumber("share", row.TotalShare);
        JsonReport.WriteLatency(json, row.Latency);
        json.WriteEndObject();
    }

    private static void WriteCaller(Utf8JsonWriter json, CallerRow row)
    {
        json.WriteNumber("depth", row.Depth);
        json.WriteStartArray("functions");
        foreach (var function in row.Functions)
            json.WriteStringValue(function);
        json.WriteEndArray();
        JsonReport.WriteCounts(json, row.Counts);
        json.WriteNumber("share", row.Share);
        json.WriteNumber("fault_time_ns", row.Counts.DurationNs);
    }

    private static void WriteToucher(Utf8JsonWriter json, ToucherRow row)
    {
        json.WriteNumber("region_id", row.RegionId);
        json.WriteString("region", RegionNames.Of(row.Region));
        json.WriteString("code", row.Code);
        json.WriteString("through", row.Through);
        json.WriteString("mapper", row.Mapper);
        JsonReport.WriteCounts(json, row.Counts);
        json.WriteNumber("share", row.Share);
        json.WriteNumber("fault_time_ns", row.Counts.DurationNs);
    }

    private static void WriteFrame(Utf8JsonWriter json, FrameNames names, StackFrame frame)
    {
        var module = names.ModuleOf(frame);
        json.WriteString("kind", frame.Kind);
        json.WriteString("function", frame.Function);
        json.WriteString("file", frame.File);
        json.WriteNullable("line", (long?)frame.Line);
        json.WriteString("module", module?.Path);
        json.WriteString("build_id", module?.BuildId);
        json.WriteString("address", ReportTables.Hex(frame.Address));
        json.WriteBoolean("inlined", frame.Inlined);
    }
}
