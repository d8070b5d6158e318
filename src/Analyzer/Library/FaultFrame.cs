using Faultrec.Analyzer.Rows;
using Faultrec.Traces.Columns;
using Microsoft.Data.Analysis;

namespace Faultrec.Analyzer.Library;

/// <summary>Faults as columns of a data frame: another format of what `faultrec dump` writes.</summary>
internal sealed class FaultFrame : IRowFormat
{
    private const int TextBytes = 8; // a reference: texts are few and shared
    private const int NumberBytes = 8;
    private const int NullBits = 8;

    // A dump has the trace's columns, and the kind, which is text.
    private static readonly HashSet<string> Flags = [.. TraceSchema.Columns.Where(column => column.Type == typeof(bool)).Select(column => column.Name)];
    private static readonly HashSet<string> Texts =
        [.. RowFields.Names.Except(TraceSchema.Columns.Where(column => column.Type != typeof(string)).Select(column => column.Name))];

    // By position in RowFields.Names; null: not asked for.
    private readonly DataFrameColumn?[] _columns = new DataFrameColumn?[RowFields.Names.Length];
    private readonly DataFrameColumn[] _ordered;
    private long _row;

    public FaultFrame(IReadOnlyList<string> names, long rows)
    {
        _ordered = [.. names.Select(name => Make(name, rows))];
        for (var i = 0; i < names.Count; i++)
            _columns[Array.IndexOf(RowFields.Names, names[i])] = _ordered[i];
    }

    public static long BytesPerRow(IEnumerable<string> names)
        => names.Sum(name => Texts.Contains(name) ? TextBytes : Flags.Contains(name) ? 2 : NumberBytes + NullBits / 8);

    public DataFrame Build() => new(_ordered);

    public void Header()
    {
    }

    public void EndRow() => _row++;

    // Columns begin as nulls.
    public void Null(int column)
    {
    }

    public void Number(int column, long value)
    {
        if (_columns[column] is Int64DataFrameColumn numbers)
            numbers[_row] = value;
    }

    public void Hex(int column, ulong value) => Number(column, (long)value);

    public void Bool(int column, bool value)
    {
        if (_columns[column] is BooleanDataFrameColumn flags)
            flags[_row] = value;
    }

    public void Text(int column, string value)
    {
        if (_columns[column] is StringDataFrameColumn texts)
            texts[_row] = value;
    }

    private static DataFrameColumn Make(string name, long rows)
        => Texts.Contains(name) ? new StringDataFrameColumn(name, rows)
            : Flags.Contains(name) ? new BooleanDataFrameColumn(name, rows)
            : new Int64DataFrameColumn(name, rows);
}
