using Faultrec.Analyzer.Compare;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Render;

/// <summary>A comparison for people, as text and as Markdown, and its tables as CSV.</summary>
internal static class ComparisonReport
{
    /// <param name="items">Items a table; 0 prints all.</param>
    public static void WriteText(TextWriter output, TraceComparison comparison, int items, TextStyle style)
    {
        TextLines.WriteWrapped(output, ComparisonHeadline.Of(comparison), style.Title);
        foreach (var limit in comparison.Limits)
        {
            var why = limit.WhyBroken(comparison);
            TextLines.WriteWrapped(output, Outcome(limit, why), why is null ? static line => line : style.Alarm);
        }

        output.Write('\n');
        TextLines.WriteWrapped(output, $"before {ComparisonText.Side(comparison.Before)}", static line => line);
        TextLines.WriteWrapped(output, $"after {ComparisonText.Side(comparison.After)}", static line => line);
        foreach (var note in ComparisonText.Notes(comparison, items))
            TextLines.WriteWrapped(output, note, style.Alarm);
        foreach (var table in Shown(comparison, items))
        {
            output.Write($"\n{style.Title(table.Title)}\n");
            TextTable.Write(output, table, style);
        }

        if (LeftOut(comparison, items) is { } leftOut)
        {
            output.Write('\n');
            TextLines.WriteWrapped(output, leftOut, style.Dim);
        }
    }

    /// <param name="items">Items a table; 0 prints all.</param>
    public static void WriteMarkdown(TextWriter output, TraceComparison comparison, int items)
    {
        output.Write($"**{Escape.Markdown(ComparisonHeadline.Of(comparison))}**\n\n");
        foreach (var limit in comparison.Limits)
            output.Write($"- {Escape.Markdown(Outcome(limit, limit.WhyBroken(comparison)))}\n");
        output.Write($"- before: {Escape.Markdown(ComparisonText.Side(comparison.Before))}\n");
        output.Write($"- after: {Escape.Markdown(ComparisonText.Side(comparison.After))}\n");
        foreach (var note in ComparisonText.Notes(comparison, items))
            output.Write($"- **{Escape.Markdown(note)}**\n");
        foreach (var table in Shown(comparison, items))
            MarkdownReport.WriteTable(output, table);
        if (LeftOut(comparison, items) is { } leftOut)
            output.Write($"\n{Escape.Markdown(leftOut)}\n");
    }

    /// <summary>All tables below one header.</summary>
    /// <param name="items">Items a table; 0 prints all.</param>
    public static void WriteCsv(TextWriter output, TraceComparison comparison, int items)
    {
        foreach (var subject in SubjectNames.Compared)
            CsvReport.Write(output, ComparisonTables.Build(comparison, subject, items), null, withHeader: subject == Subject.Total);
    }

    private static string Outcome(RiseLimit limit, string? why) => why is null ? $"pass {limit}" : $"FAIL {limit}; {why}";

    private static string? LeftOut(TraceComparison comparison, int items)
        => items != 0 && ComparisonText.LeftOut(comparison) is { } rows
            ? $"differences within the noise, or of less than {ShareText.Format(TraceComparison.LargeShare)} of the total, are left out ({rows}); "
                + "--top 0 shows them, and single mappings and files"
            : null;

    // People read what differs; the totals also say what does not.
    private static IEnumerable<ReportTable> Shown(TraceComparison comparison, int items)
    {
        return SubjectNames.ForPeople(items)
            .Select(subject => ComparisonTables.BuildForPeople(comparison, subject, items, row => subject == Subject.Total || IsWorthReading(row)))
            .Where(table => table.TotalRows > 0);

        bool IsWorthReading(ComparedRow row) => items == 0 ? row.Verdict != Verdict.Same : comparison.IsLarge(row);
    }
}
