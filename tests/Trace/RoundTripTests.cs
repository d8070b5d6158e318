using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Xunit;

namespace Faultrec.Trace.Tests;

/// <summary>What was written is what DuckDB reads and what the reader reads, value by value.</summary>
public sealed class RoundTripTests
{
    private static readonly (string Name, Func<FaultBatch, int, object?> Value)[] _columns =
    [
        ("time_ns", (b, i) => b.TimeNs[i]),
        ("duration_ns", (b, i) => OrNull(b.DurationNs[i], FaultBatch.Null)),
        ("pid", (b, i) => b.Pid[i]),
        ("tid", (b, i) => b.Tid[i]),
        ("cpu", (b, i) => b.Cpu[i]),
        ("comm", (b, i) => b.Comm[i]),
        ("address", (b, i) => b.Address[i]),
        ("ip", (b, i) => b.Ip[i]),
        ("major", (b, i) => b.Major[i]),
        ("access", (b, i) => b.Access[i] switch { FaultAccess.Read => "read", FaultAccess.Write => "write", FaultAccess.Exec => "exec", _ => null }),
        ("kernel_access", (b, i) => b.KernelAccess[i]),
        ("error_code", (b, i) => OrNull(b.ErrorCode[i], FaultBatch.Null)),
        ("fault_flags", (b, i) => OrNull(b.FaultFlags[i], FaultBatch.Null)),
        ("fault_result", (b, i) => OrNull(b.FaultResult[i], FaultBatch.Null)),
        ("signal", (b, i) => OrNull(b.Signal[i], FaultBatch.Null)),
        ("pt_level", (b, i) => OrNull(b.PtLevel[i], (sbyte)FaultBatch.Null)),
        ("pte_before", (b, i) => OrNull(b.PteBefore[i], FaultBatch.NullPte)),
        ("pfn", (b, i) => OrNull(b.Pfn[i], FaultBatch.Null)),
        ("page_order", (b, i) => OrNull(b.PageOrder[i], (sbyte)FaultBatch.Null)),
        ("region_id", (b, i) => b.RegionId[i]),
        ("region", (b, i) => b.Region[i]),
        ("file_page", (b, i) => OrNull(b.FilePage[i], FaultBatch.Null)),
        ("stack", (b, i) => b.Stack[i]),
        ("gup", (b, i) => b.Gup[i]),
        ("handler", (b, i) => b.Handler[i]),
        ("vmf_address", (b, i) => OrNull(b.VmfAddress[i], FaultBatch.Null)),
        ("vmf_pgoff", (b, i) => OrNull(b.VmfPgoff[i], FaultBatch.Null)),
        ("weight", (b, i) => b.Weight[i]),
        ("grew", (b, i) => b.Grew[i]),
        ("reclaim_ns", (b, i) => OrNull(b.ReclaimNs[i], FaultBatch.Null)),
        ("compaction_ns", (b, i) => OrNull(b.CompactionNs[i], FaultBatch.Null)),
        ("io_wait_ns", (b, i) => OrNull(b.IoWaitNs[i], FaultBatch.Null)),
        ("lock_wait_ns", (b, i) => OrNull(b.LockWaitNs[i], FaultBatch.Null)),
        ("off_cpu_ns", (b, i) => OrNull(b.OffCpuNs[i], FaultBatch.Null)),
        ("zeroing_ns", (b, i) => OrNull(b.ZeroingNs[i], FaultBatch.Null)),
        ("slab_fast", (b, i) => OrNull(b.SlabFast[i], FaultBatch.Null)),
        ("slab_sheaf", (b, i) => OrNull(b.SlabSheaf[i], FaultBatch.Null)),
        ("slab_local", (b, i) => OrNull(b.SlabLocal[i], FaultBatch.Null)),
        ("slab_partial", (b, i) => OrNull(b.SlabPartial[i], FaultBatch.Null)),
        ("slab_remote", (b, i) => OrNull(b.SlabRemote[i], FaultBatch.Null)),
        ("slab_buddy", (b, i) => OrNull(b.SlabBuddy[i], FaultBatch.Null)),
        ("buddy_pages", (b, i) => OrNull(b.BuddyPages[i], FaultBatch.Null)),
        ("stack_id", (b, i) => OrNull(b.StackId[i], FaultBatch.Null)),
        ("mapper_stack_id", (b, i) => OrNull(b.MapperStackId[i], FaultBatch.Null)),
        ("merged", (b, i) => b.Merged[i]),
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

        var rows = Duck.Query($"SELECT * FROM read_parquet('{file.Path}') ORDER BY file_row_number");

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
        for (int g = 0; g < reader.RowGroups.Count; g++)
        {
            reader.ReadRowGroup(g, FaultColumns.All, batch);
            for (int i = 0; i < batch.Count; i++)
                rows.Add([.. _columns.Select(column => column.Value(batch, i))]);
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
        for (int c = 0; c < _columns.Length; c++)
        {
            var other = SampleTrace.RandomBatch(new Random(10), 500);
            var untouched = SampleTrace.RandomBatch(new Random(10), 500);
            reader.ReadRowGroup(0, (FaultColumns)(1L << c), other);
            for (int k = 0; k < _columns.Length; k++)
            {
                var expected = k == c ? batches[0] : untouched;
                for (int i = 0; i < 500; i++)
                    Assert.Equal(_columns[k].Value(expected, i), _columns[k].Value(other, i));
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
        for (int g = 0; g < 2; g++)
        {
            reader.ReadRowGroup(g, FaultColumns.Region, batch);
            foreach (string region in batch.Region)
                Assert.Same(instances.TryGetValue(region, out string? first) ? first : instances[region] = region, region);
        }
    }

    [Fact]
    public void StatisticsBoundTimePidAndRegion()
    {
        var batches = SampleTrace.RandomBatches(12, 400, 300);
        using var file = new TempFile(SampleTrace.Write(batches));
        using var reader = TraceReader.Open(file.Path);
        for (int g = 0; g < 2; g++)
        {
            var rows = Enumerable.Range(0, batches[g].Count).ToArray();
            var expected = new RowGroupInfo(
                rows.Length,
                rows.Min(i => batches[g].TimeNs[i]), rows.Max(i => batches[g].TimeNs[i]),
                rows.Min(i => batches[g].Pid[i]), rows.Max(i => batches[g].Pid[i]),
                rows.Min(i => batches[g].RegionId[i]), rows.Max(i => batches[g].RegionId[i]));
            Assert.Equal(expected, reader.RowGroups[g]);
        }
        var statistics = Duck.Query(
            $"SELECT CAST(stats_min_value AS BIGINT), CAST(stats_max_value AS BIGINT) FROM parquet_metadata('{file.Path}') WHERE path_in_schema = 'address'");
        for (int g = 0; g < 2; g++)
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
        Assert.Equal([[faults]], Duck.Query($"SELECT count(*) FROM '{file.Path}' WHERE comm = '{comm}'"));
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
            Duck.Query($"SELECT stats_min_value, stats_max_value FROM parquet_metadata('{file.Path}') WHERE path_in_schema IN ('access', 'comm') ORDER BY path_in_schema"));
        Assert.Equal([[comms.LongCount(text => text == comm)]], Duck.Query($"SELECT count(*) FROM '{file.Path}' WHERE comm = '{comm}' AND access = 'exec'"));
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
        Assert.Equal([[0L]], Duck.Query($"SELECT count(*) FROM '{file.Path}'"));
    }

    [Fact]
    public void BatchTooSmallForTheRowGroupIsRefused()
    {
        using var file = new TempFile(SampleTrace.Write(SampleTrace.RandomBatches(13, 20)));
        using var reader = TraceReader.Open(file.Path);
        Assert.Throws<ArgumentException>(() => reader.ReadRowGroup(0, FaultColumns.Pid, new FaultBatch(19)));
    }

    private static object? OrNull<T>(T value, T nothing)
        where T : struct
        => value.Equals(nothing) ? null : value;

    private static void AssertSame(List<FaultBatch> batches, List<object?[]> rows)
    {
        Assert.Equal(batches.Sum(batch => batch.Count), rows.Count);
        int row = 0;
        foreach (var batch in batches)
        {
            for (int i = 0; i < batch.Count; i++, row++)
            {
                Assert.Equal(_columns.Length, rows[row].Length);
                for (int c = 0; c < _columns.Length; c++)
                {
                    object? expected = _columns[c].Value(batch, i);
                    if (!Equals(expected, rows[row][c]))
                        Assert.Fail($"row {row}, {_columns[c].Name}: wrote {expected ?? "null"}, read {rows[row][c] ?? "null"}");
                }
            }
        }
    }
}
