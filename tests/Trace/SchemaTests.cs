using System.Numerics;
using Faultrec.Traces;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Xunit;

namespace Faultrec.Trace.Tests;

public sealed class SchemaTests
{
    /// <summary>
    /// The schema as DuckDB sees it. If this fails, the file format changed: bump TraceSchema.Version if a reader of the old
    /// version could misread the new file (a new column at the end it cannot), describe it in docs/format.md, and only then
    /// change the text here.
    /// </summary>
    [Fact]
    public void SchemaChangesOnlyWithItsVersion()
    {
        using var file = new TempFile(SampleTrace.Write(SampleTrace.RandomBatches(1, 10)));

        var columns = DuckDb.Query(
            $"SELECT name, type, coalesce(converted_type, '-'), repetition_type FROM parquet_schema('{file.Path}') WHERE name <> 'root'");

        var listing = string.Join('\n', columns.Select(column => string.Join(' ', column)));
        Assert.Equal(
            """
            schema version 1
            time_ns INT64 INT_64 REQUIRED
            duration_ns INT64 INT_64 OPTIONAL
            pid INT32 INT_32 REQUIRED
            tid INT32 INT_32 REQUIRED
            cpu INT32 INT_32 REQUIRED
            comm BYTE_ARRAY UTF8 REQUIRED
            address INT64 INT_64 REQUIRED
            ip INT64 INT_64 REQUIRED
            major BOOLEAN - REQUIRED
            access BYTE_ARRAY UTF8 OPTIONAL
            kernel_access BOOLEAN - REQUIRED
            error_code INT32 INT_32 OPTIONAL
            fault_flags INT32 INT_32 OPTIONAL
            fault_result INT32 INT_32 OPTIONAL
            signal INT32 INT_32 OPTIONAL
            pt_level INT32 INT_8 OPTIONAL
            pte_before INT64 INT_64 OPTIONAL
            pfn INT64 INT_64 OPTIONAL
            page_order INT32 INT_8 OPTIONAL
            region_id INT32 INT_32 REQUIRED
            region BYTE_ARRAY UTF8 REQUIRED
            file_page INT64 INT_64 OPTIONAL
            stack BYTE_ARRAY UTF8 OPTIONAL
            gup BOOLEAN - REQUIRED
            handler BYTE_ARRAY UTF8 OPTIONAL
            vmf_address INT64 INT_64 OPTIONAL
            vmf_pgoff INT64 INT_64 OPTIONAL
            weight INT32 INT_32 REQUIRED
            grew BOOLEAN - REQUIRED
            reclaim_ns INT64 INT_64 OPTIONAL
            compaction_ns INT64 INT_64 OPTIONAL
            io_wait_ns INT64 INT_64 OPTIONAL
            lock_wait_ns INT64 INT_64 OPTIONAL
            off_cpu_ns INT64 INT_64 OPTIONAL
            zeroing_ns INT64 INT_64 OPTIONAL
            slab_fast INT32 INT_32 OPTIONAL
            slab_sheaf INT32 INT_32 OPTIONAL
            slab_local INT32 INT_32 OPTIONAL
            slab_partial INT32 INT_32 OPTIONAL
            slab_remote INT32 INT_32 OPTIONAL
            slab_buddy INT32 INT_32 OPTIONAL
            buddy_pages INT32 INT_32 OPTIONAL
            stack_id INT32 INT_32 OPTIONAL
            mapper_stack_id INT32 INT_32 OPTIONAL
            merged BOOLEAN - REQUIRED
            mapped_around INT32 INT_32 OPTIONAL
            empty_order INT32 INT_8 OPTIONAL
            """,
            $"schema version {TraceSchema.Version}\n{listing}",
            ignoreLineEndingDifferences: true);
    }

    /// <summary>Version 2 is version 1 but for `major`, which is null in every row; nothing may take it for version 1.</summary>
    [Fact]
    public void WithoutMajorIsAVersionOfItsOwn()
    {
        var batches = SampleTrace.RandomBatches(1, 10);
        using var known = new TempFile(SampleTrace.Write(batches));
        using var unknown = new TempFile(SampleTrace.Write(batches, knowsMajor: false));
        const string columns = "SELECT name, type, converted_type, repetition_type FROM parquet_schema('{0}') WHERE name <> 'root'";

        Assert.Equal(
            [["major", "OPTIONAL"]],
            DuckDb.Query(
                $"SELECT name, repetition_type FROM ({string.Format(null, columns, unknown.Path)} EXCEPT {string.Format(null, columns, known.Path)})"));
        Assert.Equal([[10L, 0L]], DuckDb.Query($"SELECT count(*), count(major) FROM '{unknown.Path}'"));
        Assert.Equal("2", DuckDb.KeyValues(unknown.Path)["faultrec.schema_version"]);
        using (var reader = TraceReader.Open(unknown.Path))
        {
            var batch = new FaultBatch(10);
            batch.Major.AsSpan().Fill(true);
            reader.ReadRowGroup(0, FaultColumns.All, batch);
            Assert.False(reader.Metadata.KnowsMajor);
            Assert.DoesNotContain(true, batch.Major);
            Assert.Equal(batches[0].Address[..10], batch.Address[..10]);
        }

        // A file of version 1 that calls itself 2 is none.
        using var false2 = new TempFile(SampleTrace.Write(batches, SampleTrace.Metadata(10) with { SchemaVersion = 2 }));
        Assert.Contains("column 9 is major, or of another type", Assert.Throws<FaultrecException>(() => TraceReader.Open(false2.Path)).Message,
            StringComparison.Ordinal);
    }

    /// <summary>The writer leaves out a column that nobody has asked a batch for, so that each column has to say that it was asked for.</summary>
    [Fact]
    public void ABatchKnowsWhichOfItsColumnsCanHaveValues()
    {
        foreach (var column in TraceSchema.Columns)
        {
            var batch = new FaultBatch(1);
            Assert.Equal(!column.IsNullable, batch.MayHave(column));
            column.Accept(new Asker(batch));
            Assert.True(batch.MayHave(column), column.Name);
        }
    }

    /// <summary>Bytes a row are what the encodings are chosen for; a lost hint shows here, not in any value.</summary>
    [Theory]
    [InlineData(false, 4)]
    [InlineData(true, 9)]
    public void RowsStaySmall(bool randomAddresses, double maxBytes)
    {
        const int rows = 50_000;
        var random = new Random(1);
        var batch = new FaultBatch(rows) { Count = rows };
        long time = 0;
        for (var i = 0; i < rows; i++)
        {
            time += random.Next(1200, 1800);
            batch.TimeNs[i] = time;
            batch.DurationNs[i] = random.Next(700, 2000);
            batch.Pid[i] = batch.Tid[i] = 4000;
            batch.Comm[i] = "toucher";
            batch.Address[i] = 0x7f00_0000_0000 + 4096L * (randomAddresses ? random.Next(1 << 20) : i);
            batch.Ip[i] = 0x5555_0000_1230 + 16 * (random.Next(50) == 0 ? 1 : 0);
            batch.Access[i] = FaultAccess.Write;
            batch.ErrorCode[i] = 6;
            batch.RegionId[i] = 7;
            batch.Region[i] = "[anon]";
        }

        var bytes = (double)SampleTrace.Write([batch]).Length / rows;

        Assert.InRange(bytes, 1, maxBytes);
    }

    /// <summary>Asks a batch for a column.</summary>
    private sealed class Asker(FaultBatch batch) : IColumnVisitor
    {
        public void Number<T>(NumberColumn<T> column)
            where T : unmanaged, IBinaryInteger<T>
            => _ = column.Of(batch);

        public void Flag(FlagColumn column) => _ = column.Of(batch);

        public void Text(TextColumn column) => _ = column.Of(batch);

        public void Access(AccessColumn column) => _ = column.Of(batch);
    }
}
