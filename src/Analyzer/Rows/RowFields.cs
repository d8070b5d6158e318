using Faultrec.Analyzer.Classify;
using Faultrec.Traces.Columns;

namespace Faultrec.Analyzer.Rows;

/// <summary>How one field is written.</summary>
internal interface IRowFormat
{
    void Header();

    void EndRow();

    void Null(int column);

    void Number(int column, long value);

    void Hex(int column, ulong value);

    void Bool(int column, bool value);

    void Text(int column, string value);
}

/// <summary>The fields of a record in the schema's order, and those that the Analyzer derives.</summary>
/// <param name="knowsMajor">False: the trace does not say which faults were major.</param>
internal sealed class RowFields(IRowFormat format, bool knowsMajor)
{
    public static readonly string[] Names = [.. TraceSchema.Columns.Select(column => column.Name), "kind"];

    private readonly RowField[] _fields = RowField.OfTrace(knowsMajor);
    private FaultBatch? _batch;

    /// <summary>Every row of a batch.</summary>
    public void Write(FaultBatch batch, ReadOnlySpan<FaultKind> kinds)
    {
        // Half of the columns are null in all rows of most recordings.
        var filled = Array.FindAll(_fields, field => field.Begin(batch));
        for (var row = 0; row < batch.Count; row++)
        {
            var next = 0;
            foreach (var field in filled)
            {
                WriteNulls(next, field.Index);
                field.Write(format, row);
                next = field.Index + 1;
            }

            WriteNulls(next, _fields.Length);
            format.Text(_fields.Length, kinds[row].Name());
            format.EndRow();
        }
    }

    /// <param name="kind">Null if faults are not classified.</param>
    public void Write(FaultBatch batch, int row, FaultKind? kind)
    {
        if (!ReferenceEquals(batch, _batch))
        {
            foreach (var field in _fields)
                field.Begin(batch);
            _batch = batch;
        }

        foreach (var field in _fields)
            field.Write(format, row);
        if (kind is { } known)
            format.Text(_fields.Length, known.Name());
        else
            format.Null(_fields.Length);
        format.EndRow();
    }

    private void WriteNulls(int from, int to)
    {
        for (var column = from; column < to; column++)
            format.Null(column);
    }
}
