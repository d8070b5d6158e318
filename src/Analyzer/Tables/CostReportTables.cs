using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Compare;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Simulate;

namespace Faultrec.Analyzer.Tables;

/// <summary>The tables that say what faults cost and why.</summary>
internal static class CostReportTables
{
    public static ReportTable Causes(FaultReport report)
        => new TableBuilder<CauseRow>(ReportTableKind.Cause, "causes", report.Causes, 0)
            .Text("cause", "cause", ColumnAudience.Everyone, row => row.Cause.Name())
            .Integer("faults", "faults", CellFormat.Count, ColumnAudience.Everyone, row => row.All.Faults)
            .Integer("time_ns", "time", CellFormat.DurationNs, ColumnAudience.Everyone, row => row.All.Ns)
            .Real("share", "share", CellFormat.Percent, ColumnAudience.Everyone, row => row.Share)
            .Integer("slow_faults", "slow faults", CellFormat.Count, ColumnAudience.Everyone, row => row.Slow.Faults)
            .Integer("slow_time_ns", "their time", CellFormat.DurationNs, ColumnAudience.Everyone, row => row.Slow.Ns)
            .Real("slow_share", "share", CellFormat.Percent, ColumnAudience.Everyone, row => row.SlowShare)
            .Text("refusal", "not traced because", ColumnAudience.Everyone, row => row.Refusal ?? "")
            .Build();

    public static ReportTable Worst(FaultReport report, int top)
    {
        var table = new TableBuilder<WorstRow>(ReportTableKind.Worst, "worst faults", report.Worst, top)
            .Integer("time_ns", "at", CellFormat.DurationNs, ColumnAudience.Everyone, row => row.Fault.TimeNs)
            .Integer("duration_ns", "took", CellFormat.DurationNs, ColumnAudience.Everyone, row => row.Fault.DurationNs)
            .Integer("pid", "pid", CellFormat.Id, ColumnAudience.Wide, row => row.Fault.Pid)
            .Integer("tid", "tid", CellFormat.Id, ColumnAudience.Everyone, row => row.Fault.Tid)
            .Text("comm", "comm", ColumnAudience.Everyone, row => row.Fault.Comm)
            .Text("kind", "kind", ColumnAudience.Everyone, row => row.Fault.Kind.Name())
            .Text("severity", "severity", ColumnAudience.Wide, row => row.Fault.Severity.Name())
            .Text("address", "address", ColumnAudience.Everyone, row => ReportTables.Hex(row.Fault.Address))
            .Text("region", "region", ColumnAudience.Everyone, row => RegionNames.Of(row.Region))
            .Text("story", "story", ColumnAudience.Wide, row => row.Story);
        for (var i = 0; i < FaultCauseNames.Count; i++)
        {
            var cause = i;
            table.Integer(((FaultCause)i).Name() + "_ns", ((FaultCause)i).Name(), CellFormat.DurationNs, ColumnAudience.Machine, row => row.Fault.Parts?[cause]);
        }

        return table.Build();
    }

    public static ReportTable LockWaits(FaultReport report, int top)
        => new TableBuilder<LockWaitRow>(ReportTableKind.Lock, "waits for mmap_lock", report.LockWaits, top)
            .Integer("pid", "pid", CellFormat.Id, ColumnAudience.Wide, row => row.Wait.Pid)
            .Integer("tid", "tid", CellFormat.Id, ColumnAudience.Everyone, row => row.Wait.Tid)
            .Text("comm", "waited", ColumnAudience.Everyone, row => row.Comm)
            .Integer("holder_pid", "holder pid", CellFormat.Id, ColumnAudience.Wide, row => row.Wait.HolderTid == 0 ? null : row.Wait.HolderPid)
            .Integer("holder_tid", "holder", CellFormat.Id, ColumnAudience.Everyone, row => row.Wait.HolderTid == 0 ? null : row.Wait.HolderTid)
            .Text("holder_comm", "for", ColumnAudience.Everyone, row => row.HolderComm)
            .Integer("waits", "faults", CellFormat.Count, ColumnAudience.Everyone, row => row.Wait.Waits)
            .Integer("total_ns", "time", CellFormat.DurationNs, ColumnAudience.Everyone, row => row.Wait.TotalNs)
            .Integer("max_ns", "longest", CellFormat.DurationNs, ColumnAudience.Everyone, row => row.Wait.MaxNs)
            .Build();
}
