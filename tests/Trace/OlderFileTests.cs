using System.Runtime.CompilerServices;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Xunit;

namespace Faultrec.Trace.Tests;

/// <summary>
/// first-columns.parquet is a recording of fixtures/segv.c made before any column was appended behind `stack`
/// (fixtures/traces/segv.parquet of commit 495d3a0).
/// </summary>
public sealed class OlderFileTests
{
    private static string FilePath([CallerFilePath] string source = "")
        => Path.Combine(Path.GetDirectoryName(source)!, "first-columns.parquet");

    [Fact]
    public void AbsentColumnsReadAsIfNothingOfTheKindWasRecorded()
    {
        Assert.Equal([["stack"]], DuckDb.Query($"SELECT last(name) FROM parquet_schema('{FilePath()}')"));
        using var reader = TraceReader.Open(FilePath());
        // With leftovers of other rows in it, as a report over several files has them.
        var batch = SampleTrace.RandomBatch(new Random(1), (int)reader.RowCount);

        reader.ReadRowGroup(0, FaultColumns.All, batch);

        Assert.All(Rows(batch.Gup), Assert.False);
        Assert.All(Rows(batch.Handler), Assert.Null);
        Assert.All(Rows(batch.VmfAddress), address => Assert.Equal(FaultBatch.Null, address));
        Assert.All(Rows(batch.VmfPgoff), page => Assert.Equal(FaultBatch.Null, page));
        Assert.All(Rows(batch.Weight), weight => Assert.Equal(1, weight));
        Assert.All(Rows(batch.Grew), Assert.False);
        Assert.All(Rows(batch.Merged), Assert.False);
        Assert.All(Rows(batch.MappedAround), pages => Assert.Equal(FaultBatch.Null, pages));
        Assert.All(Rows(batch.EmptyOrder), order => Assert.Equal(FaultBatch.Null, order));
        Assert.All(Rows(batch.ReclaimNs), duration => Assert.Equal(FaultBatch.Null, duration));
        Assert.All(Rows(batch.BuddyPages), pages => Assert.Equal(FaultBatch.Null, pages));
        Assert.All(Rows(batch.StackId), stack => Assert.Equal(FaultBatch.Null, stack));
        Assert.All(Rows(batch.MapperStackId), stack => Assert.Equal(FaultBatch.Null, stack));

        T[] Rows<T>(T[] column) => column[..batch.Count];
    }

    [Fact]
    public void PresentColumnsReadAsBefore()
    {
        using var reader = TraceReader.Open(FilePath());
        var batch = new FaultBatch((int)reader.RowCount);

        reader.ReadRowGroup(0, FaultColumns.All, batch);

        var rows = DuckDb.Query($"SELECT time_ns, address, signal FROM read_parquet('{FilePath()}') ORDER BY file_row_number");
        Assert.NotEmpty(rows);
        Assert.Equal(
            rows,
            Enumerable.Range(0, batch.Count).Select(i => new object?[]
            {
                batch.TimeNs[i], batch.Address[i], batch.Signal[i] == FaultBatch.Null ? null : batch.Signal[i],
            }));
        Assert.Contains(11, batch.Signal);
    }

    [Fact]
    public void AbsentKeysReadAsTheirDefaults()
    {
        using var reader = TraceReader.Open(FilePath());

        Assert.Null(reader.Metadata.Sampling);
        Assert.False(reader.Metadata.ExcludeKernel);
        Assert.Empty(reader.Metadata.Handlers);
        Assert.Null(reader.Metadata.PageTable);
        Assert.Null(reader.Metadata.Slab);
        Assert.Empty(reader.Metadata.SwapTypes);
        Assert.Empty(reader.Metadata.Causes);
        Assert.Empty(reader.Metadata.CallFaults);
        Assert.Empty(reader.Metadata.Memory);
        Assert.Null(reader.Metadata.Releases);
        Assert.Null(reader.Metadata.ResidentBefore);
        Assert.Equal((null, null, null), (reader.Metadata.Receipt.Failed, reader.Metadata.Receipt.InCalls, reader.Metadata.Receipt.Unseen));
        Assert.Equal((0, 0, 0), (reader.Metadata.Receipt.SampledOut, reader.Metadata.Receipt.SampledOutMajor, reader.Metadata.Receipt.Excluded));
    }
}
