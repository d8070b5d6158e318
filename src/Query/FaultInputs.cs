using System.Numerics;
using DuckDB.NET.Native;
using Faultrec.Traces.Columns;

namespace Faultrec.Query;

/// <summary>Copies a column of faults from a DuckDB vector into a <see cref="FaultBatch"/>.</summary>
/// <param name="Copy">Copies the first rows of the column at an index of a chunk.</param>
internal sealed record FaultInput(string Name, DuckDBType Type, Action<Vectors, int, FaultBatch> Copy);

/// <summary>The columns that the rules of severity and kind use.</summary>
internal static class FaultInputs
{
    /// <exception cref="NotSupportedException">A rule uses a text column.</exception>
    public static FaultInput[] For(FaultColumns columns)
    {
        var maker = new Maker();
        foreach (var column in TraceSchema.Columns)
        {
            if (columns.HasFlag(column.Flag))
                column.Accept(maker);
        }

        return [.. maker.Inputs];
    }

    private sealed class Maker : IColumnVisitor
    {
        public List<FaultInput> Inputs { get; } = [];

        public void Number<T>(NumberColumn<T> column)
            where T : unmanaged, IBinaryInteger<T>
        {
            var type = column.Type == typeof(long) ? DuckDBType.BigInt : column.Type == typeof(int) ? DuckDBType.Integer : DuckDBType.TinyInt;
            Inputs.Add(new(column.Name, type, (from, i, to) => from.Copy(i, column.Of(to), column.Absent)));
        }

        public void Flag(FlagColumn column) => Inputs.Add(new(column.Name, DuckDBType.Boolean, (from, i, to) => from.Copy(i, column.Of(to), false)));

        public void Text(TextColumn column) => throw new NotSupportedException($"no vector is read for {column.Name}");

        public void Access(AccessColumn column) => Inputs.Add(new(column.Name, DuckDBType.Varchar, (from, i, to) => from.CopyAccess(i, column.Of(to))));
    }
}
