using System.Globalization;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Render;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Info;

/// <summary>What `info` says about a trace besides its faults.</summary>
/// <param name="Path">As given on the command line.</param>
/// <param name="FileBytes">Size of the file.</param>
internal sealed record TraceInfo(string Path, long FileBytes, long Rows, IReadOnlyList<RowGroupInfo> RowGroups, TraceMetadata Metadata)
{
    /// <summary>Bytes of the file a fault; null without faults.</summary>
    public double? BytesPerFault => Rows == 0 ? null : (double)FileBytes / Rows;
}

/// <summary>Metadata and receipt for people.</summary>
internal static class InfoText
{
    private const int LossRows = 10;
    private const int CallRows = 10;
    private const int MemoryRows = 3;
    private const int MarkRows = 20;

    public static void Write(TextWriter output, TraceInfo info, TextStyle style)
    {
        var metadata = info.Metadata;
        var receipt = metadata.Receipt;
        Line(output, "capture", ReceiptText.Describe(receipt), ReceiptStyle.Of(receipt, style));
        Line(output, "trace", info.Path);
        Line(output, "file", FileWords(info));
        Line(output, "command", metadata.Command.Count == 0 ? "-" : string.Join(' ', metadata.Command));
        Line(output, "target", metadata.Target);
        Line(output, "recorded",
            $"{RecordingText.Timestamp(metadata.StartedAt)}, for {Units.Duration(metadata.DurationNs)}, by faultrec {metadata.ToolVersion}");
        Line(output, "machine", $"{metadata.Host}, Linux {metadata.Kernel} {metadata.Arch}, pages of {Units.Bytes(metadata.PageSize)}");
        Line(output, "clock", string.Create(CultureInfo.InvariantCulture, $"{metadata.Clock}, {metadata.ClockStartNs} ns at time 0"));
        Line(output, "backend", metadata.Backend.Name);
        foreach (var step in metadata.Ladder)
            Line(output, "", step.Reason is null ? $"{step.Backend}: taken" : $"{step.Backend}: refused, {step.Reason}");
        WriteCoverage(output, metadata);
        Line(output, "ledger",
            $"{Units.Of(metadata.Regions.Count, "region")}, {Units.Of(metadata.Processes.Count, "process", "processes")}, "
            + $"{Units.Of(metadata.Threads.Count, "thread")}");
        Line(output, "flag names", $"FAULT_FLAG_* {Names(metadata.FaultFlagNames, "FAULT_FLAG_")}");
        Line(output, "", $"VM_FAULT_* {Names(metadata.FaultResultNames, "VM_FAULT_")}");
        WriteCounters(output, receipt);
        WriteMarks(output, metadata);
        WriteMemory(output, metadata);
        WriteCalls(output, metadata);
        WriteLoss(output, receipt);
    }

    private static void WriteCoverage(TextWriter output, TraceMetadata metadata)
    {
        Line(output, "durations", metadata.Backend.DurationMeaning ?? Cells.Null);
        Line(output, "sampling", metadata.Sampling is { } sampling ? SamplingWords(sampling) : "none, every fault was recorded");
        if (metadata.ExcludeKernel)
            Line(output, "left out", "faults of kernel mode (perf_event_paranoid)");
        Line(output, "frames", FrameWords(metadata.PageTable));
        Line(output, "huge pages", metadata.ThpMode ?? Cells.Null);
        if (metadata.FolioSizes.Count > 0)
            Line(output, "", FolioWords(metadata.FolioSizes));
        Line(output, "swap", SwapWords(metadata.SwapAreas));
        Line(output, "limit", LimitWords(metadata.Pressure));
        WriteProbes(output, "handlers", metadata.Handlers.Select(probe => (probe.Function, probe.Reason)));
        WriteProbes(output, "causes", metadata.Causes.Select(probe => (probe.Cause, probe.Reason)));
        WriteProbes(output, "slab", (metadata.Slab?.Stages ?? []).Select(probe => (probe.Cause, probe.Reason)));
        WriteStacks(output, metadata);
    }

    private static void WriteStacks(TextWriter output, TraceMetadata metadata)
    {
        if (StackText.Describe(metadata.StackRecording) is not { } words)
            return;
        Line(output, "stacks", words);
        if (metadata.Stacks is { } stacks)
        {
            var unnamed = stacks.Frames.Count(frame => frame.Function is null);
            Line(output, "",
                $"{Units.Of(stacks.Frames.Count, "different frame")} in {Units.Of(stacks.Modules.Count, "file")}, "
                + $"{Units.Count(unnamed)} of them without a symbol");
        }

        foreach (var warning in metadata.StackRecording!.Warnings)
            Line(output, "", warning);
    }

    private static void WriteProbes(TextWriter output, string label, IEnumerable<(string What, string? Reason)> probes)
    {
        foreach (var (what, reason) in probes)
        {
            Line(output, label, reason is null ? $"{what}: probed" : $"{what}: refused, {reason}");
            label = "";
        }
    }

    // "of anonymous memory: 64 KiB always, 2.0 MiB inherit; of shared memory: 2.0 MiB inherit"
    private static string FolioWords(IReadOnlyList<FolioSize> sizes)
    {
        return $"of anonymous memory: {Sizes(size => size.Enabled)}; of shared memory: {Sizes(size => size.ShmemEnabled)}";

        string Sizes(Func<FolioSize, string?> mode)
        {
            var enabled = sizes.Where(size => mode(size) is not (null or "never")).Select(size => $"{Units.Bytes((long)size.Kib << 10)} {mode(size)}").ToList();
            return enabled.Count == 0 ? "no size" : string.Join(", ", enabled);
        }
    }

    private static string SwapWords(IReadOnlyList<SwapArea>? areas) => areas switch
    {
        null => Cells.Null,
        [] => "none",
        _ => string.Join(", ", areas.Select(area => $"{Units.Bytes(area.Kib << 10)} on {area.Name}")),
    };

    private static string LimitWords(MemoryPressure? pressure)
    {
        if (pressure is null)
            return Cells.Null;
        var limit = pressure.Cgroup is { } cgroup
            ? $"{pressure.Limit} {Units.Bytes(pressure.LimitBytes ?? 0)} of cgroup {cgroup}, met {Number(pressure.LimitHits)} times, "
                + $"{Number(pressure.OomKills)} OOM kills"
            : "none";
        return pressure.SomeNs is { } some
            ? $"{limit}; tasks of the {(pressure.IsPressureOfMachine ? "machine" : "cgroup")} waited {Units.Duration(some)} for memory (PSI)"
            : limit;

        static string Number(long? count) => count is { } known ? Units.Count(known) : Cells.Null;
    }

    private static string FrameWords(PageTableRecording? frames) => frames switch
    {
        null => Cells.Null,
        { Recorded: true } => $"recorded, {Units.Count(frames.PagingLevels)} paging levels, direct map by {frames.DirectMapFrom ?? "unknown means"}",
        _ => $"not recorded: {frames.Reason ?? "no reason given"}",
    };

    private static string SamplingWords(Sampling sampling)
    {
        var chosen = sampling.Every > 1 ? $"1 in {Units.Count(sampling.Every)}" : "every fault";
        return sampling.MaxRatePerSecond is not { } rate ? chosen
            : $"{chosen}, fewer above {Units.Count(rate)} faults/s, which {(sampling.RateLimited ? "was" : "was not")} reached";
    }

    /// <summary>"WRITE 1, MKWRITE 2": the names without their common prefix, and their bits.</summary>
    private static string Names(IReadOnlyDictionary<string, long> names, string prefix)
    {
        if (names.Count == 0)
            return Cells.Null;
        var words = new List<string>(names.Count);
        foreach (var (name, bits) in names.OrderBy(pair => pair.Value))
        {
            words.Add(string.Create(CultureInfo.InvariantCulture,
                $"{(name.StartsWith(prefix, StringComparison.Ordinal) ? name[prefix.Length..] : name)} 0x{bits:x}"));
        }

        return string.Join(", ", words);
    }

    private static string FileWords(TraceInfo info)
    {
        var each = info.BytesPerFault is { } bytes ? string.Create(CultureInfo.InvariantCulture, $", {bytes:0.0} B per fault") : "";
        return $"{Units.Bytes(info.FileBytes)}, {Units.Of(info.Rows, "fault")}{each}, {Units.Of(info.RowGroups.Count, "row group")}, "
            + $"schema {info.Metadata.SchemaVersion}";
    }

    private static void WriteCounters(TextWriter output, Receipt receipt)
    {
        Line(output, "kernel",
            $"minor {OrDash(receipt.KernelMinor)}, major {OrDash(receipt.KernelMajor)}, of these in exec {OrDash(receipt.KernelExec)}, "
            + $"inside other system calls {OrDash(receipt.InCalls)}");
        Line(output, "perf", $"minor {OrDash(receipt.PerfMinor)}, major {OrDash(receipt.PerfMajor)}");
        if (receipt.Missed != 0)
            Line(output, "missed", $"{Units.Of(receipt.Missed, "fault")} that the kernel counted but no probe saw being served");
        if (receipt.SampledOut != 0)
            Line(output, "left out", $"{Units.Of(receipt.SampledOut, "fault")} ({Units.Count(receipt.SampledOutMajor)} major) by sampling");
        if (receipt.Excluded != 0)
            Line(output, "left out", $"{Units.Of(receipt.Excluded, "fault")} of other processes");
    }

    private static void WriteMarks(TextWriter output, TraceMetadata metadata)
    {
        var marks = Phases.Of(metadata).Marks;
        var label = "marks";
        foreach (var (name, mark) in marks.Take(MarkRows))
        {
            Line(output, label,
                $"{Units.Duration(mark.TimeNs)}: {name} ({(mark.IsByHand ? "set by hand" : $"{mark.Source}, pid {mark.Pid}")})");
            label = "";
        }

        if (marks.Count > MarkRows)
            Line(output, "", $"… {Units.Of(marks.Count - MarkRows, "more mark")}; --format json has all");
    }

    private static void WriteMemory(TextWriter output, TraceMetadata metadata)
    {
        if (metadata.Memory.Count == 0)
            return;
        Line(output, "memory",
            $"the kernel's counters of {Units.Count(metadata.Memory.Count)} of {Units.Of(metadata.Processes.Count, "process", "processes")}, "
            + $"{Units.Of(metadata.Memory.Sum(memory => (long)memory.TimeNs.Count), "sample")}");
        foreach (var memory in metadata.Memory.OrderByDescending(MemoryFacts.HighestBytes).Take(MemoryRows))
        {
            var end = memory.TimeNs.Count - 1;
            var last = end < 0 ? ""
                : $"; {(memory.HasExit ? "at its end" : "at last")} {Units.Bytes(memory.AnonBytes[end])} anonymous, "
                    + $"{Units.Bytes(memory.FileBytes[end])} of files, {Units.Bytes(memory.ShmemBytes[end])} shared, "
                    + $"{Units.Bytes(memory.SwapBytes[end])} swapped out";
            Line(output, "", $"{memory.NameIn(metadata)} (pid {memory.Pid}): at most {Units.Bytes(memory.HighestBytes())} resident{last}");
        }

        if (metadata.Memory.Count > MemoryRows)
            Line(output, "", $"… {Units.Of(metadata.Memory.Count - MemoryRows, "more process", "more processes")}; --format json has all");
    }

    private static void WriteCalls(TextWriter output, TraceMetadata metadata)
    {
        var rows = metadata.CallFaults.GroupBy(call => (Name: UnseenSentence.NameOf(call), call.Pid, call.Tid))
            .OrderByDescending(row => row.Sum(call => call.Faults)).ToList();
        var label = "calls";
        foreach (var row in rows.Take(CallRows))
        {
            var largest = row.MaxBy(call => call.Faults)!;
            var range = largest is { Start: { } start, End: { } end } && end > start
                ? $"; the largest in 0x{start:x}-0x{end:x} ({Units.Bytes((long)(end - start))})"
                : "";
            Line(output, label,
                $"{row.Key.Name}: {Units.Of(row.Sum(call => call.Faults), "fault")} in {Units.Of(row.Sum(call => call.Calls), "call")} of "
                + $"{ThreadName(metadata, largest)}{range}");
            label = "";
        }

        if (rows.Count > CallRows)
            Line(output, "", $"… {Units.Of(rows.Count - CallRows, "more row")}; --format json has all");
    }

    private static string ThreadName(TraceMetadata metadata, CallFaults call)
        => call.Tid == 0 ? call.Pid == 0 ? "several processes" : $"several threads of pid {call.Pid}"
            : $"{metadata.Threads.LastOrDefault(thread => thread.Tid == call.Tid && thread.Pid == call.Pid)?.Comm ?? "thread"} (tid {call.Tid})";

    private static void WriteLoss(TextWriter output, Receipt receipt)
    {
        foreach (var loss in receipt.LostByCpu)
        {
            if (loss.Lost != 0)
                Line(output, "lost", $"{Units.Count(loss.Lost)} on CPU {loss.Cpu}");
        }

        for (var i = 0; i < receipt.LostBySecond.Count && i < LossRows; i++)
            Line(output, "lost", $"{Units.Count(receipt.LostBySecond[i].Lost)} in second {receipt.LostBySecond[i].Second}");
        if (receipt.LostBySecond.Count > LossRows)
            Line(output, "", $"… {Units.Count(receipt.LostBySecond.Count - LossRows)} more seconds with a loss; --format json has all");
    }

    private static string OrDash(long? value) => value is { } number ? Units.Count(number) : Cells.Null;

    private static void Line(TextWriter output, string label, string text, Func<string, string>? style = null)
    {
        const int labelWidth = 11;
        foreach (var line in Columns.Wrap(Escape.Visible(text), TextLines.Width - labelWidth))
        {
            output.Write($"{label,-labelWidth}{(style is null ? line : style(line))}\n");
            label = "";
        }
    }
}
