using System.Globalization;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Compare;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Simulate;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Tables;

/// <summary>The tables of a report as data frames; docs/report.md lists every column.</summary>
public static class ReportTables
{
    /// <param name="top">Rows to keep; 0 keeps all.</param>
    public static ReportTable Build(FaultReport report, ReportTableKind kind, int top) => kind switch
    {
        ReportTableKind.Kind => Kinds(report, top),
        ReportTableKind.Severity => Severities(report),
        ReportTableKind.Region => Regions(report, top),
        ReportTableKind.Process => Processes(report, top),
        ReportTableKind.Thread => Threads(report, top),
        ReportTableKind.File => Files(report, top),
        ReportTableKind.Comm => Comms(report, top),
        ReportTableKind.Handler => Handlers(report, top),
        ReportTableKind.Level => MemoryTables.Levels(report),
        ReportTableKind.PageTable => MemoryTables.PageTables(report, top),
        ReportTableKind.Tlb => MemoryTables.TlbFlushes(report, top),
        ReportTableKind.Physical => MemoryTables.Physical(report, top),
        ReportTableKind.Cause => CostReportTables.Causes(report),
        ReportTableKind.Worst => CostReportTables.Worst(report, top),
        ReportTableKind.Lock => CostReportTables.LockWaits(report, top),
        ReportTableKind.Slab => MemoryTables.SlabStages(report),
        ReportTableKind.Cache => MemoryTables.SlabCaches(report, top),
        ReportTableKind.Buddy => MemoryTables.Buddy(report),
        ReportTableKind.Stack => StackReportTables.Stacks(report, top),
        ReportTableKind.Function => StackReportTables.Functions(report, top),
        ReportTableKind.Line => StackReportTables.Lines(report, top),
        ReportTableKind.Caller => StackReportTables.Callers(report, top),
        ReportTableKind.Toucher => StackReportTables.Touchers(report, top),
        ReportTableKind.Time => TimeReportTables.Timeline(report),
        ReportTableKind.FirstTouch => TimeReportTables.FirstTouches(report, top),
        ReportTableKind.Heat => PlaceReportTables.HeatMaps(report, top),
        ReportTableKind.Hot => PlaceReportTables.HotRanges(report, top),
        ReportTableKind.Locality => PlaceReportTables.Locality(report, top),
        ReportTableKind.Storm => TimeReportTables.Storms(report, top),
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    internal static string Hex(ulong address) => string.Create(CultureInfo.InvariantCulture, $"0x{address:x}");

    // A sum of no known durations is no time, where the backend cannot know any.
    internal static long? TimeOf(FaultReport report, in FaultCounts counts)
        => report.Metadata.Backend.HasDurations ? counts.DurationNs : null;

    private static ReportTable Kinds(FaultReport report, int top)
        => new TableBuilder<KindRow>(ReportTableKind.Kind, "kinds", report.Kinds, top)
            .Text("kind", "kind", ColumnAudience.Everyone, row => row.Kind.Name())
            .Text("traceevent", "TraceEvent", ColumnAudience.Everyone, row => row.Kind.TraceEventName() ?? "")
            .Integer("faults", "faults", CellFormat.Count, ColumnAudience.Everyone, row => row.Counts.Faults)
            .Real("share", "share", CellFormat.Percent, ColumnAudience.Everyone, row => row.Share)
            .Integer("minor", "minor", CellFormat.Count, ColumnAudience.Machine, row => row.Counts.KnownMinor)
            .Integer("major", "major", CellFormat.Count, ColumnAudience.Everyone, row => row.Counts.KnownMajor)
            .Integer("failed", "failed", CellFormat.Count, ColumnAudience.Machine, row => row.Counts.Failed)
            .Integer("by_kernel", "by kernel", CellFormat.Count, ColumnAudience.Wide, row => row.ByKernel)
            .Latency(row => row.Latency, ColumnAudience.Wide, ColumnAudience.Everyone)
            .Build();

    private static ReportTable Severities(FaultReport report)
        => new TableBuilder<SeverityRow>(ReportTableKind.Severity, "severities", report.Severities, 0)
            .Text("severity", "severity", ColumnAudience.Everyone, row => row.Severity.Name())
            .Integer("faults", "faults", CellFormat.Count, ColumnAudience.Everyone, row => row.Counts.Faults)
            .Real("share", "share", CellFormat.Percent, ColumnAudience.Everyone, row => (double)row.Counts.Faults / report.Totals.Counts.Faults)
            .Integer("minor", "minor", CellFormat.Count, ColumnAudience.Machine, row => row.Counts.KnownMinor)
            .Integer("major", "major", CellFormat.Count, ColumnAudience.Machine, row => row.Counts.KnownMajor)
            .Integer("failed", "failed", CellFormat.Count, ColumnAudience.Machine, row => row.Counts.Failed)
            .Latency(row => row.Latency, ColumnAudience.Everyone)
            .Build();

    private static ReportTable Regions(FaultReport report, int top)
        => new TableBuilder<RegionRow>(ReportTableKind.Region, "regions", report.Regions, top)
            .Integer("id", "id", CellFormat.Id, ColumnAudience.Everyone, row => row.Id)
            .Text("name", "region", ColumnAudience.Everyone, row => RegionNames.Of(row.Region))
            .Text("kind", "kind", ColumnAudience.Machine, row => RegionNames.KindOf(row.Region))
            .Integer("pid", "pid", CellFormat.Id, ColumnAudience.Wide, row => row.Region?.Pid)
            .Text("start", "start", ColumnAudience.Wide, row => row.Region is { } region ? Hex(region.Start) : null)
            .Text("end", "end", ColumnAudience.Wide, row => row.Region is { } region ? Hex(region.End) : null)
            .Integer("bytes", "size", CellFormat.Bytes, ColumnAudience.Everyone, row => row.Region is null ? null : row.Bytes)
            .Integer("pages", "pages", CellFormat.Count, ColumnAudience.Wide, row => row.Region is null ? null : row.Pages)
            .Counts(row => row.Counts)
            .Integer("distinct_pages", report.Sample is null ? "distinct" : "≥distinct", CellFormat.Count, ColumnAudience.Everyone, row => row.DistinctPages)
            .Real("density", "density", CellFormat.Ratio, ColumnAudience.Everyone, row => row.Density)
            .Real("coverage", report.Sample is null ? "cover" : "≥cover", CellFormat.Percent, ColumnAudience.Everyone, row => row.Coverage)
            .Integer("refaults", "refaults", CellFormat.Count, report.Sample is null ? ColumnAudience.Everyone : ColumnAudience.Machine, row => row.Refaults)
            .Real("faults_per_mib", "per MiB", CellFormat.Ratio, ColumnAudience.Wide, row => row.FaultsPerMib)
            .Real("major_ratio", "major share", CellFormat.Percent, ColumnAudience.Wide, row => row.MajorRatio)
            .Latency(row => row.Latency, ColumnAudience.Wide)
            .Text("heat", "heat", ColumnAudience.Wide, row => HeatRow.Join(row.Heat), CellFormat.Heat)
            .Build();

    private static ReportTable Processes(FaultReport report, int top)
        => new TableBuilder<ProcessRow>(ReportTableKind.Process, "processes", report.Processes, top)
            .Integer("pid", "pid", CellFormat.Id, ColumnAudience.Everyone, row => row.Pid)
            .Text("comm", "comm", ColumnAudience.Everyone, row => row.Comm)
            .Integer("threads", "threads", CellFormat.Count, ColumnAudience.Everyone, row => row.Threads)
            .Counts(row => row.Counts)
            .Integer("latency_sum_ns", "time", CellFormat.DurationNs, ColumnAudience.Everyone, row => TimeOf(report, row.Counts))
            .Build();

    private static ReportTable Threads(FaultReport report, int top)
        => new TableBuilder<ThreadRow>(ReportTableKind.Thread, "threads", report.Threads, top)
            .Integer("pid", "pid", CellFormat.Id, ColumnAudience.Everyone, row => row.Pid)
            .Integer("tid", "tid", CellFormat.Id, ColumnAudience.Everyone, row => row.Tid)
            .Text("comm", "comm", ColumnAudience.Everyone, row => row.Comm)
            .Counts(row => row.Counts)
            .Integer("latency_sum_ns", "time", CellFormat.DurationNs, ColumnAudience.Everyone, row => TimeOf(report, row.Counts))
            .Build();

    private static ReportTable Files(FaultReport report, int top)
        => new TableBuilder<FileRow>(ReportTableKind.File, "files", report.Files, top)
            .Text("path", "file", ColumnAudience.Everyone, row => row.Path)
            .Integer("regions", "regions", CellFormat.Count, ColumnAudience.Everyone, row => row.Regions)
            .Integer("processes", "processes", CellFormat.Count, ColumnAudience.Wide, row => row.Processes)
            .Counts(row => row.Counts)
            .Latency(row => row.Latency, ColumnAudience.Wide)
            .Build();

    private static ReportTable Comms(FaultReport report, int top)
        => new TableBuilder<CommRow>(ReportTableKind.Comm, "comms", report.Comms, top)
            .Text("comm", "comm", ColumnAudience.Everyone, row => row.Comm)
            .Integer("threads", "threads", CellFormat.Count, ColumnAudience.Everyone, row => row.Threads)
            .Counts(row => row.Counts)
            .Integer("latency_sum_ns", "time", CellFormat.DurationNs, ColumnAudience.Everyone, row => TimeOf(report, row.Counts))
            .Build();

    private static ReportTable Handlers(FaultReport report, int top)
        => new TableBuilder<HandlerRow>(ReportTableKind.Handler, "handlers", report.Handlers, top)
            .Text("function", "function", ColumnAudience.Everyone, row => row.Function)
            .Counts(row => row.Counts)
            .Latency(row => row.Latency, ColumnAudience.Wide)
            .Text("refusal", "not probed because", ColumnAudience.Everyone, row => row.Refusal ?? "")
            .Build();
}
