using System.Text.Json;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Tables;

/// <param name="StackId">Node of the trace's <see cref="StackTable"/>.</param>
/// <param name="Share">Share of the report's faults, including those without a stack.</param>
internal sealed record StackRow(int StackId, FaultCounts Counts, LatencySummary Latency, double Share);

internal static class StacksTable
{
    public static TableDefinition<StackRow> Definition { get; } = new()
    {
        Name = "stack",
        Title = "stacks",
        Question = "which call stacks faulted",
        JsonKey = "stacks",
        JsonMembers = WriteRecording,
        Needs = StackFacts.Needs,
        // By default one table names the code; the others are shown on request.
        IsInReport = false,
        Rows = Rows,
        Columns = (table, report) => table
            .Integer("stack_id", "stack", "id of the stack in the recording", CellFormat.Id, ColumnAudience.Machine, row => row.StackId)
            .Json((json, row) => WriteFrames(json, report.Stacks!.Names, row.StackId))
            .Counts(row => row.Counts)
            .Real("share", "share", "of all faults of the report", CellFormat.Percent, ColumnAudience.Everyone, row => row.Share)
            .Latency(row => row.Latency, ColumnAudience.Everyone)
            .Text("stack", "stack, innermost first", "frames of the stack, innermost first", ColumnAudience.Wide,
                row => report.Stacks!.Names.Describe(row.StackId), TableBuilder<StackRow>.NotInJson)
            .Below(row => new RowText.Story(report.Stacks!.Names.Describe(row.StackId), IsDim: false)),
        Note = StackText.Note,
    };

    private static List<StackRow> Rows(FaultReport report)
    {
        var rows = new List<StackRow>();
        if (report.Stacks is not { } stacks)
            return rows;
        foreach (var (stack, stats) in stacks.ByStack.ByStack)
            rows.Add(new StackRow(stack, stats.Counts, LatencySummary.Of(stats.Latency), stacks.Share(stats.Counts.Faults)));
        rows.Sort((a, b) => Ordering.ByFaults(a.Counts, b.Counts, a.StackId.CompareTo(b.StackId)));
        return rows;
    }

    // Root first, as the file's own column of folded stacks; `frames` are indices of stack_frames in the same order.
    private static void WriteFrames(Utf8JsonWriter json, FrameNames names, int stack)
    {
        var frames = names.FramesOf(stack).Reverse().ToArray();
        json.WriteStrings("stack", frames.Select(names.Long));
        json.WriteNumbers("frames", [.. frames.Select(frame => (long)frame)]);
    }

    private static void WriteRecording(Utf8JsonWriter json, FaultReport report)
    {
        json.WriteStackRecording(report.Metadata.StackRecording);
        json.WriteNullable("faults_without_stack", report.Stacks?.WithoutStack.Faults);
        json.WriteStartArray("stack_frames");
        foreach (var frame in report.Stacks?.Table.Frames ?? [])
        {
            var module = report.Stacks!.Names.ModuleOf(frame);
            json.WriteStartObject();
            json.WriteString("kind", frame.Kind);
            json.WriteString("function", frame.Function);
            json.WriteString("file", frame.File);
            json.WriteNullable("line", (long?)frame.Line);
            json.WriteString("module", module?.Path);
            json.WriteString("build_id", module?.BuildId);
            json.WriteString("address", Units.Hex(frame.Address));
            json.WriteBoolean("inlined", frame.Inlined);
            json.WriteEndObject();
            json.FlushWhenFull();
        }

        json.WriteEndArray();
    }
}
