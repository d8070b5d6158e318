using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Report;

namespace Faultrec.Analyzer.Tables;

/// <summary>The tables that name code. Without stacks they have no rows.</summary>
internal static class StackReportTables
{
    public static ReportTable Stacks(FaultReport report, int top)
        => new TableBuilder<StackRow>(ReportTableKind.Stack, "stacks", report.Stacks?.Stacks ?? [], top)
            .Integer("stack_id", "stack", CellFormat.Id, ColumnAudience.Machine, row => row.StackId)
            .Counts(row => row.Counts)
            .Real("share", "share", CellFormat.Percent, ColumnAudience.Everyone, row => row.Share)
            .Latency(row => row.Latency, ColumnAudience.Everyone)
            .Text("stack", "stack, innermost first", ColumnAudience.Wide, row => report.Stacks!.Names.Describe(row.StackId))
            .Build();

    public static ReportTable Functions(FaultReport report, int top)
        => Code(report, new TableBuilder<CodeRow>(ReportTableKind.Function, "functions", report.Stacks?.Functions ?? [], top)
            .Text("function", "function", ColumnAudience.Everyone, row => row.Name)
            .Text("module", "in", ColumnAudience.Everyone, row => row.Module ?? row.File));

    public static ReportTable Lines(FaultReport report, int top)
        => Code(report, new TableBuilder<CodeRow>(ReportTableKind.Line, "lines", report.Stacks?.Lines ?? [], top)
            .Text("file", "file", ColumnAudience.Everyone, row => row.File ?? row.Module)
            .Integer("line", "line", CellFormat.Id, ColumnAudience.Everyone, row => row.Line)
            .Text("function", "function", ColumnAudience.Everyone, row => row.Name));

    /// <param name="top">Functions that faulted; all their branches are kept.</param>
    public static ReportTable Callers(FaultReport report, int top)
    {
        var rows = report.Stacks?.Callers ?? [];
        var (kept, roots) = (0, 0);
        while (kept < rows.Count && (rows[kept].Depth > 0 || top == 0 || ++roots <= top))
            kept++;
        return new TableBuilder<CallerRow>(ReportTableKind.Caller, "callers", rows, kept)
            .Integer("depth", "depth", CellFormat.Id, ColumnAudience.Wide, row => row.Depth)
            .Counts(row => row.Counts)
            .Real("share", "share", CellFormat.Percent, ColumnAudience.Everyone, row => row.Share)
            .Integer("latency_sum_ns", "time", CellFormat.DurationNs, ColumnAudience.Everyone, row => ReportTables.TimeOf(report, row.Counts))
            .Text("functions", "called by", ColumnAudience.Wide, row => string.Join(" < ", row.Functions))
            .Build();
    }

    public static ReportTable Touchers(FaultReport report, int top)
        => new TableBuilder<ToucherRow>(ReportTableKind.Toucher, "touched by", report.Stacks?.Touchers ?? [], top)
            .Integer("id", "id", CellFormat.Id, ColumnAudience.Everyone, row => row.RegionId)
            .Text("region", "region", ColumnAudience.Everyone, row => RegionNames.Of(row.Region))
            .Counts(row => row.Counts)
            .Real("share", "share", CellFormat.Percent, ColumnAudience.Everyone, row => row.Share)
            .Integer("latency_sum_ns", "time", CellFormat.DurationNs, ColumnAudience.Everyone, row => ReportTables.TimeOf(report, row.Counts))
            .Text("code", "touched by", ColumnAudience.Wide, row => row.Code)
            .Text("through", "in", ColumnAudience.Wide, row => row.Through ?? "")
            .Text("mapper", "reserved by", ColumnAudience.Wide, row => row.Mapper)
            .Build();

    private static ReportTable Code(FaultReport report, TableBuilder<CodeRow> table)
        => table
            .Integer("self_faults", "self", CellFormat.Count, ColumnAudience.Everyone, row => row.Self.Faults)
            .Real("self_share", "share", CellFormat.Percent, ColumnAudience.Everyone, row => row.SelfShare)
            .Integer("self_major", "self major", CellFormat.Count, ColumnAudience.Wide, row => row.Self.KnownMajor)
            .Integer("self_latency_sum_ns", "self time", CellFormat.DurationNs, ColumnAudience.Wide, row => ReportTables.TimeOf(report, row.Self))
            .Integer("total_faults", "total", CellFormat.Count, ColumnAudience.Everyone, row => row.Total.Faults)
            .Real("total_share", "share", CellFormat.Percent, ColumnAudience.Everyone, row => row.TotalShare)
            .Integer("total_major", "major", CellFormat.Count, ColumnAudience.Everyone, row => row.Total.KnownMajor)
            .Integer("latency_p50_ns", "p50", CellFormat.DurationNs, ColumnAudience.Everyone, row => row.Latency.P50Ns)
            .Integer("latency_p99_ns", "p99", CellFormat.DurationNs, ColumnAudience.Wide, row => row.Latency.P99Ns)
            .Integer("latency_max_ns", "max", CellFormat.DurationNs, ColumnAudience.Wide, row => row.Latency.MaxNs)
            .Integer("latency_sum_ns", "time", CellFormat.DurationNs, ColumnAudience.Everyone, row => row.Latency.SumNs)
            .Build();
}
