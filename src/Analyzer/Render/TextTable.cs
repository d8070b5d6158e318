using System.Globalization;
using Faultrec.Analyzer.Budgets;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Render;

/// <summary>A cell as people read it, before a renderer makes it inert.</summary>
internal static class Cells
{
    public const string Null = "-";

    public static string Format(ReportTable table, int row, int column) => table.Columns[column].Format switch
    {
        CellFormat.Text => table.Text(row, column) ?? Null,
        CellFormat.Heat => Sparkline.Of(table.Numbers(row, column)),
        CellFormat.HeatMap => Sparkline.Of(table.Numbers(row, column), table.Integer(row, table.IndexOf("fullest"))),
        CellFormat.Ratio => table.Real(row, column) is { } ratio ? Units.Ratio(ratio) : Null,
        CellFormat.Percent => table.Real(row, column) is { } share ? Units.Percent(share) : Null,
        CellFormat.Id => table.Integer(row, column)?.ToString(CultureInfo.InvariantCulture) ?? Null,
        CellFormat.Count => table.Integer(row, column) is { } count ? Units.Count(count) : Null,
        CellFormat.Bytes => table.Integer(row, column) is { } bytes ? Units.Bytes(bytes) : Null,
        CellFormat.DurationNs => table.Integer(row, column) is { } ns ? Units.Duration(ns) : Null,
        CellFormat.Amount => table.Integer(row, column) is { } amount ? Amount(table, row, amount) : Null,
        CellFormat.Change => table.Real(row, column) is { } change ? Units.Change(change)
            : table.Integer(row, table.IndexOf("difference")) > 0 ? "new" : Null,
        var format => throw new InvalidOperationException($"no text for {format}"),
    };

    private static string Amount(ReportTable table, int row, long amount)
    {
        var metric = table.Text(row, table.IndexOf("metric"))!;
        return metric.EndsWith("_ns", StringComparison.Ordinal) ? Units.Duration(amount)
            : metric.EndsWith("_bytes", StringComparison.Ordinal) ? Units.Bytes(amount)
            : Units.Count(amount);
    }

    public static bool IsText(this CellFormat format) => format is CellFormat.Text or CellFormat.Heat or CellFormat.HeatMap;
}

/// <summary>Lays a table out in columns of text, at most <see cref="TextLines.Width"/> wide.</summary>
internal static class TextTable
{
    private const string Indent = "  ";
    private const int Gap = 1;
    private const int NarrowestText = 12;
    private const int DeepestIndent = 20;

    public static void Write(TextWriter output, ReportTable table, TextStyle style)
    {
        var columns = Shown(table);
        var cells = new string[table.Rows + 1][];
        cells[0] = columns.ConvertAll(column => table.Columns[column].Heading).ToArray();
        for (var row = 0; row < table.Rows; row++)
            cells[row + 1] = columns.ConvertAll(column => Escape.Visible(Cells.Format(table, row, column))).ToArray();
        var widths = Widths(cells, table, columns);
        for (var row = 0; row < cells.Length; row++)
        {
            var line = Line(cells[row], widths, table, columns, static (_, cell) => cell);
            if (row > 0 && table.Above(row - 1) is RowText.Heading heading)
                WriteHeading(output, heading, style);
            var at = row - 1;
            output.Write(row == 0 ? style.Dim(line)
                : style.Colour ? Line(cells[row], widths, table, columns, (column, cell) => Marked(table, at, column, cell, style))
                : line);
            if (row > 0 && table.Beside(row - 1) is RowText.Branch branch)
                WriteBranch(output, branch, Columns.Width(line));
            output.Write('\n');
            if (row > 0)
                WriteBelow(output, table.Below(row - 1), style);
        }

        if (table.CutRows > 0)
            output.Write($"{Indent}… {table.CutDescription}; --top 0 shows all\n");
    }

    private static List<int> Shown(ReportTable table)
    {
        var shown = new List<int>();
        for (var i = 0; i < table.Columns.Count; i++)
        {
            if (table.Columns[i].Audience == ColumnAudience.Everyone)
                shown.Add(i);
        }

        return shown;
    }

    private static int[] Widths(string[][] cells, ReportTable table, List<int> columns)
    {
        var widths = new int[columns.Count];
        foreach (var row in cells)
        {
            for (var i = 0; i < widths.Length; i++)
                widths[i] = Math.Max(widths[i], Columns.Width(row[i]));
        }

        var excess = Indent.Length + widths.Sum() + (Gap * (widths.Length - 1)) - TextLines.Width;
        for (; excess > 0; excess--)
        {
            var widest = -1;
            for (var i = 0; i < widths.Length; i++)
            {
                if (table.Columns[columns[i]].Format.IsText() && widths[i] > NarrowestText && (widest < 0 || widths[i] > widths[widest]))
                    widest = i;
            }

            if (widest < 0)
                break;
            widths[widest]--;
        }

        return widths;
    }

    /// <param name="mark">Is given each cell at its final width, with the table's column.</param>
    private static string Line(string[] cells, int[] widths, ReportTable table, List<int> columns, Func<int, string, string> mark)
    {
        var parts = new string[cells.Length];
        for (var i = 0; i < cells.Length; i++)
        {
            var cell = table.Columns[columns[i]].Format.IsText() ? Columns.Cut(cells[i], widths[i]) : cells[i];
            var padding = new string(' ', Math.Max(0, widths[i] - Columns.Width(cell)));
            var marked = mark(columns[i], cell);
            parts[i] = table.Columns[columns[i]].Format.IsText() ? marked + padding : padding + marked;
        }

        return (Indent + string.Join(new string(' ', Gap), parts)).TrimEnd();
    }

    private static string Marked(ReportTable table, int row, int column, string cell, TextStyle style) => table.Columns[column] switch
    {
        { Key: "major", Format: CellFormat.Count } when table.Integer(row, column) > 0 => style.Wait(cell),
        { Key: "failed", Format: CellFormat.Count } when table.Integer(row, column) > 0 => style.Alarm(cell),
        { Key: "result" } => table.Text(row, column) == BudgetCheck.BrokenText ? style.Alarm(cell) : style.Good(cell),
        _ => cell,
    };

    private static void WriteBelow(TextWriter output, RowText? text, TextStyle style)
    {
        switch (text)
        {
            case RowText.Story { Text.Length: > 0 } story:
                foreach (var line in Columns.Wrap(Escape.Visible(story.Text), TextLines.Width - (2 * Indent.Length)))
                    output.Write($"{Indent}{Indent}{(story.IsDim ? style.Dim(line) : line)}\n");
                break;
            case RowText.Heat { Label: { } label } heat:
                output.Write($"{Indent}{style.Dim(label)} {style.Heat(heat.Characters.TrimEnd())}\n");
                break;
            case RowText.Heat heat:
                output.Write($"{Indent}{Indent}{style.Heat(heat.Characters.TrimEnd())}\n");
                break;
            default:
                break;
        }
    }

    // After the numbers, indented by one step for each call outwards.
    private static void WriteBranch(TextWriter output, RowText.Branch branch, int width)
    {
        var steps = Math.Min(branch.Depth, DeepestIndent);
        var column = width + Indent.Length + (steps * Indent.Length);
        var text = Escape.Visible(branch.Text);
        var gap = new string(' ', column - width);
        foreach (var line in Columns.Wrap((branch.Depth > 0 ? "< " : "") + text, TextLines.Width - column))
        {
            output.Write(gap + line);
            gap = "\n" + new string(' ', column);
        }
    }

    private static void WriteHeading(TextWriter output, RowText.Heading heading, TextStyle style)
    {
        var room = TextLines.Width - Indent.Length - Columns.Width(heading.Scale) - 1;
        output.Write($"{Indent}{Columns.CutMiddle(Escape.Visible(heading.Name), room)} {style.Dim(heading.Scale)}\n");
    }
}
