using System.Text.Json;
using Faultrec.Analyzer.Render;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Info;

/// <summary>Metadata and receipt for programs; docs/info.md lists the keys.</summary>
internal static class InfoJson
{
    public static void Write(Utf8JsonWriter json, TraceInfo info)
    {
        json.WriteStartObject();
        WriteFile(json, info);
        WriteRecording(json, info.Metadata);
        WriteLadder(json, info.Metadata);
        WriteCoverage(json, info.Metadata);
        json.WriteNumber("regions", info.Metadata.Regions.Count);
        json.WriteNumber("processes", info.Metadata.Processes.Count);
        json.WriteNumber("threads", info.Metadata.Threads.Count);
        WriteNames(json, "fault_flag_names", info.Metadata.FaultFlagNames);
        WriteNames(json, "fault_result_names", info.Metadata.FaultResultNames);
        WriteReceipt(json, info.Metadata.Receipt);
        WriteCalls(json, info.Metadata);
        WriteMemory(json, info.Metadata);
        WriteMarks(json, info.Metadata);
        json.WriteEndObject();
    }

    private static void WriteCalls(Utf8JsonWriter json, TraceMetadata metadata)
    {
        json.WriteStartArray("call_faults");
        foreach (var call in metadata.CallFaults)
        {
            json.WriteStartObject();
            json.WriteNumber("pid", call.Pid);
            json.WriteNumber("tid", call.Tid);
            json.WriteString("call", call.Call);
            json.WriteNumber("number", call.Number);
            json.WriteNumber("calls", call.Calls);
            json.WriteNumber("minor", call.Minor);
            json.WriteNumber("major", call.Major);
            json.WriteString("start", call.Start is { } start ? Units.Hex(start) : null);
            json.WriteString("end", call.End is { } end ? Units.Hex(end) : null);
            json.WriteNullable("stack", (long?)call.Stack);
            json.WriteNumber("time_ns", call.TimeNs);
            json.WriteNumber("last_ns", call.LastNs);
            json.WriteBoolean("goes_on", call.GoesOn);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteMarks(Utf8JsonWriter json, TraceMetadata metadata)
    {
        json.WriteStartArray("marks");
        foreach (var mark in metadata.Marks)
        {
            json.WriteStartObject();
            json.WriteNumber("time_ns", mark.TimeNs);
            json.WriteString("name", mark.Name);
            json.WriteString("source", mark.Source);
            json.WriteNullable("pid", (long?)mark.Pid);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteMemory(Utf8JsonWriter json, TraceMetadata metadata)
    {
        json.WriteStartArray("memory");
        foreach (var memory in metadata.Memory)
        {
            json.WriteStartObject();
            json.WriteNumber("pid", memory.Pid);
            WriteNumbers(json, "time_ns", memory.TimeNs);
            WriteNumbers(json, "anon_bytes", memory.AnonBytes);
            WriteNumbers(json, "file_bytes", memory.FileBytes);
            WriteNumbers(json, "shmem_bytes", memory.ShmemBytes);
            WriteNumbers(json, "swap_bytes", memory.SwapBytes);
            json.WriteNullable("peak_bytes", memory.PeakBytes);
            json.WriteBoolean("has_exit", memory.HasExit);
            json.WriteBoolean("refuses_huge_pages", memory.RefusesHugePages);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteNumbers(Utf8JsonWriter json, string key, IReadOnlyList<long> numbers)
    {
        json.WriteStartArray(key);
        foreach (var number in numbers)
            json.WriteNumberValue(number);
        json.WriteEndArray();
    }

    private static void WriteFile(Utf8JsonWriter json, TraceInfo info)
    {
        json.WriteString("path", info.Path);
        json.WriteNumber("schema", info.Metadata.SchemaVersion);
        json.WriteNumber("file_bytes", info.FileBytes);
        json.WriteNumber("faults", info.Rows);
        json.WriteNullable("bytes_per_fault", info.BytesPerFault);
        json.WriteStartArray("row_groups");
        foreach (var group in info.RowGroups)
        {
            json.WriteStartObject();
            json.WriteNumber("rows", group.Rows);
            json.WriteNullable("min_time_ns", group.MinTimeNs);
            json.WriteNullable("max_time_ns", group.MaxTimeNs);
            json.WriteNullable("min_pid", (long?)group.MinPid);
            json.WriteNullable("max_pid", (long?)group.MaxPid);
            json.WriteNullable("min_region_id", (long?)group.MinRegionId);
            json.WriteNullable("max_region_id", (long?)group.MaxRegionId);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteRecording(Utf8JsonWriter json, TraceMetadata metadata)
    {
        json.WriteString("tool_version", metadata.ToolVersion);
        JsonReport.WriteOrigin(json, metadata);
        json.WriteString("clock", metadata.Clock);
        json.WriteNumber("clock_start_ns", metadata.ClockStartNs);
        json.WriteString("started_at", JsonReport.Iso(metadata.StartedAt));
        json.WriteNumber("duration_ns", metadata.DurationNs);
        json.WriteString("backend", metadata.Backend.Name);
    }

    private static void WriteLadder(Utf8JsonWriter json, TraceMetadata metadata)
    {
        json.WriteStartArray("ladder");
        foreach (var step in metadata.Ladder)
        {
            json.WriteStartObject();
            json.WriteString("backend", step.Backend);
            json.WriteString("reason", step.Reason);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteCoverage(Utf8JsonWriter json, TraceMetadata metadata)
    {
        json.WriteString("durations", metadata.Backend.DurationMeaning);
        JsonReport.WriteSampling(json, metadata.Sampling);
        json.WriteBoolean("exclude_kernel", metadata.ExcludeKernel);
        WriteProbes(json, "handlers", "function", metadata.Handlers.Select(probe => (probe.Function, probe.Reason)));
        WriteFrames(json, metadata.PageTable);
        json.WriteString("thp_mode", metadata.ThpMode);
        WriteFolioSizes(json, metadata.FolioSizes);
        WriteSwapAreas(json, metadata.SwapAreas);
        WritePressure(json, metadata.Pressure);
        WriteProbes(json, "causes", "cause", metadata.Causes.Select(probe => (probe.Cause, probe.Reason)));
        WriteProbes(json, "slab_stages", "stage", (metadata.Slab?.Stages ?? []).Select(probe => (probe.Cause, probe.Reason)));
        json.WriteStackRecording(metadata.StackRecording);
        json.WriteNumber("stacks", metadata.Stacks?.NodeFrames.Count ?? 0);
        json.WriteNumber("stack_frames", metadata.Stacks?.Frames.Count ?? 0);
    }

    private static void WriteFolioSizes(Utf8JsonWriter json, IReadOnlyList<FolioSize> sizes)
    {
        json.WriteStartArray("folio_sizes");
        foreach (var size in sizes)
        {
            json.WriteStartObject();
            json.WriteNumber("kib", size.Kib);
            json.WriteString("enabled", size.Enabled);
            json.WriteString("shmem_enabled", size.ShmemEnabled);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteSwapAreas(Utf8JsonWriter json, IReadOnlyList<SwapArea>? areas)
    {
        if (areas is null)
        {
            json.WriteNull("swap_areas");
            return;
        }

        json.WriteStartArray("swap_areas");
        foreach (var area in areas)
        {
            json.WriteStartObject();
            json.WriteString("name", area.Name);
            json.WriteNumber("kib", area.Kib);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WritePressure(Utf8JsonWriter json, MemoryPressure? pressure)
    {
        if (pressure is null)
        {
            json.WriteNull("pressure");
            return;
        }

        json.WriteStartObject("pressure");
        json.WriteString("cgroup", pressure.Cgroup);
        json.WriteString("limit", pressure.Limit);
        json.WriteNullable("limit_bytes", pressure.LimitBytes);
        json.WriteNullable("limit_hits", pressure.LimitHits);
        json.WriteNullable("oom_kills", pressure.OomKills);
        json.WriteNullable("some_ns", pressure.SomeNs);
        json.WriteNullable("full_ns", pressure.FullNs);
        json.WriteBoolean("is_pressure_of_machine", pressure.IsPressureOfMachine);
        json.WriteEndObject();
    }

    private static void WriteNames(Utf8JsonWriter json, string key, IReadOnlyDictionary<string, long> names)
    {
        json.WriteStartObject(key);
        foreach (var (name, bits) in names)
            json.WriteNumber(name, bits);
        json.WriteEndObject();
    }

    private static void WriteReceipt(Utf8JsonWriter json, Receipt receipt)
    {
        json.WriteStartObject("receipt");
        json.WriteBoolean("complete", ReceiptText.IsComplete(receipt));
        json.WriteString("words", ReceiptText.Describe(receipt));
        foreach (var counter in Receipt.Counters)
        {
            // Their places among the numbers, which stay.
            if (counter.Name == "spool_bytes_dropped")
                WriteEnding(json, receipt);
            json.WriteNullable(counter.Name, counter.Of(receipt));
            if (counter.Name == "lost")
                WriteLosses(json, receipt);
        }

        json.WriteEndObject();
    }

    private static void WriteLosses(Utf8JsonWriter json, Receipt receipt)
    {
        json.WriteStartArray("lost_by_cpu");
        foreach (var loss in receipt.LostByCpu)
            WritePair(json, "cpu", loss.Cpu, loss.Lost);
        json.WriteEndArray();
        json.WriteStartArray("lost_by_second");
        foreach (var loss in receipt.LostBySecond)
            WritePair(json, "second", loss.Second, loss.Lost);
        json.WriteEndArray();
    }

    private static void WriteEnding(Utf8JsonWriter json, Receipt receipt)
    {
        json.WriteString("end_reason", receipt.EndReason);
        json.WriteNullable("exit_status", (long?)receipt.ExitStatus);
    }

    private static void WriteProbes(Utf8JsonWriter json, string key, string what, IEnumerable<(string What, string? Reason)> probes)
    {
        json.WriteStartArray(key);
        foreach (var probe in probes)
        {
            json.WriteStartObject();
            json.WriteString(what, probe.What);
            json.WriteString("refusal", probe.Reason);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteFrames(Utf8JsonWriter json, PageTableRecording? frames)
        => json.WriteNullable("frames", frames, value =>
        {
            json.WriteBoolean("recorded", value.Recorded);
            json.WriteString("reason", value.Reason);
            json.WriteNumber("paging_levels", value.PagingLevels);
            json.WriteString("direct_map_from", value.DirectMapFrom);
            json.WriteNullable("zero_pfn", value.ZeroPfn);
        });

    private static void WritePair(Utf8JsonWriter json, string key, long id, long lost)
    {
        json.WriteStartObject();
        json.WriteNumber(key, id);
        json.WriteNumber("lost", lost);
        json.WriteEndObject();
    }
}
