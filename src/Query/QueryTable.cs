using Faultrec.Analyzer.Text;

namespace Faultrec.Query;

/// <summary>A result for people: its first rows as a table of text or Markdown.</summary>
internal sealed class QueryTable
{
    /// <summary>Width of a cell in terminal columns.</summary>
    public const int WidestCell = 60;

    private const string Null = "-";
    private const string More = "… more rows; --top 0 shows all";

    private readonly IReadOnlyList<QueryColumn> _columns;
    private readonly List<string?[]> _rows = [];
    private readonly bool _isCut;

    /// <param name="top">Rows to read; 0 reads all.</param>
    public QueryTable(QueryResult result, int top)
    {
        _columns = result.Columns;
        foreach (var row in result.Rows)
        {
            if (top > 0 && _rows.Count == top)
            {
                _isCut = true;
                break;
            }

            _rows.Add([.. row]);
        }
    }

    /// <summary>Numbers to the right.</summary>
    /// <param name="widestCell">What is wider is cut in its middle.</param>
    public void WriteText(TextWriter output, TextStyle style, int widestCell = WidestCell)
    {
        List<string[]> lines = [[.. _columns.Select(column => Escape.Visible(column.Name))]];
        lines.AddRange(_rows.Select(row => row.Select(value => Columns.CutMiddle(Escape.Visible(value ?? Null), widestCell)).ToArray()));
        var widths = new int[_columns.Count];
        foreach (var line in lines)
        {
            for (var i = 0; i < widths.Length; i++)
                widths[i] = Math.Max(widths[i], Columns.Width(line[i]));
        }

        for (var i = 0; i < lines.Count; i++)
        {
            var cells = lines[i].Select((cell, column) => IsNumber(column) ? Columns.PadLeft(cell, widths[column]) : Columns.PadRight(cell, widths[column]));
            var text = string.Join(' ', cells).TrimEnd();
            output.Write((i == 0 ? style.Dim(text) : text) + "\n");
        }

        output.Write(_isCut ? More + "\n" : "");
    }

    public void WriteMarkdown(TextWriter output)
    {
        Write(_columns.Select(column => Escape.Markdown(column.Name)));
        Write(_columns.Select((_, column) => IsNumber(column) ? "---:" : "---"));
        foreach (var row in _rows)
            Write(row.Select(value => Escape.Markdown(value ?? Null)));
        output.Write(_isCut ? $"\n{Escape.Markdown(More)}\n" : "");

        void Write(IEnumerable<string> cells) => output.Write($"| {string.Join(" | ", cells)} |\n");
    }

    private bool IsNumber(int column) => _columns[column].Shape == ValueShape.Number;
}
