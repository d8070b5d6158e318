using Faultrec.Testing;
using Faultrec.Traces;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Xunit;

namespace Faultrec.Trace.Tests;

/// <summary>Damaged traces: refused with a line that says where, or read with the values that were written.</summary>
public sealed class DamageTests
{
    private const int FooterGuardSize = 16;

    private static readonly List<FaultBatch> Batches = SampleTrace.RandomBatches(21, 300, 200, 250);
    private static readonly byte[] Trace = SampleTrace.Write(Batches);

    [Fact]
    public void EveryTruncationIsRefused()
    {
        var random = new Random(1);
        int[] lengths =
        [
            .. Enumerable.Range(0, 64),
            .. Enumerable.Range(Trace.Length - 64, 64),
            .. Enumerable.Range(0, 200).Select(_ => random.Next(Trace.Length)),
        ];
        foreach (var length in lengths)
            Assert.NotNull(ReadAll(Trace[..length], Batches));
    }

    /// <summary>
    /// Every flip is refused but in what reading never looks at: column chunks that the footer says are null throughout, and the letters
    /// by which the footer's guard is known. How many flips of 600 that is depends on the sample's columns; where they lie does not.
    /// </summary>
    [Fact]
    public void AFlippedBitNeverChangesAValue()
    {
        var nulls = AllNullChunks();
        var guard = Trace.Length - 8 - BitConverter.ToInt32(Trace, Trace.Length - 8) - FooterGuardSize;
        Assert.InRange(nulls.Sum(chunk => chunk.Length), 1, Trace.Length / 20);
        var random = new Random(2);
        var flips = Effort.Of(full: 600, brief: 150);
        for (var i = 0; i < flips; i++)
        {
            var at = random.Next(Trace.Length);
            var flipped = Flip(Trace, at, random.Next(8));
            var isOfNulls = nulls.Any(chunk => at >= chunk.Start && at < chunk.Start + chunk.Length);
            var isGuardsName = at >= guard && at < guard + "faultrec".Length;

            Assert.True(ReadAll(flipped, Batches) is null == (isOfNulls || isGuardsName), $"byte {at}");
            // Whoever reads the rows by other means has those chunks compared, too.
            Assert.True(Verify(flipped) is null == isGuardsName, $"byte {at} when verified");
        }
    }

    [Fact]
    public void DamageInAPageNamesRowGroupAndColumn()
    {
        // The first page starts behind the magic; its column is the first.
        using var file = new TempFile(Flip(Trace, 100, 0));
        using var reader = TraceReader.Open(file.Path);
        var batch = new FaultBatch(300);

        var error = Assert.Throws<FaultrecException>(() => reader.ReadRowGroup(0, FaultColumns.All, batch));

        Assert.Equal(
            $"{file.Path}: row group 0, column time_ns is damaged (its checksum is wrong): copy the file again or record again",
            error.Message);
        reader.ReadRowGroup(0, FaultColumns.All & ~FaultColumns.TimeNs, batch);
        Assert.Equal(Batches[0].Address.Take(300), batch.Address);
    }

    /// <summary>
    /// Without the checksums, as if somebody had made them right again: wrong values cannot be recognised then, but nothing may
    /// crash, hang, or throw anything else.
    /// </summary>
    [Fact]
    public void AForgedFileIsReadOrRefused()
    {
        var unprotected = FooterEdit.WithoutChecksums(Trace);
        Assert.Null(ReadAll(unprotected, Batches));
        var random = new Random(3);
        var footer = Trace.Length - 8 - BitConverter.ToInt32(Trace, Trace.Length - 8);

        // All of the first page's header, which steers the reader, then samples of pages and footer.
        for (var bit = 4 * 8; bit < 64 * 8; bit++)
            ReadAll(Flip(unprotected, bit / 8, bit % 8), null);
        var samples = Effort.Of(full: 1200, brief: 300);
        for (var i = 0; i < samples; i++)
        {
            var at = i % 3 == 0 ? random.Next(footer, Trace.Length) : random.Next(Trace.Length);
            ReadAll(Flip(unprotected, at, random.Next(8)), null);
        }
    }

    /// <summary>Where the chunks are that hold nothing but nulls, as DuckDB reads the footer.</summary>
    private static List<(long Start, long Length)> AllNullChunks()
    {
        using var file = new TempFile(Trace);
        var rows = DuckDb.Query(
            $"SELECT coalesce(nullif(dictionary_page_offset, 0), data_page_offset), total_compressed_size FROM parquet_metadata('{file.Path}') "
            + "WHERE stats_null_count = num_values");
        return [.. rows.Select(row => ((long)row[0]!, (long)row[1]!))];
    }

    private static FaultrecException? Verify(byte[] content)
    {
        using var file = new TempFile(content);
        try
        {
            using var reader = TraceReader.Open(file.Path);
            reader.Verify();
            return null;
        }
        catch (FaultrecException e)
        {
            return e;
        }
    }

    private static byte[] Flip(byte[] bytes, int at, int bit)
    {
        byte[] flipped = [.. bytes];
        flipped[at] ^= (byte)(1 << bit);
        return flipped;
    }

    /// <param name="expected">What must be read if anything is; null where anything may.</param>
    /// <returns>The refusal, or null when the file was read.</returns>
    private static FaultrecException? ReadAll(byte[] content, List<FaultBatch>? expected)
    {
        using var file = new TempFile(content);
        try
        {
            using var reader = TraceReader.Open(file.Path);
            for (var g = 0; g < reader.RowGroups.Count; g++)
            {
                var batch = new FaultBatch(reader.RowGroups[g].Rows);
                reader.ReadRowGroup(g, FaultColumns.All, batch);
                if (expected is not null)
                    AssertSame(expected[g], batch);
            }

            return null;
        }
        catch (FaultrecException e)
        {
            Assert.Equal(ExitCode.BadInput, e.ExitCode);
            Assert.StartsWith($"{file.Path}: ", e.Message, StringComparison.Ordinal);
            Assert.DoesNotContain(e.Message, char.IsControl);
            return e;
        }
    }

    private static void AssertSame(FaultBatch expected, FaultBatch actual)
    {
        var count = expected.Count;
        Assert.Equal(count, actual.Count);
        AssertColumn(expected.TimeNs, actual.TimeNs);
        AssertColumn(expected.DurationNs, actual.DurationNs);
        AssertColumn(expected.Pid, actual.Pid);
        AssertColumn(expected.Tid, actual.Tid);
        AssertColumn(expected.Cpu, actual.Cpu);
        AssertColumn(expected.Comm, actual.Comm);
        AssertColumn(expected.Address, actual.Address);
        AssertColumn(expected.Ip, actual.Ip);
        AssertColumn(expected.Major, actual.Major);
        AssertColumn(expected.Access, actual.Access);
        AssertColumn(expected.KernelAccess, actual.KernelAccess);
        AssertColumn(expected.ErrorCode, actual.ErrorCode);
        AssertColumn(expected.FaultFlags, actual.FaultFlags);
        AssertColumn(expected.FaultResult, actual.FaultResult);
        AssertColumn(expected.Signal, actual.Signal);
        AssertColumn(expected.PtLevel, actual.PtLevel);
        AssertColumn(expected.PteBefore, actual.PteBefore);
        AssertColumn(expected.Pfn, actual.Pfn);
        AssertColumn(expected.PageOrder, actual.PageOrder);
        AssertColumn(expected.RegionId, actual.RegionId);
        AssertColumn(expected.Region, actual.Region);
        AssertColumn(expected.FilePage, actual.FilePage);
        AssertColumn(expected.Stack, actual.Stack);

        void AssertColumn<T>(T[] one, T[] other) => Assert.True(one.AsSpan(0, count).SequenceEqual(other.AsSpan(0, count)));
    }
}
