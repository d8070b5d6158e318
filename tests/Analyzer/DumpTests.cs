using System.Text;
using DuckDB.NET.Data;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Dump;
using Faultrec.Analyzer.Rows;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Xunit;

namespace Faultrec.Analyzer.Tests;

public class DumpTests
{
    [Fact]
    public void CsvIsTheSchemaInItsOrderWithEmptyNulls()
    {
        Assert.Equal(
            """
            time_ns,duration_ns,pid,tid,cpu,comm,address,ip,major,access,kernel_access,error_code,fault_flags,fault_result,signal,pt_level,pte_before,pfn,page_order,region_id,region,file_page,stack,gup,handler,vmf_address,vmf_pgoff,weight,grew,reclaim_ns,compaction_ns,io_wait_ns,lock_wait_ns,off_cpu_ns,zeroing_ns,slab_fast,slab_sheaf,slab_local,slab_partial,slab_remote,slab_buddy,buddy_pages,stack_id,mapper_stack_id,merged,mapped_around,empty_order,kind
            5,1000,10,10,0,'=app,0x10008,0x400000,false,write,false,6,,,,,,,,1,,,,false,,,,1,false,,,,,,,,,,,,,,7,,false,,,unknown
            9,,10,11,0,"a,b",0xffffffffff600000,0x400000,true,write,false,6,,4,11,,,,,0,,,,true,do_swap_page,,,16,false,,,,,,,,,,,,,,,,false,,,failed

            """.ReplaceLineEndings("\r\n"),
            Dump(
                [
                    new(0x10008) { TimeNs = 5, Comm = "=app", Stack = 7 },
                    new(0xffff_ffff_ff60_0000, 0, null, true, 11)
                    {
                        TimeNs = 9,
                        Tid = 11,
                        Comm = "a,b",
                        FaultResult = 4,
                        Gup = true,
                        Handler = "do_swap_page",
                        Weight = 16,
                    },
                ],
                asJson: false));
    }

    [Fact]
    public void JsonIsAnObjectALine()
    {
        Assert.Equal(
            """
            {"time_ns":5,"duration_ns":null,"pid":10,"tid":10,"cpu":0,"comm":"\u001B\u0022","address":"0x10008","ip":"0x400000","major":false,"access":"write","kernel_access":false,"error_code":6,"fault_flags":null,"fault_result":null,"signal":null,"pt_level":null,"pte_before":null,"pfn":null,"page_order":null,"region_id":1,"region":"","file_page":null,"stack":null,"gup":false,"handler":null,"vmf_address":null,"vmf_pgoff":null,"weight":1,"grew":false,"reclaim_ns":null,"compaction_ns":null,"io_wait_ns":null,"lock_wait_ns":null,"off_cpu_ns":null,"zeroing_ns":null,"slab_fast":null,"slab_sheaf":null,"slab_local":null,"slab_partial":null,"slab_remote":null,"slab_buddy":null,"buddy_pages":null,"stack_id":null,"mapper_stack_id":null,"merged":false,"mapped_around":null,"empty_order":null,"kind":"unknown"}

            """.ReplaceLineEndings("\n"),
            Dump([new(0x10008, DurationNs: null) { TimeNs = 5, Comm = "\x1b\"" }], asJson: true));
    }

    /// <summary>A probe that sees no error code cannot tell reads from writes.</summary>
    [Theory]
    [InlineData(false, ",false,,false,,")]
    [InlineData(true, "\"access\":null")]
    public void UnknownAccessIsNull(bool asJson, string expected)
        => Assert.Contains(expected, Dump([new(0x10000) { Access = FaultAccess.Unknown }], asJson), StringComparison.Ordinal);

    [Fact]
    public void FiltersKeepTheRowsTheyKeepInAReport()
    {
        Fault[] faults = [new(0x10000), new(0x20000, 2, Major: true) { TimeNs = 1 }, new(0x11000) { TimeNs = 2 }, new(0x21000, 2) { TimeNs = 3 }];

        var lines = Dump(faults, asJson: false, new FaultFilter { Regions = ["a.so"], Severities = [Severity.Minor] }).TrimEnd().Split("\r\n");

        Assert.Equal(2, lines.Length);
        Assert.StartsWith("3,1000,10,", lines[1], StringComparison.Ordinal);
    }

    [Fact]
    public void BothFormatsGiveBackEveryValueOfTheFile()
    {
        // The columns that stories leave null are filled here; DuckDB compares its own reading of the file with the dump.
        var batch = Story.Batch(RandomTrace.Faults(RandomTrace.Metadata(), 2000, seed: 12));
        var random = new Random(13);
        for (var i = 0; i < batch.Count; i++)
        {
            batch.PteBefore[i] = i % 3 == 0 ? FaultBatch.NullPte : random.NextInt64();
            batch.Pfn[i] = i % 4 == 0 ? FaultBatch.Null : random.NextInt64();
            batch.PtLevel[i] = (sbyte)random.Next(-1, 5);
            batch.PageOrder[i] = (sbyte)random.Next(-1, 10);
            batch.FaultFlags[i] = random.Next(-1, 4096);
            batch.FilePage[i] = random.Next(-1, 4096);
            batch.Access[i] = (FaultAccess)random.Next(4);
            batch.KernelAccess[i] = random.Next(2) == 0;
            batch.Comm[i] = "thread";
            batch.Region[i] = $"/lib/{random.Next(5)}";
            batch.Stack[i] = i % 2 == 0 ? null : $"main;f{random.Next(100)}";
            batch.Gup[i] = random.Next(2) == 0;
            batch.Handler[i] = i % 3 == 0 ? null : "do_anonymous_page";
            batch.VmfAddress[i] = i % 3 == 0 ? FaultBatch.Null : random.NextInt64() & ~0xfffL;
            batch.VmfPgoff[i] = i % 3 == 0 ? FaultBatch.Null : random.NextInt64(1L << 36);
            batch.Weight[i] = random.Next(1, 100);
        }

        using var file = new TemporaryTrace(RandomTrace.Metadata(), [batch]);
        using var duckdb = new DuckDBConnection("DataSource=:memory:");
        duckdb.Open();
        foreach (var (asJson, read) in new[] { (false, "read_csv('{0}', all_varchar = true)"), (true, "read_json('{0}', format = 'newline_delimited')") })
        {
            var dump = Path.GetTempFileName();
            using (var reader = TraceReader.Open(file.Path))
            using (var output = File.Create(dump))
                TraceDump.Write(reader, FaultFilter.None, asJson, output);
            // All but the kind, which is no column of the file.
            var names = RowFields.Names[..^1];
            var columns = string.Join(", ", names.Select(name => name switch
            {
                "address" or "ip" or "pte_before" or "vmf_address" => $"('0x' || lower(to_hex({name}::BIGINT))) AS {name}",
                _ => $"{name}::VARCHAR AS {name}",
            }));
            var dumped = string.Join(", ", names.Select(name => $"{name}::VARCHAR AS {name}"));
            var (left, right) = ($"SELECT {columns} FROM '{file.Path}'", $"SELECT {dumped} FROM {string.Format(null, read, dump)}");
            using var command = duckdb.CreateCommand();
            command.CommandText = $"SELECT (SELECT count(*) FROM (({left}) EXCEPT ALL ({right}))) + (SELECT count(*) FROM (({right}) EXCEPT ALL ({left})))";
            Assert.Equal(0, Convert.ToInt64(command.ExecuteScalar(), null));
            File.Delete(dump);
        }
    }

    private static string Dump(Fault[] faults, bool asJson, FaultFilter? filter = null)
    {
        using var file = new TemporaryTrace(Story.Metadata(Story.TwoRegions), faults, 2);
        using var reader = TraceReader.Open(file.Path);
        using var output = new MemoryStream();
        TraceDump.Write(reader, filter ?? FaultFilter.None, asJson, output);
        return Encoding.UTF8.GetString(output.ToArray());
    }
}
