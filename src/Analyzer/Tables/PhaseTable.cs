using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;

namespace Faultrec.Analyzer.Tables;

/// <summary>What happened from one mark to the next.</summary>
/// <param name="FromNs">Start of the phase, or of the window, whichever is later.</param>
/// <param name="ToNs">End of the phase, or of the window, whichever is earlier.</param>
/// <param name="NewPages">Pages whose first fault within the report is in this phase.</param>
/// <param name="ResidentPages">Resident at its end, in all processes together; null: not known, or the filter leaves a part of them.</param>
internal sealed record PhaseRow(Phase Phase, long FromNs, long ToNs, FaultCounts Counts, long NewPages, long? ResidentPages);

internal static class PhaseTable
{
    public static TableDefinition<PhaseRow> Definition { get; } = new()
    {
        Name = "phase",
        Title = "phases",
        Question = "what happened between marks, and how much memory was left",
        RowName = "phase",
        JsonKey = "phases",
        JsonNoteKey = "phases_note",
        Needs = [PhaseAggregate.Measure, NewPageAggregate.Measure, ResidentFacts.Measure],
        FollowUp = ResidentFacts.FollowUp,
        IsInReport = false,
        Rows = Rows,
        Columns = Columns,
        Note = Note,
        WhyEmpty = report => "no phases: no mark was set (faultrec help mark)" + (Note(report) is { } note ? $"; {note}" : ""),
    };

    private static void Columns(TableBuilder<PhaseRow> table, FaultReport report)
        => table
            .Text("phase", "phase", "name of the mark with which it begins; of marks with one name the second has 2 behind it", ColumnAudience.Everyone,
                row => row.Phase.Name)
            .Text("source", "by", "what set the mark: mark (by hand), exec, listen; null: the recording's start", ColumnAudience.Wide,
                row => row.Phase.Mark?.Source)
            .Integer("pid", "pid", "process that the mark is about; null: it was set by hand", CellFormat.Id, ColumnAudience.Wide, row => row.Phase.Mark?.Pid)
            .Integer("from_ns", "from", "start of the phase, from the start of the recording", CellFormat.DurationNs, ColumnAudience.Everyone,
                row => row.FromNs)
            .Integer("to_ns", "to", "end of the phase, where the next begins", CellFormat.DurationNs, ColumnAudience.Everyone, row => row.ToNs)
            .Counts(row => row.Counts)
            .Time(report, row => row.Counts)
            .Integer("new_pages", report.Sample is null ? "new pages" : "≥new", "pages whose first fault is in the phase; in a sample a lower bound",
                CellFormat.Count, ColumnAudience.Everyone, row => row.NewPages)
            .Integer("resident_bytes", "resident", "memory that was resident at the end of the phase, accounted", CellFormat.Bytes,
                ColumnAudience.Everyone, row => row.ResidentPages * report.Metadata.PageSize);

    // In the order of time; those outside the report's window are left out.
    private static List<PhaseRow> Rows(FaultReport report)
    {
        var rows = new List<PhaseRow>();
        if (report.Find(PhaseAggregate.Measure) is not { } counted || report.Find(NewPageAggregate.Measure) is not { } touched)
            return rows;
        var (phases, window) = (Phases.Of(report.Metadata).All, report.Plan.Window);
        var resident = report.AllMemory?.Account.AtPhaseEnds;
        for (var i = 0; i < phases.Count; i++)
        {
            var (begin, end) = (phases[i].FromNs ?? long.MinValue, phases[i].ToNs ?? long.MaxValue);
            // One without time, at the start or the end of the recording, is not outside.
            if ((end <= report.Filter.FromNs && begin < report.Filter.FromNs) || begin >= report.Filter.ToNs)
                continue;
            rows.Add(new PhaseRow(
                phases[i], Math.Max(begin, window.FromNs), Math.Min(end, window.ToNs), counted.Counts(i), touched.ByPhase[i], resident?[i]));
        }

        return rows;
    }

    private static string? Note(FaultReport report)
    {
        var startUp = report.Find(NewPageAggregate.Measure) is { } touched && report.Filter.IsEmpty && report.Sample is null
            ? StartUp.Of(touched.ByStep, touched.Axis)
            : null;
        return (report.AllMemory, startUp) switch
        {
            ({ } memory, { } end) => $"{end.Describe()}; resident: at the end of the phase, accounted; {memory.Note()}",
            ({ } memory, null) => $"resident: at the end of the phase, accounted; {memory.Note()}",
            (null, { } end) => end.Describe(),
            _ => null,
        };
    }
}
