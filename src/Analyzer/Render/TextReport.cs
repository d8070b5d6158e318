using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Render;

/// <summary>The report for people at a terminal: the answer first, then the tables.</summary>
internal static class TextReport
{
    /// <param name="by">The only table to print; null prints all.</param>
    /// <param name="top">Rows a table; 0 prints all.</param>
    public static void Write(TextWriter output, FaultReport report, TableDefinition? by, int top, TextStyle style)
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
        if (by is null && ActivityLine(report) is { } activity)
            output.Write(activity + "\n");
        if (by is null && ResidentLine(report) is { } resident)
            output.Write(resident + "\n");
        foreach (var (definition, table) in Shown(report, by, top, hasRoom: false))
        {
            if (table.TotalRows == 0)
            {
                output.Write('\n');
                TextLines.WriteWrapped(output, definition.EmptySentence(report), style.Title);
                continue;
            }

            output.Write($"\n{style.Title(table.Title)}\n");
            TextTable.Write(output, table, style);
            if (definition.Note(report) is { } note)
                TextLines.WriteWrapped(output, note, style.Dim);
        }
    }

    /// <summary>The tables to show: those with rows, and the requested one.</summary>
    /// <param name="hasRoom">For tables that mostly repeat others.</param>
    internal static IEnumerable<(TableDefinition Definition, ReportTable Table)> Shown(FaultReport report, TableDefinition? by, int top, bool hasRoom)
    {
        foreach (var definition in by is null ? ReportTables.InReport.Where(table => table.IsWorthShowing(report, hasRoom)) : by.WithCompanion)
        {
            var table = by is null ? definition.BuildAmongOthers(report, top) : definition.BuildForPeople(report, top);
            if (table.TotalRows > 0 || definition == by)
                yield return (definition, table);
        }
    }

    /// <summary>Faults over time in one line of at most <see cref="TextLines.Width"/> columns; null when all were in one bucket.</summary>
    private static string? ActivityLine(FaultReport report)
        => report.Find(ActivityAggregate.Measure) is { } activity && activity.Faults.Count(faults => faults > 0) >= 2
            ? $"over time {Sparkline.Of(activity.Faults).TrimEnd()} ({Units.Duration(activity.Axis.BucketNs)} each)"
            : null;

    /// <summary>Resident memory over time, likewise; null where there is no account.</summary>
    private static string? ResidentLine(FaultReport report)
        => report.Memory is { IsWorthASentence: true } memory && memory.Totals.Count(pages => pages > 0) >= 2
            ? $"resident  {Sparkline.Of(memory.Totals).TrimEnd()} (most {Units.Bytes(memory.PeakBytes)})"
            : null;

    internal static string TotalsLine(FaultReport report)
    {
        var (totals, isSample) = (report.Totals, report.Sample is not null);
        var about = report.Sample is { CountsExact: false } ? "about " : "";
        return $"{about}{Units.Of(totals.Counts.Faults, "fault")}: {Severities(totals.Counts)}, "
            + $"{(isSample && totals.Counts.Failed > 0 ? "about " : "")}{Units.Count(totals.Counts.Failed)} failed; "
            + $"{(isSample ? "at least " : "")}{Units.Count(totals.DistinctPages)} distinct pages"
            + (totals.Gup == 0
                ? ""
                : $"; {(isSample ? "about " : "")}{Units.Count(totals.Gup)} by get_user_pages: system calls and execve touching memory for the program");
    }

    private static string Severities(in FaultCounts counts)
        => (counts.Minor + counts.Major > 0 || counts.Unknown == 0 ? $"{Units.Count(counts.Minor)} minor, {Units.Count(counts.Major)} major" : "")
            + (counts.Unknown == 0 ? "" : $"{Units.Count(counts.Unknown)} of unknown severity");

    /// <summary>The time in faults compared with elapsed time; null without durations.</summary>
    internal static string? FaultTimeLine(FaultReport report)
    {
        var time = report.FaultTime;
        if (time is not { SumNs: { } sum, ShareOfWall: { } ofWall })
            return null;
        var about = report.Sample is null ? "" : "about ";
        var ofThreads = time.ShareOfThreadTime is { } share ? $"; {Units.Percent(share)} of the life of {Units.Of(time.Threads, "thread")}" : "";
        return $"{about}{Units.Duration(sum)} in faults in {Units.Duration(time.WallNs)}: "
            + $"at an average moment {Units.Ratio(ofWall)} threads were in the fault handler{ofThreads}";
    }

    internal static string FilterLine(FaultReport report)
        => $"filter: {report.Filter} ({(report.Sample is null ? "" : "about ")}{Units.Count(report.Totals.Counts.Faults)} "
            + $"of {Units.Of(report.Metadata.Receipt.Events + report.Metadata.Receipt.SampledOut, "fault")})";

    /// <summary>What the figures below cannot show: one sentence each, none for most recordings.</summary>
    internal static IEnumerable<string> Caveats(FaultReport report)
    {
        if (report.Sample is { } sample)
            yield return SampleText.Describe(sample, report.Totals);
        if (RecordingLimits.Of(report.Metadata) is { Count: > 0 } limits)
            yield return string.Join("; ", limits);
        if (StackText.Caveat(report) is { } stacks)
            yield return stacks;
    }

    private static void WriteHeader(TextWriter output, FaultReport report, TextStyle style)
    {
        var receipt = ReceiptText.Describe(report);
        var complete = ReceiptText.IsComplete(report.Metadata.Receipt);
        var receiptStyle = ReceiptStyle.Of(report.Metadata.Receipt, style);
        if (!complete)
            TextLines.WriteWrapped(output, receipt, receiptStyle);
        var path = Columns.CutMiddle(Escape.Visible(report.Path), TextLines.Width / 2);
        var target = Columns.CutMiddle(Escape.Visible(RecordingText.Target(report.Metadata)), TextLines.Width - Columns.Width(path) - 2);
        output.Write($"{style.Title(path)}: {target}\n");
        TextLines.WriteWrapped(output, RecordingText.Provenance(report.Metadata), static line => line);
        if (complete)
            TextLines.WriteWrapped(output, receipt, receiptStyle);
        foreach (var caveat in Caveats(report))
            TextLines.WriteWrapped(output, caveat, style.Title);
        if (!report.Filter.IsEmpty)
            TextLines.WriteWrapped(output, FilterLine(report), static line => line);
    }
}
