using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Render;

/// <summary>The report for people at a terminal: the answer first, then the tables.</summary>
public static class TextReport
{
    internal static readonly ReportTableKind[] Order =
    [
        ReportTableKind.Toucher, ReportTableKind.Stack, ReportTableKind.Function, ReportTableKind.Line, ReportTableKind.Caller,
        ReportTableKind.Kind, ReportTableKind.Severity, ReportTableKind.Cause, ReportTableKind.Worst, ReportTableKind.Lock, ReportTableKind.Handler,
        ReportTableKind.Region, ReportTableKind.Physical, ReportTableKind.Level, ReportTableKind.PageTable, ReportTableKind.Tlb,
        ReportTableKind.Process, ReportTableKind.Thread, ReportTableKind.File, ReportTableKind.Comm, ReportTableKind.Slab, ReportTableKind.Cache, ReportTableKind.Buddy,
        ReportTableKind.Time, ReportTableKind.FirstTouch, ReportTableKind.Heat, ReportTableKind.Hot, ReportTableKind.Locality, ReportTableKind.Storm,
    ];

    /// <param name="by">The only table to print; null prints all.</param>
    /// <param name="top">Rows a table; 0 prints all.</param>
    public static void Write(TextWriter output, FaultReport report, ReportTableKind? by, int top, TextStyle style)
    {
        WriteHeader(output, report, style);
        output.Write('\n');
        TextLines.WriteWrapped(output, Finding.Describe(report), style.Title);
        if (report.Totals.Counts.Faults == 0)
            return;
        output.Write('\n');
        TextLines.WriteWrapped(output, TotalsLine(report), static line => line);
        if (FaultTimeLine(report) is { } time)
            TextLines.WriteWrapped(output, time, static line => line);
        if (by is null && TimeText.ActivityLine(report) is { } activity)
            output.Write(activity + "\n");
        foreach (var kind in Order)
        {
            if (by is not null ? !Shows(by.Value, kind) : Repeats(report, kind))
                continue;
            var table = ReportTables.Build(report, kind, by is null ? RowsOf(report, kind, top) : top);
            if (table.TotalRows == 0)
            {
                if (kind == by && WhyEmpty(report, kind) is { } why)
                {
                    output.Write('\n');
                    TextLines.WriteWrapped(output, why, style.Title);
                }

                continue;
            }

            output.Write($"\n{style.Title(table.Title)}\n");
            TextTable.Write(output, table, style);
            if (Note(report, kind) is { } note)
                TextLines.WriteWrapped(output, note, style.Dim);
        }
    }

    /// <summary>The time line alone does not say whose pages were new.</summary>
    internal static bool Shows(ReportTableKind by, ReportTableKind kind)
        => kind == by || (by == ReportTableKind.Time && kind == ReportTableKind.FirstTouch);

    /// <summary>Rows of a table in a report of many: code with little of the faults is for whoever asks.</summary>
    internal static int RowsOf(FaultReport report, ReportTableKind kind, int top)
        => kind == ReportTableKind.Toucher && top != 0
            ? Math.Clamp(report.Stacks?.Touchers.Count(row => row.Share >= CallerTree.SmallestShare) ?? 0, 1, top)
            : top;

    internal static string TotalsLine(FaultReport report)
    {
        var (totals, isSample) = (report.Totals, report.Sample is not null);
        var about = report.Sample is { CountsExact: false } ? "about " : "";
        return $"{about}{Units.Of(totals.Counts.Faults, "fault")}: {Severities(totals.Counts)}, "
            + $"{(isSample && totals.Counts.Failed > 0 ? "about " : "")}{Units.Count(totals.Counts.Failed)} failed; {(isSample ? "at least " : "")}{Units.Count(totals.DistinctPages)} distinct pages"
            + (totals.Gup == 0 ? "" : $"; {(isSample ? "about " : "")}{Units.Count(totals.Gup)} by get_user_pages: system calls and execve touching memory for the program");
    }

    private static string Severities(in FaultCounts counts)
        => (counts.Minor + counts.Major > 0 || counts.Unknown == 0 ? $"{Units.Count(counts.Minor)} minor, {Units.Count(counts.Major)} major" : "")
            + (counts.Unknown == 0 ? "" : $"{Units.Count(counts.Unknown)} of unknown severity");

    /// <summary>What the time in faults means beside the time that passed; null without durations.</summary>
    internal static string? FaultTimeLine(FaultReport report)
    {
        var time = report.FaultTime;
        if (time is not { SumNs: { } sum, ShareOfWall: { } ofWall })
            return null;
        var about = report.Sample is null ? "" : "about ";
        var ofThreads = time.ShareOfThreadTime is { } share ? $"; {Units.Percent(share)} of the life of {Units.Of(time.Threads, "thread")}" : "";
        return $"{about}{Units.Duration(sum)} in faults in {Units.Duration(time.WallNs)}: at an average moment {Units.Ratio(ofWall)} threads were in the fault handler{ofThreads}";
    }

    internal static string FilterLine(FaultReport report)
        => $"filter: {report.Filter} ({(report.Sample is null ? "" : "about ")}{Units.Count(report.Totals.Counts.Faults)} "
            + $"of {Units.Of(report.Metadata.Receipt.Events + report.Metadata.Receipt.SampledOut, "fault")})";

    /// <summary>What the figures below cannot say: a sentence each, none for most recordings.</summary>
    internal static IEnumerable<string> Caveats(FaultReport report)
    {
        if (report.Sample is { } sample)
            yield return SampleText.Describe(sample, report.Totals);
        if (RecordingLimits.Of(report.Metadata) is { Count: > 0 } limits)
            yield return string.Join("; ", limits);
        if (StackText.Caveat(report) is { } stacks)
            yield return stacks;
    }

    /// <summary>What must be said under a table; null for most.</summary>
    internal static string? Note(FaultReport report, ReportTableKind kind) => kind switch
    {
        ReportTableKind.Kind => KindTables.Note(report),
        ReportTableKind.Handler => HandlerTable.Note(report),
        ReportTableKind.PageTable => PageTableTables.Note(report),
        ReportTableKind.Cause => CostTables.CauseNote(report),
        ReportTableKind.Stack or ReportTableKind.Function or ReportTableKind.Line or ReportTableKind.Toucher => StackText.Note(report),
        ReportTableKind.Caller => $"branches with less than {Units.Percent(CallerTree.SmallestShare)} of the faults are left out; {StackText.Note(report)}",
        ReportTableKind.Time => TimeText.TimelineNote(report),
        ReportTableKind.FirstTouch => TimeText.FirstTouchNote(report),
        ReportTableKind.Heat => TimeText.HeatNote(report),
        ReportTableKind.Hot => $"hot: the fewest aligned 2 MiB ranges with {HotRangeTable.HotPercent} % of the region's faults; below, the start of the hottest and its faults",
        ReportTableKind.Locality => TimeText.LocalityNote,
        ReportTableKind.Storm => TimeText.StormNote(report),
        ReportTableKind.Worst when report.Worst.All(row => row.Fault.Parts is null) => "where their time went was not traced: record with --why",
        _ => null,
    };

    /// <summary>Why a table that was asked for has no rows, where that is an answer; null for most.</summary>
    internal static string? WhyEmpty(FaultReport report, ReportTableKind kind) => kind switch
    {
        ReportTableKind.Locality when report.Sample is not null => "no locality: in a sample nobody knows what came before a fault, so order and repeats cannot be told",
        ReportTableKind.Storm => $"no storm: {TimeText.StormNote(report)}",
        _ => null,
    };

    /// <summary>A table that says nothing that others do not say: a process of one thread is the same row twice, kinds say what severities say.</summary>
    internal static bool Repeats(FaultReport report, ReportTableKind kind) => kind switch
    {
        ReportTableKind.Thread => report.Threads.Count == report.Processes.Count,
        ReportTableKind.Severity => KindRule.CanTell(report.Metadata),
        ReportTableKind.Physical => !KindRule.CanTell(report.Metadata),
        // One table names the code; the others are for whoever asks.
        ReportTableKind.Stack or ReportTableKind.Function or ReportTableKind.Line or ReportTableKind.Caller => true,
        ReportTableKind.Time or ReportTableKind.FirstTouch or ReportTableKind.Heat or ReportTableKind.Hot or ReportTableKind.Locality or ReportTableKind.Storm => true,
        // Which were the worst of a few, or of faults that all took the same, is no news without causes.
        ReportTableKind.Worst => report.Causes.Count == 0 && report.Totals.Latency.MaxNs < CauseAggregate.SlowNs,
        _ => false,
    };

    private static void WriteHeader(TextWriter output, FaultReport report, TextStyle style)
    {
        var receipt = ReceiptText.Describe(report.Metadata.Receipt);
        var complete = ReceiptText.IsComplete(report.Metadata.Receipt);
        if (!complete)
            TextLines.WriteWrapped(output, receipt, style.Alarm);
        var path = Columns.CutMiddle(HostileText.Visible(report.Path), TextLines.Width / 2);
        var target = Columns.CutMiddle(HostileText.Visible(RecordingText.Target(report.Metadata)), TextLines.Width - Columns.Width(path) - 2);
        output.Write($"{style.Title(path)}: {target}\n");
        TextLines.WriteWrapped(output, RecordingText.Provenance(report.Metadata), static line => line);
        if (complete)
            TextLines.WriteWrapped(output, receipt, static line => line);
        foreach (var caveat in Caveats(report))
            TextLines.WriteWrapped(output, caveat, style.Title);
        if (!report.Filter.IsEmpty)
            TextLines.WriteWrapped(output, FilterLine(report), static line => line);
    }
}
