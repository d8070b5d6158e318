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
        TextLines.WriteWrapped(output, ComparisonText.Headline(comparison), style.Title);
        output.Write('\n');
        TextLines.WriteWrapped(output, $"before {ComparisonText.Side(comparison.Before)}", static line => line);
        TextLines.WriteWrapped(output, $"after {ComparisonText.Side(comparison.After)}", static line => line);
        foreach (var note in ComparisonText.Notes([.. comparison.Traces], comparison.Filter))
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
        output.Write($"**{Escape.Markdown(ComparisonText.Headline(comparison))}**\n\n");
        output.Write($"- before: {Escape.Markdown(ComparisonText.Side(comparison.Before))}\n");
        output.Write($"- after: {Escape.Markdown(ComparisonText.Side(comparison.After))}\n");
        foreach (var note in ComparisonText.Notes([.. comparison.Traces], comparison.Filter))
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
        foreach (var subject in SubjectNames.Shown)
            CsvReport.Write(output, ComparisonTables.Build(comparison, subject, items, rowFilter: null), null, withHeader: subject == Subject.Total);
    }

    private static string? LeftOut(TraceComparison comparison, int items)
        => items != 0 && ComparisonText.WithinNoise(comparison) is { } rows ? $"differences within the noise are left out ({rows}); --top 0 shows them" : null;

    // People read what differs; the totals also say what does not.
    private static IEnumerable<ReportTable> Shown(TraceComparison comparison, int items)
    {
        return SubjectNames.Shown
            .Select(subject => ComparisonTables.Build(comparison, subject, items, subject == Subject.Total ? null : IsWorthReading))
            .Where(table => table.TotalRows > 0);

        bool IsWorthReading(ComparedRow row) => row.Verdict != Verdict.Same && (items == 0 || row.Verdict != Verdict.WithinNoise);
    }
}
