using Faultrec.Testing.Forge;
using Faultrec.Traces;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Xunit;
using ZstdSharp;

namespace Faultrec.Trace.Tests;

/// <summary>Files whose checksums are right and whose pages claim what cannot be: refused before the memory is taken that they ask for.</summary>
public sealed class HostilePageTests
{
    private const int Rows = 100;
    private const int MostBytesTaken = 16 << 20;

    private static readonly byte[] Trace = SampleTrace.Write(SampleTrace.RandomBatches(7, Rows));
    private static readonly byte[] Gibibyte = Compress(1 << 30);

    [Fact]
    public void WhatTheForgeLeavesAloneReadsAsBefore()
    {
        using var file = new TempFile(ParquetForge.Open(Trace).Write());
        using var reader = TraceReader.Open(file.Path);
        var batch = new FaultBatch(Rows);
        reader.ReadRowGroup(0, FaultColumns.All, batch);

        Assert.Equal(SampleTrace.RandomBatches(7, Rows)[0].Ip[..Rows], batch.Ip);
    }

    [Theory]
    [InlineData(1 << 30, "a page claims 1073741824 bytes when decompressed, too many for 100 rows")]
    [InlineData(800, "its pages cannot be decoded")]
    public void APageThatInflatesToAGibibyte(int claim, string problem)
    {
        Assert.InRange(Gibibyte.Length, 1, 200_000);
        AssertRefused("ip", problem, page =>
        {
            page.Data = Gibibyte;
            page.Header.Set(2, claim);
            page.Header.Set(3, Gibibyte.Length);
        });
    }

    [Theory]
    [InlineData(1 << 30)]
    [InlineData(Rows + 1)]
    [InlineData(-1)]
    public void ADictionaryOfMoreValuesThanRows(int values)
        => AssertRefused("comm", $"a dictionary claims {values} values for 100 rows", page => page.Header[7]!.Set(1, values));

    [Theory]
    [InlineData(1 << 30)]
    [InlineData(0)]
    [InlineData(-1)]
    public void APageOfOtherValuesThanRows(int values)
        => AssertRefused("ip", $"a page claims {values} values where 100 are left", page => page.Header[5]!.Set(1, values));

    /// <summary>The library would take an array for a block: 8 GiB.</summary>
    [Fact]
    public void ADeltaBlockOfAGibi()
    {
        byte[] values = [0x80, 0x80, 0x80, 0x80, 4, 1, Rows, 2, 2, 0];
        AssertRefused("time_ns", "a page claims 100 deltas in blocks of 1073741824", page =>
        {
            page.Data = values;
            page.Header.Set(2, values.Length);
            page.Header.Set(3, values.Length);
        });
    }

    [Fact]
    public void APageThatSaysItIsSmallerThanItIs()
        => AssertRefused("ip", "its pages cannot be decoded", page => page.Header.Set(2, 80));

    [Fact]
    public void TwoDictionaries()
    {
        var forge = ParquetForge.Open(Trace);
        var pages = ChunkOf(forge, "comm").Pages;
        pages.Insert(0, pages[0]);
        AssertRefused(forge, "comm", "it has two dictionaries");
    }

    [Fact]
    public void PagesThatEndEarly()
    {
        var forge = ParquetForge.Open(Trace);
        ChunkOf(forge, "comm").Pages.RemoveAt(1);
        AssertRefused(forge, "comm", "its pages cannot be decoded");
    }

    [Fact]
    public void MoreRowGroupsThanRowsCallFor()
    {
        var forge = ParquetForge.Open(Trace);
        for (var i = 1; i < 1100; i++)
            forge.Repeat(0);
        forge.Footer.Set(3, 1100 * Rows, ThriftValue.I64);
        AssertNotOpened(forge, "its footer is damaged (it claims 1100 row groups of 110000 rows; a trace has 1024 and one per 25000 rows)");
    }

    [Fact]
    public void MoreRowsThanAFileCanHold()
    {
        var forge = ParquetForge.Open(Trace);
        forge.Footer.Set(3, 1L << 40, ThriftValue.I64);
        AssertNotOpened(forge, "its footer is damaged (it claims 1099511627776 rows in a file of ");
    }

    /// <summary>Who reads the rows by other means asks before: what a page claims is seen without decompressing it.</summary>
    [Fact]
    public void VerifyingSeesWhatPagesClaim()
    {
        var forge = ParquetForge.Open(Trace);
        ChunkOf(forge, "ip").Pages[0].Header.Set(2, 1 << 30);
        using var file = new TempFile(forge.Write());
        using var reader = TraceReader.Open(file.Path);

        Assert.Contains("a page claims 1073741824 bytes when decompressed", Assert.Throws<FaultrecException>(reader.Verify).Message, StringComparison.Ordinal);
    }

    private static void AssertRefused(string column, string problem, Action<ForgedPage> change)
    {
        var forge = ParquetForge.Open(Trace);
        change(ChunkOf(forge, column).Pages[0]);
        AssertRefused(forge, column, problem);
    }

    private static void AssertRefused(ParquetForge forge, string column, string problem)
    {
        var about = ChunkOf(forge, column).Metadata;
        about.Remove(12); // bounds, which can stand for the column
        using var file = new TempFile(forge.Write());
        using var reader = TraceReader.Open(file.Path);
        var batch = new FaultBatch(Rows);
        var before = GC.GetAllocatedBytesForCurrentThread();

        var error = Assert.Throws<FaultrecException>(() => reader.ReadRowGroup(0, FaultColumns.All, batch));

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MostBytesTaken);
        Assert.Equal(ExitCode.BadInput, error.ExitCode);
        Assert.StartsWith($"{file.Path}: row group 0, column {column} is damaged ({problem}", error.Message, StringComparison.Ordinal);
    }

    private static void AssertNotOpened(ParquetForge forge, string problem)
    {
        using var file = new TempFile(forge.Write());
        var error = Assert.Throws<FaultrecException>(() => TraceReader.Open(file.Path));
        Assert.Equal(ExitCode.BadInput, error.ExitCode);
        Assert.StartsWith($"{file.Path}: {problem}", error.Message, StringComparison.Ordinal);
    }

    private static ForgedChunk ChunkOf(ParquetForge forge, string column)
        => forge.Chunks[0].Single(chunk => chunk.Metadata[3]!.Items[0].Bytes.AsSpan().SequenceEqual(System.Text.Encoding.UTF8.GetBytes(column)));

    private static byte[] Compress(int zeros)
    {
        using var compressed = new MemoryStream();
        using (var zstd = new CompressionStream(compressed, 1))
        {
            var block = new byte[1 << 20];
            for (var written = 0; written < zeros; written += block.Length)
                zstd.Write(block);
        }

        return compressed.ToArray();
    }
}
