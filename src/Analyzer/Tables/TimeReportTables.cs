using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Compare;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Simulate;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Tables;

/// <summary>The tables whose rows are moments.</summary>
internal static class TimeReportTables
{
    /// <summary>Every bucket: a time line with holes is none.</summary>
    public static ReportTable Timeline(FaultReport report)
    {
        var isSample = report.Sample is not null;
        return new TableBuilder<TimeRow>(ReportTableKind.Time, "time line", report.Timeline, 0)
            .Integer("from_ns", "at", CellFormat.DurationNs, ColumnAudience.Everyone, row => row.FromNs)
            .Integer("length_ns", "for", CellFormat.DurationNs, ColumnAudience.Wide, row => row.LengthNs)
            .Counts(row => row.Counts)
            .Integer("faults_per_s", "faults/s", CellFormat.Count, ColumnAudience.Everyone, row => row.FaultsPerSecond)
            .Integer("major_per_s", "major/s", CellFormat.Count, ColumnAudience.Everyone, row => row.MajorPerSecond)
            .Integer("new_pages", isSample ? "≥new" : "new pages", CellFormat.Count, ColumnAudience.Everyone, row => row.NewPages)
            .Integer("new_pages_per_s", isSample ? "≥new/s" : "new/s", CellFormat.Count, ColumnAudience.Everyone, row => row.NewPagesPerSecond)
            .Integer("touched_pages", isSample ? "≥touched" : "touched", CellFormat.Count, ColumnAudience.Everyone, row => row.TouchedPages)
            .Integer("resident_pages", "resident pages", CellFormat.Count, ColumnAudience.Machine, row => row.ResidentPages)
            .Integer("resident_bytes", "resident", CellFormat.Bytes, ColumnAudience.Everyone, row => row.ResidentPages * report.Metadata.PageSize)
            .Integer("latency_sum_ns", "time", CellFormat.DurationNs, ColumnAudience.Everyone, row => ReportTables.TimeOf(report, row.Counts))
            .Build();
    }

    public static ReportTable Storms(FaultReport report, int top)
        => new TableBuilder<StormRow>(ReportTableKind.Storm, "storms", report.Storms, top)
            .Integer("from_ns", "at", CellFormat.DurationNs, ColumnAudience.Everyone, row => row.FromNs)
            .Integer("length_ns", "for", CellFormat.DurationNs, ColumnAudience.Everyone, row => row.LengthNs)
            .Text("burst", "of", ColumnAudience.Wide, row => row.Why)
            .Counts(row => row.Counts)
            .Integer("peak_per_s", "peak/s", CellFormat.Count, ColumnAudience.Everyone, row => row.PeakPerSecond)
            .Integer("latency_sum_ns", "time", CellFormat.DurationNs, ColumnAudience.Everyone, row => ReportTables.TimeOf(report, row.Counts))
            .Integer("pid", "pid", CellFormat.Id, ColumnAudience.Wide, row => row.Task.Name.Pid)
            .Text("comm", "most by", ColumnAudience.Everyone, row => row.Task.Name.Comm)
            .Real("comm_share", "share", CellFormat.Percent, ColumnAudience.Everyone, row => row.ShareOf(row.Task.Faults))
            .Integer("region_id", "region id", CellFormat.Id, ColumnAudience.Wide, row => row.Region.Name.Id)
            .Text("region", "in", ColumnAudience.Everyone, row => RegionNames.Of(row.Region.Name.Region))
            .Real("region_share", "share", CellFormat.Percent, ColumnAudience.Everyone, row => row.ShareOf(row.Region.Faults))
            .Text("kind", "kind", ColumnAudience.Everyone, row => row.Kind.Name.Name())
            .Real("kind_share", "share", CellFormat.Percent, ColumnAudience.Everyone, row => row.ShareOf(row.Kind.Faults))
            .Build();

    public static ReportTable FirstTouches(FaultReport report, int top)
        => new TableBuilder<FirstTouchRow>(ReportTableKind.FirstTouch, "first touches", report.FirstTouches, top)
            .Region(row => row.Id, row => row.Region, pid: ColumnAudience.Everyone)
            .Integer("born_ns", "born", CellFormat.DurationNs, ColumnAudience.Everyone, row => row.Region?.BornNs)
            .Integer("died_ns", "died", CellFormat.DurationNs, ColumnAudience.Everyone, row => row.Region?.DiedNs)
            .Integer("pages", "pages", CellFormat.Count, ColumnAudience.Everyone, row => row.Region is null ? null : row.Pages)
            .Integer("touched_pages", report.Sample is null ? "touched" : "≥touched", CellFormat.Count, ColumnAudience.Everyone, row => row.TouchedPages)
            .Integer("from_ns", "from", CellFormat.DurationNs, ColumnAudience.Machine, _ => report.TimeAxis?.FromNs)
            .Integer("bucket_ns", "bucket", CellFormat.DurationNs, ColumnAudience.Machine, _ => report.TimeAxis?.BucketNs)
            .Text("first_touches", "first touches over time", ColumnAudience.Wide, row => HeatRow.Join(row.FirstTouches), CellFormat.Heat)
            .Build();
}
