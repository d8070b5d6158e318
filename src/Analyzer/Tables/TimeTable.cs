using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Tables;

/// <summary>One bucket of the time line.</summary>
/// <param name="NewPages">Pages of a region whose first fault within the report is in this bucket.</param>
/// <param name="TouchedPages">Sum of the new pages up to the end of the bucket.</param>
/// <param name="ResidentPages">Resident at the end of the bucket, in all processes together; null: not known, or the filter leaves a part of them.</param>
internal sealed record TimeRow(long FromNs, long LengthNs, FaultCounts Counts, long NewPages, long TouchedPages, long? ResidentPages)
{
    public long FaultsPerSecond => PerSecond(Counts.Faults);

    /// <summary>Null where the trace does not say which faults were major.</summary>
    public long? MajorPerSecond => Counts.KnownMajor is { } major ? PerSecond(major) : null;

    public long NewPagesPerSecond => PerSecond(NewPages);

    private long PerSecond(long count) => (long)Math.Round(count * 1e9 / LengthNs);
}

internal static class TimeTable
{
    public static TableDefinition<TimeRow> Definition { get; } = new()
    {
        Name = "time",
        Title = "time line",
        Question = "when faults happened, and how many pages were new",
        JsonKey = "timeline/buckets",
        JsonMembers = (json, report) => json.WriteAxis(AxisOf(report)),
        Needs = [TimeAggregate.Measure, FirstTouchAggregate.Measure, ResidentFacts.Measure],
        FollowUp = ResidentFacts.FollowUp,
        IsInReport = false,
        // The time line alone does not show which regions' pages were new.
        Companion = FirstTouchTable.Definition,
        Rows = Rows,
        // Every bucket: a time line must have no gaps.
        Keep = static (_, _) => 0,
        Columns = Columns,
        Note = report => $"{Units.Duration(AxisOf(report).BucketNs)} per row"
            + (report.AllMemory is { } memory ? $"; resident: at the end of the row, accounted; {memory.Note()}" : ""),
    };

    public static TimeAxis AxisOf(FaultReport report) => TimeAggregate.AxisOf(report.Plan);

    private static void Columns(TableBuilder<TimeRow> table, FaultReport report)
    {
        var isSample = report.Sample is not null;
        table
            .Integer("from_ns", "at", "start of the bucket, from the start of the recording", CellFormat.DurationNs, ColumnAudience.Everyone, row => row.FromNs)
            .Integer("length_ns", "for", "length of the bucket", CellFormat.DurationNs, ColumnAudience.Wide, row => row.LengthNs)
            .Counts(row => row.Counts)
            .Integer("faults_per_s", "faults/s", "faults a second", CellFormat.Count, ColumnAudience.Everyone, row => row.FaultsPerSecond)
            .Integer("major_per_s", "major/s", "major faults a second; null: not known", CellFormat.Count, ColumnAudience.Everyone, row => row.MajorPerSecond)
            .Integer("new_pages", isSample ? "≥new" : "new pages", "pages whose first fault is in the bucket; in a sample a lower bound", CellFormat.Count,
                ColumnAudience.Everyone, row => row.NewPages)
            .Integer("new_pages_per_s", isSample ? "≥new/s" : "new/s", "new pages a second; in a sample a lower bound", CellFormat.Count,
                ColumnAudience.Everyone, row => row.NewPagesPerSecond)
            .Integer("touched_pages", isSample ? "≥touched" : "touched", "new pages so far; in a sample a lower bound", CellFormat.Count,
                ColumnAudience.Everyone, row => row.TouchedPages)
            .Integer("resident_pages", "resident pages", "pages that were resident at the end of the bucket, accounted", CellFormat.Count,
                ColumnAudience.Machine, row => row.ResidentPages)
            .Integer("resident_bytes", "resident", "memory that was resident at the end of the bucket, accounted", CellFormat.Bytes,
                ColumnAudience.Everyone, row => row.ResidentPages * report.Metadata.PageSize)
            .Integer("latency_sum_ns", "time", "sum of the known durations of the bucket's faults", CellFormat.DurationNs, ColumnAudience.Everyone,
                row => report.TimeOf(row.Counts));
    }

    // In the order of time, without gaps.
    private static List<TimeRow> Rows(FaultReport report)
    {
        var rows = new List<TimeRow>();
        if (report.Find(TimeAggregate.Measure) is not { } aggregate)
            return rows;
        var axis = aggregate.Axis;
        var fresh = new long[axis.Count];
        foreach (var region in report.Rows(FirstTouchTable.Definition))
        {
            for (var i = 0; i < fresh.Length; i++)
                fresh[i] += region.FirstTouches[i];
        }

        var resident = report.AllMemory?.Totals;
        long touched = 0;
        for (var i = 0; i < axis.Count; i++)
        {
            touched += fresh[i];
            rows.Add(new TimeRow(axis.StartNs(i), axis.LengthNs(i), aggregate.Counts(i), fresh[i], touched, resident?[i]));
        }

        return rows;
    }
}
