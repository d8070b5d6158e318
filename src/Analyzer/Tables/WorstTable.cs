using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Tables;

/// <param name="Region">Null: no known mapping.</param>
/// <param name="Story">One sentence. Raw text with names from the trace in it.</param>
internal sealed record WorstRow(WorstFault Fault, Region? Region, string Story);

internal static class WorstTable
{
    public static TableDefinition<WorstRow> Definition { get; } = new()
    {
        Name = "worst",
        Title = "worst faults",
        Question = "which faults took longest, and why",
        JsonKey = "worst_faults",
        // Names are read for it anyway, and with the tasks the first sentences can name the processes whose faults failed.
        Needs = [WorstAggregate.Measure, TaskAggregate.Measure],
        // Without causes, the worst of a few faults, or of faults that all took equally long, are of no interest.
        IsWorthShowing = (report, _) => report.Rows(CauseTable.Definition).Count > 0 || !(report.Totals.Latency.MaxNs < CauseAggregate.SlowNs),
        WhyEmpty = report => Unrecorded.Durations(report.Metadata),
        Rows = report =>
        [
            .. (report.Find(WorstAggregate.Measure)?.Worst ?? [])
                .Select(fault => new WorstRow(fault, report.Plan.Index.Find(fault.RegionId), FaultStory.Tell(fault))),
        ],
        Columns = Columns,
        Note = report => report.Rows(Definition!).All(row => row.Fault.Parts is null) ? "where their time went was not traced: record with --why" : null,
    };

    private static void Columns(TableBuilder<WorstRow> table, FaultReport report)
    {
        table
            .Integer("time_ns", "at", "start of the fault, from the start of the recording", CellFormat.DurationNs, ColumnAudience.Everyone,
                row => row.Fault.TimeNs)
            .Integer("duration_ns", "took", "duration of the fault", CellFormat.DurationNs, ColumnAudience.Everyone, row => row.Fault.DurationNs)
            .Integer("pid", "pid", "process id", CellFormat.Id, ColumnAudience.Wide, row => row.Fault.Pid)
            .Integer("tid", "tid", "thread id", CellFormat.Id, ColumnAudience.Everyone, row => row.Fault.Tid)
            .Text("comm", "comm", "name of the thread at the fault", ColumnAudience.Everyone, row => row.Fault.Comm)
            .Text("kind", "kind", "why the fault happened (docs/kinds.md)", ColumnAudience.Everyone, row => row.Fault.Kind.Name())
            .Text("severity", "severity", "minor, major, failed or unknown", ColumnAudience.Wide, row => row.Fault.Severity.Name())
            .Text("address", "address", "faulting address", ColumnAudience.Everyone, row => Units.Hex(row.Fault.Address))
            .Text("region", "region", "mapping of the address", ColumnAudience.Everyone, row => RegionNames.Of(row.Region))
            .Text("story", "story", "what the fault spent its time on, as a sentence", ColumnAudience.Wide, row => row.Story)
            .Below(row => new RowText.Story(row.Story, IsDim: true));
        for (var i = 0; i < FaultCauseNames.Count; i++)
        {
            var cause = i;
            table.Integer(((FaultCause)i).Name() + "_ns", ((FaultCause)i).Name(), "time that the fault spent on this cause; null: not traced",
                CellFormat.DurationNs, ColumnAudience.Machine,
                row => row.Fault.Parts?[cause]);
        }
    }
}
