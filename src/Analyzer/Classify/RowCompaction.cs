using Faultrec.Traces.Columns;

namespace Faultrec.Analyzer.Classify;

/// <summary>Moves the rows that passed a filter to the front of a batch, so that what follows runs over dense arrays.</summary>
internal static class RowCompaction
{
    /// <param name="columns">Only these columns are moved or touched: a batch creates most of its arrays when they are first used.</param>
    public static void Keep(FaultBatch batch, FaultColumns columns, Severity[] severities, FaultKind[] kinds, bool[] keep)
    {
        var rows = batch.Count;
        batch.Count = Move(severities, keep, rows);
        Move(kinds, keep, rows);
        var mover = new Mover(batch, keep, rows);
        foreach (var column in TraceSchema.Columns)
        {
            if (columns.HasFlag(column.Flag))
                column.Accept(mover);
        }
    }

    private static int Move<T>(T[] values, bool[] keep, int rows)
    {
        var kept = 0;
        for (var i = 0; i < rows; i++)
        {
            if (keep[i])
                values[kept++] = values[i];
        }

        return kept;
    }

    private sealed class Mover(FaultBatch batch, bool[] keep, int rows) : IColumnVisitor
    {
        void IColumnVisitor.Number<T>(NumberColumn<T> column) => Move(column.Of(batch), keep, rows);

        public void Flag(FlagColumn column) => Move(column.Of(batch), keep, rows);

        public void Text(TextColumn column) => Move(column.Of(batch), keep, rows);

        public void Access(AccessColumn column) => Move(column.Of(batch), keep, rows);
    }
}
