using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Render;

/// <summary>The report as GitHub-flavoured Markdown, for an issue or a pull request.</summary>
internal static class MarkdownReport
{
    /// <param name="by">The only table to print; null prints all.</param>
    /// <param name="top">Rows a table; 0 prints all.</param>
    public static void Write(TextWriter output, FaultReport report, TableDefinition? by, int top)
    {
        var receipt = ReceiptText.Describe(report);
        output.Write($"# Page faults of {Escape.Markdown(RecordingText.Target(report.Metadata))}\n\n");
        output.Write(ReceiptText.IsComplete(report.Metadata.Receipt) ? "" : $"**{Escape.Markdown(receipt)}**\n\n");
        output.Write($"{Escape.Markdown(Finding.Describe(report))}\n\n");
        output.Write($"- {Escape.Markdown(report.Path)}, {Escape.Markdown(RecordingText.Provenance(report.Metadata))}\n");
        output.Write($"- {Escape.Markdown(receipt)}\n");
        foreach (var caveat in TextReport.Caveats(report))
            output.Write($"- **{Escape.Markdown(caveat)}**\n");
        if (!report.Filter.IsEmpty)
            output.Write($"- {Escape.Markdown(TextReport.FilterLine(report))}\n");
        output.Write($"- {Escape.Markdown(TextReport.TotalsLine(report))}\n");
        if (TextReport.FaultTimeLine(report) is { } time)
            output.Write($"- {Escape.Markdown(time)}\n");
        foreach (var (definition, table) in TextReport.Shown(report, by, top, hasRoom: true))
        {
            if (table.TotalRows == 0)
            {
                output.Write($"\n{Escape.Markdown(definition.EmptySentence(report))}\n");
                continue;
            }

            WriteTable(output, table);
            if (definition.Note(report) is { } note)
                output.Write($"\n{Escape.Markdown(note)}\n");
        }
    }

    internal static void WriteTable(TextWriter output, ReportTable table)
    {
        var columns = new List<int>();
        for (var i = 0; i < table.Columns.Count; i++)
        {
            if (table.Columns[i].Audience != ColumnAudience.Machine)
                columns.Add(i);
        }

        output.Write($"\n## {char.ToUpperInvariant(table.Title[0])}{table.Title[1..]}\n\n");
        WriteRow(output, columns.ConvertAll(column => table.Columns[column].Heading));
        WriteRow(output, columns.ConvertAll(column => table.Columns[column].Format.IsText() ? "---" : "---:"));
        for (var row = 0; row < table.Rows; row++)
            WriteRow(output, columns.ConvertAll(column => Cell(table, row, column)));
        if (table.CutRows > 0)
            output.Write($"\n… {table.CutDescription}; `--top 0` shows all\n");
    }

    // Blanks at a cell's ends are dropped by Markdown; a figure space keeps the heat row's width.
    private static string Cell(ReportTable table, int row, int column)
        => table.Columns[column].Format is CellFormat.Heat or CellFormat.HeatMap
            ? Cells.Format(table, row, column).Replace(' ', '\u2007')
            : Escape.Markdown(Cells.Format(table, row, column));

    private static void WriteRow(TextWriter output, List<string> cells)
        => output.Write($"| {string.Join(" | ", cells)} |\n");
}
