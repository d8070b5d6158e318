using System.Reflection;
using System.Text.Json;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Xunit;

namespace Faultrec.Trace.Tests;

/// <summary>What was written is what DuckDB reads and what the reader reads, value by value.</summary>
public sealed class RoundTripTests
{
    /// <summary>Not by the descriptors: each array of the batch is the column of its name.</summary>
    private static readonly (string Name, Func<FaultBatch, int, object?> Value)[] Columns =
    [
        .. TraceSchema.Columns.Select(column => (column.Name, Values(typeof(FaultBatch).GetProperties()
            .Single(property => JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name) == column.Name)))),
    ];

    public static TheoryData<int, int[]> Shapes => new()
    {
        { 1, [1] },
        { 2, [2, 1, 3] },
        { 3, [1000, 1, 999] },
        { 4, [5000] },
        { 5, [33, 32, 31] },
        { 6, [1024, 1025, 1023] },
        { 7, [7, 7, 7, 7, 7, 7, 7] },
        { 8, [20_000, 137] },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void DuckDbReadsEveryValue(int seed, int[] counts)
    {
        var batches = SampleTrace.RandomBatches(seed, counts);
        using var file = new TempFile(SampleTrace.Write(batches));

        var rows = DuckDb.Query($"SELECT * FROM read_parquet('{file.Path}') ORDER BY file_row_number");

        AssertSame(batches, rows);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void ReaderReadsEveryValue(int seed, int[] counts)
    {
        var batches = SampleTrace.RandomBatches(seed, counts);
        using var file = new TempFile(SampleTrace.Write(batches));
        using var reader = TraceReader.Open(file.Path);

        // One batch for all, with leftovers of other rows in it, as the analysis uses it.
        var batch = SampleTrace.RandomBatch(new Random(seed + 100), counts.Max());
        var rows = new List<object?[]>();
        for (var g = 0; g < reader.RowGroups.Count; g++)
        {
            reader.ReadRowGroup(g, FaultColumns.All, batch);
            for (var i = 0; i < batch.Count; i++)
                rows.Add([.. Columns.Select(column => column.Value(batch, i))]);
        }

        AssertSame(batches, rows);
        Assert.Equal(counts, reader.RowGroups.Select(group => group.Rows));
        Assert.Equal(counts.Sum(), reader.RowCount);
    }

    [Fact]
    public void EachColumnIsReadAlone()
    {
        var batches = SampleTrace.RandomBatches(9, 500);
        using var file = new TempFile(SampleTrace.Write(batches));
        using var reader = TraceReader.Open(file.Path);
        for (var c = 0; c < Columns.Length; c++)
        {
            var other = SampleTrace.RandomBatch(new Random(10), 500);
            var untouched = SampleTrace.RandomBatch(new Random(10), 500);
            reader.ReadRowGroup(0, (FaultColumns)(1L << c), other);
            for (var k = 0; k < Columns.Length; k++)
            {
                var expected = k == c ? batches[0] : untouched;
                for (var i = 0; i < 500; i++)
                    Assert.Equal(Columns[k].Value(expected, i), Columns[k].Value(other, i));
            }
        }
    }

    [Fact]
    public void EqualTextsAreOneInstanceOverTheFile()
    {
        var batches = SampleTrace.RandomBatches(11, 200, 200);
        using var file = new TempFile(SampleTrace.Write(batches));
        using var reader = TraceReader.Open(file.Path);
        var batch = new FaultBatch(200);
        var instances = new Dictionary<string, string>();
        for (var g = 0; g < 2; g++)
        {
            reader.ReadRowGroup(g, FaultColumns.Region, batch);
            foreach (var region in batch.Region)
                Assert.Same(instances.TryGetValue(region, out var first) ? first : instances[region] = region, region);
        }
    }

    [Fact]
    public void StatisticsBoundTimePidAndRegion()
    {
        var batches = SampleTrace.RandomBatches(12, 400, 300);
        using var file = new TempFile(SampleTrace.Write(batches));
        using var reader = TraceReader.Open(file.Path);
        for (var g = 0; g < 2; g++)
        {
            var rows = Enumerable.Range(0, batches[g].Count).ToArray();
            var expected = new RowGroupInfo(
                rows.Length,
                rows.Min(i => batches[g].TimeNs[i]), rows.Max(i => batches[g].TimeNs[i]),
                rows.Min(i => batches[g].Pid[i]), rows.Max(i => batches[g].Pid[i]),
                rows.Min(i => batches[g].RegionId[i]), rows.Max(i => batches[g].RegionId[i]));
            Assert.Equal(expected, reader.RowGroups[g]);
        }

        var statistics = DuckDb.Query(
            $"SELECT CAST(stats_min_value AS BIGINT), CAST(stats_max_value AS BIGINT) FROM parquet_metadata('{file.Path}') WHERE path_in_schema = 'address'");
        for (var g = 0; g < 2; g++)
        {
            var addresses = batches[g].Address.Take(batches[g].Count).ToArray();
            Assert.Equal([addresses.Min(), addresses.Max()], statistics[g]);
        }
    }

    /// <summary>U+FF5E comes before U+1F600 in UTF-8 and behind it in UTF-16: statistics in the wrong order hide rows.</summary>
    [Theory]
    [InlineData("😀", 2)]
    [InlineData("～", 1)]
    [InlineData("a", 1)]
    public void DuckDbFindsTextOfAnyScript(string comm, long faults)
    {
        var batch = SampleTrace.RandomBatch(new Random(14), 4);
        string[] comms = ["😀", "～", "a", "😀"];
        comms.CopyTo(batch.Comm, 0);
        using var file = new TempFile(SampleTrace.Write([batch]));
        Assert.Equal([[faults]], DuckDb.Query($"SELECT count(*) FROM '{file.Path}' WHERE comm = '{comm}'"));
    }

    /// <summary>In no order are they wrong; texts that only look alike are two.</summary>
    [Theory]
    [InlineData("😀～", "😀～", "😀～")]
    [InlineData("", "", "")]
    [InlineData("\u00e9", "e\u0301", null)]
    [InlineData("a", "A", null)]
    public void OneTextInAllRowsIsInTheStatistics(string comm, string last, string? only)
    {
        var batch = SampleTrace.RandomBatch(new Random(15), 4);
        string[] comms = [comm, comm, comm, last];
        comms.CopyTo(batch.Comm, 0);
        batch.Access.AsSpan().Fill(FaultAccess.Exec);
        using var file = new TempFile(SampleTrace.Write([batch]));

        Assert.Equal(
            [["exec", "exec"], [only, only]],
            DuckDb.Query(
                $"SELECT stats_min_value, stats_max_value FROM parquet_metadata('{file.Path}') "
                + "WHERE path_in_schema IN ('access', 'comm') ORDER BY path_in_schema"));
        Assert.Equal([[comms.LongCount(text => text == comm)]], DuckDb.Query($"SELECT count(*) FROM '{file.Path}' WHERE comm = '{comm}' AND access = 'exec'"));
        using var reader = TraceReader.Open(file.Path);
        var read = new FaultBatch(4);
        reader.ReadRowGroup(0, FaultColumns.Comm | FaultColumns.Access, read);
        Assert.Equal(comms, read.Comm[..4]);
        Assert.All(read.Access[..4], access => Assert.Equal(FaultAccess.Exec, access));
    }

    [Fact]
    public void TraceWithoutFaultsIsATrace()
    {
        using var file = new TempFile(SampleTrace.Write([new FaultBatch(10)]));
        using var reader = TraceReader.Open(file.Path);
        Assert.Empty(reader.RowGroups);
        Assert.Equal(0, reader.RowCount);
        Assert.Equal([[0L]], DuckDb.Query($"SELECT count(*) FROM '{file.Path}'"));
    }

    [Fact]
    public void BatchTooSmallForTheRowGroupIsRefused()
    {
        using var file = new TempFile(SampleTrace.Write(SampleTrace.RandomBatches(13, 20)));
        using var reader = TraceReader.Open(file.Path);
        Assert.Throws<ArgumentException>(() => reader.ReadRowGroup(0, FaultColumns.Pid, new FaultBatch(19)));
    }

    private static Func<FaultBatch, int, object?> Values(PropertyInfo array)
    {
        string[] neverNull =
        [
            nameof(FaultBatch.TimeNs), nameof(FaultBatch.Pid), nameof(FaultBatch.Tid), nameof(FaultBatch.Cpu), nameof(FaultBatch.Address),
            nameof(FaultBatch.Ip),
            nameof(FaultBatch.RegionId), nameof(FaultBatch.Weight),
        ];
        var isNullable = !neverNull.Contains(array.Name);
        var nothing = array.Name == nameof(FaultBatch.PteBefore) ? FaultBatch.NullPte : FaultBatch.Null;
        return (batch, i) => ((Array)array.GetValue(batch)!).GetValue(i) switch
        {
            FaultAccess access => access == FaultAccess.Unknown ? null : access.ToString().ToLowerInvariant(),
            long value => isNullable && value == nothing ? null : value,
            int value => isNullable && value == nothing ? null : value,
            sbyte value => isNullable && value == nothing ? null : value,
            var value => value,
        };
    }

    private static void AssertSame(List<FaultBatch> batches, List<object?[]> rows)
    {
        Assert.Equal(batches.Sum(batch => batch.Count), rows.Count);
        var row = 0;
        foreach (var batch in batches)
        {
            for (var i = 0; i < batch.Count; i++, row++)
            {
                Assert.Equal(Columns.Length, rows[row].Length);
                for (var c = 0; c < Columns.Length; c++)
                {
                    var expected = Columns[c].Value(batch, i);
                    if (!Equals(expected, rows[row][c]))
                        Assert.Fail($"row {row}, {Columns[c].Name}: wrote {expected ?? "null"}, read {rows[row][c] ?? "null"}");
                }
            }
        }
    }
}
