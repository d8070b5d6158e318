using System.Numerics;
using System.Text.Json;
using Faultrec.Traces.Columns;
using Xunit;

namespace Faultrec.Trace.Tests;

/// <summary>What a column's descriptor says must be what the batch has.</summary>
public sealed class ColumnTests
{
    [Fact]
    public void EachHasTheBitOfItsPosition()
    {
        Assert.Equal(Enumerable.Range(0, TraceSchema.Columns.Count).Select(i => (FaultColumns)(1L << i)), TraceSchema.Columns.Select(column => column.Flag));
        Assert.Equal(
            TraceSchema.Columns.Select(column => column.Name),
            Enum.GetValues<FaultColumns>().Where(flag => BitOperations.IsPow2((long)flag))
                .Select(flag => JsonNamingPolicy.SnakeCaseLower.ConvertName($"{flag}")));
    }

    /// <summary>A recorder that fills no more than it knows leaves the rest as files from before a column have it.</summary>
    [Fact]
    public void ANewBatchHasNothing()
    {
        var check = new NewBatch();
        foreach (var column in TraceSchema.Columns)
            column.Accept(check);
    }

    private sealed class NewBatch : IColumnVisitor
    {
        private readonly FaultBatch _batch = new(1);

        void IColumnVisitor.Number<T>(NumberColumn<T> column) => Assert.Equal(column.Absent, column.Of(_batch)[0]);

        public void Flag(FlagColumn column) => Assert.False(column.Of(_batch)[0]);

        public void Text(TextColumn column) => Assert.Null(column.Of(_batch)[0]);

        public void Access(AccessColumn column) => Assert.Equal(FaultAccess.Unknown, column.Of(_batch)[0]);
    }
}
