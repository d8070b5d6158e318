using DuckDB.NET.Data;
using Faultrec.Analyzer.Budgets;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Compare;
using Faultrec.Analyzer.Dump;
using Faultrec.Analyzer.Import;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Simulate;
using Faultrec.Analyzer.Tables;
using Faultrec.Traces;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Xunit;

namespace Faultrec.Analyzer.Tests;

/// <summary>
/// Files of systing's schema (src/trace/schema.rs, memory_fault_schema and its siblings) and what they become. They are written by
/// DuckDB, another writer than what reads them: systing itself does not run in the tests.
/// </summary>
public sealed class SystingStories : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("faultrec-");

    private string Output => Path.Combine(_folder.FullName, "trace.parquet");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void FaultsGetProcessAndNameFromTheFilesBeside()
    {
        WriteTasks();
        Write("memory_fault",
            "VALUES (3000::BIGINT, 2::BIGINT, 8192::BIGINT, 6::INT, 7::BIGINT), (1000, 1, 4097, 4, NULL), (2000, 9, 12288, 20, NULL), "
            + "(2000, 3, 16384, 0, NULL) t(ts, utid, addr, error_code, stack_id)");
        Write("sysinfo",
            "SELECT 'Linux' AS sysname, '6.18.0' AS release, 'x86_64' AS machine, 'tracepoint' AS memory_fault_leg, 8::BIGINT AS memory_fault_sample_rate");

        var summary = Import();

        Assert.Equal(new SystingSummary(4, 1, 8), summary);
        using var reader = TraceReader.Open(Output);
        Assert.Equal((2, "import: systing", "6.18.0", "x86_64", 8),
            (reader.Metadata.SchemaVersion, reader.Metadata.Backend.Name, reader.Metadata.Kernel, reader.Metadata.Arch, reader.Metadata.Sampling!.Every));
        Assert.Equal(["10 app", "20 "], reader.Metadata.Processes.Select(process => $"{process.Pid} {process.Comm}"));
        var batch = new FaultBatch(4);
        reader.ReadRowGroup(0, FaultColumns.All, batch);
        Assert.Equal([0, 1000, 1000, 2000], batch.TimeNs);
        Assert.Equal([10, 0, 20, 10], batch.Pid);
        Assert.Equal([10, 0, 20, 11], batch.Tid);
        Assert.Equal(["app", "", "lonely", "pool"], batch.Comm);
        Assert.Equal([4097, 12288, 16384, 8192], batch.Address);
        Assert.Equal([4, 20, FaultBatch.Null, 6], batch.ErrorCode);
        Assert.Equal([FaultAccess.Read, FaultAccess.Exec, FaultAccess.Unknown, FaultAccess.Write], batch.Access);
        Assert.Equal([8, 8, 8, 8], batch.Weight);
    }

    [Fact]
    public void WhichWereMajorIsNotKnownAnywhere()
    {
        WriteTasks();
        Write("memory_fault",
            "SELECT i::BIGINT AS ts, 1::BIGINT AS utid, (i * 4096)::BIGINT AS addr, 6::INT AS error_code, NULL::BIGINT AS stack_id FROM range(300) t(i)");
        Import();
        using var reader = TraceReader.Open(Output);
        var report = ReportBuilder.Build(reader, FaultFilter.None, ReportTables.All) with { Path = "t" };

        var text = TextReportTests.Text(report);
        Assert.Contains("300 faults: 300 of unknown severity, 0 failed; 300 distinct pages", text, StringComparison.Ordinal);
        Assert.Contains("which faults were major is not known", text, StringComparison.Ordinal);
        Assert.Contains("Which of them were major is not known.", text, StringComparison.Ordinal);
        Assert.Equal("unknown", Assert.Single(report.Severities).Severity.Name());
        Assert.Contains("10,app,1,300,,,0,", FormatTests.Csv(report, "process"), StringComparison.Ordinal);
        Assert.Contains("\"major\":null", FormatTests.Json(report).Replace(" ", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Null(report.Timeline[0].MajorPerSecond);
        Assert.Equal(0, ReportBuilder.Build(reader, new FaultFilter { Severities = [Severity.Minor, Severity.Major] }, ReportTables.All).Totals.Counts.Faults);

        using var dump = new MemoryStream();
        TraceDump.Write(reader, FaultFilter.None, asJson: true, dump);
        Assert.Contains("\"major\":null", System.Text.Encoding.UTF8.GetString(dump.ToArray()), StringComparison.Ordinal);
        Assert.Equal([300L], Rows($"SELECT count(*) FROM '{Output}' WHERE major IS NULL"));

        var comparison = TraceComparison.Of([TraceMeasures.Of(report)], [TraceMeasures.Of(report)], FaultFilter.None);
        Assert.StartsWith("Faults (300) unchanged; with one trace per side", ComparisonHeadline.Of(comparison));
        Assert.Null(comparison.Total(Metric.Major).Before);

        var refusal = Assert.Throws<FaultrecException>(() => Assertion.Of(report, [new Budget("max-major", BudgetMeasure.Major, null, 0)],
            allowIncomplete: true));
        Assert.Equal(ExitCode.BadInput, refusal.ExitCode);
        Assert.Contains("does not say which faults were major", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(0, Assertion.Of(report, [new Budget("max-faults", BudgetMeasure.Faults, null, 300)], allowIncomplete: true).Broken);
    }

    [Fact]
    public void WhatIsRefused()
    {
        Refused("memory_fault.parquet: no such file; expected");
        File.WriteAllText(Path.Combine(_folder.FullName, "memory_fault.parquet"), "PAR1 and no more");
        Refused("memory_fault.parquet: is damaged, or no Parquet file");
        Write("memory_fault", "SELECT 1::BIGINT AS ts, 1::BIGINT AS utid, 1::INT AS addr, 6::INT AS error_code");
        Refused("memory_fault.parquet: has no column addr of Int64");
        Write("memory_fault", "SELECT 1::BIGINT AS ts, 1::BIGINT AS utid, 1::BIGINT AS addr, 6::INT AS error_code");
        Refused("process.parquet: no such file");
        WriteTasks();
        Write("memory_fault", "SELECT 1::BIGINT AS ts, 1::BIGINT AS utid, 1::BIGINT AS addr, 6::INT AS error_code LIMIT 0");
        Refused("has no page fault");

        void Refused(string because)
        {
            var refusal = Assert.Throws<FaultrecException>(() => Import());
            Assert.Equal(ExitCode.BadInput, refusal.ExitCode);
            Assert.Contains(because, refusal.Message, StringComparison.Ordinal);
        }
    }

    /// <summary>Whatever a writer chose: DuckDB's second version has delta encodings, and pages whose levels are not compressed.</summary>
    [Theory]
    [InlineData("COMPRESSION uncompressed")]
    [InlineData("COMPRESSION snappy")]
    [InlineData("COMPRESSION gzip")]
    [InlineData("COMPRESSION brotli")]
    [InlineData("COMPRESSION zstd, PARQUET_VERSION V2")]
    [InlineData("COMPRESSION lz4_raw, PARQUET_VERSION V2")]
    public void EveryCodec(string how)
    {
        const int faults = 5000;
        Write("process", $"SELECT i::BIGINT AS upid, i::INT AS pid, 'process ' || i AS name FROM range({faults}) t(i)", how);
        Write("thread",
            $"SELECT i::BIGINT AS utid, i::INT AS tid, CASE WHEN i % 3 > 0 THEN 'thread ' || i END AS name, i::BIGINT AS upid FROM range({faults}) t(i)", how);
        Write("memory_fault",
            "SELECT (i * 1000)::BIGINT AS ts, i::BIGINT AS utid, (i * i * 4096)::BIGINT AS addr, "
            + $"CASE WHEN i % 2 = 0 THEN 6 END::INT AS error_code FROM range({faults}) t(i)", how);

        Assert.Equal(faults, Import().Faults);

        using var reader = TraceReader.Open(Output);
        var batch = new FaultBatch(faults);
        reader.ReadRowGroup(0, FaultColumns.All, batch);
        for (long i = 0; i < faults; i++)
        {
            Assert.Equal((i * 1000, (int)i, (int)i, i * i * 4096), (batch.TimeNs[i], batch.Pid[i], batch.Tid[i], batch.Address[i]));
            Assert.Equal((i % 3 > 0 ? $"thread {i}" : "", i % 2 == 0 ? 6 : FaultBatch.Null), (batch.Comm[i], batch.ErrorCode[i]));
        }
    }

    [Fact]
    public void MoreThanARowGroup()
    {
        WriteTasks();
        var rows = TraceSchema.RowGroupSize + 5;
        Write("memory_fault",
            $"SELECT ({rows} - i)::BIGINT AS ts, (1 + i % 2)::BIGINT AS utid, (i * 4096)::BIGINT AS addr, 6::INT AS error_code, "
            + $"NULL::BIGINT AS stack_id FROM range({rows}) t(i)");

        Assert.Equal(rows, Import().Faults);

        using var reader = TraceReader.Open(Output);
        Assert.Equal(2, reader.RowGroups.Count);
        Assert.Equal(rows, ReportBuilder.Build(reader, FaultFilter.None, ReportTables.All).Totals.DistinctPages);
        Assert.Equal([0L], Rows(
            "SELECT count(*) FROM (SELECT time_ns, lag(time_ns) OVER (ORDER BY file_row_number) AS before "
            + $"FROM read_parquet('{Output}', file_row_number = true)) WHERE time_ns < before"));
    }

    private void WriteTasks()
    {
        Write("process",
            "VALUES (100::BIGINT, 10::INT, 'app', NULL::BIGINT, ['app', '--work'], false), "
            + "(200, 20, NULL, 100, [], false) t(upid, pid, name, parent_upid, cmdline, is_kernel_thread)");
        Write("thread",
            "VALUES (1::BIGINT, 10::INT, 'app', 100::BIGINT), (2, 11, 'pool', 100), (3, 20, 'lonely', NULL), (4, 99, NULL, NULL) t(utid, tid, name, upid)");
    }

    private SystingSummary Import()
    {
        using var output = File.Create(Output);
        return SystingImport.Run(Path.Combine(_folder.FullName, SystingImport.FileName), "0.1.0", output);
    }

    private void Write(string table, string rows, string how = "COMPRESSION snappy")
    {
        var columns = rows.LastIndexOf(" t(", StringComparison.Ordinal);
        var select = rows.StartsWith("VALUES", StringComparison.Ordinal) ? $"SELECT * FROM ({rows[..columns]}) {rows[(columns + 1)..]}" : rows;
        Rows($"COPY ({select}) TO '{Path.Combine(_folder.FullName, table)}.parquet' (FORMAT parquet, {how})");
    }

    private static List<object> Rows(string sql)
    {
        using var duckdb = new DuckDBConnection("DataSource=:memory:");
        duckdb.Open();
        using var command = duckdb.CreateCommand();
        command.CommandText = sql;
        using var reader = command.ExecuteReader();
        var rows = new List<object>();
        while (reader.Read())
            rows.Add(reader.GetValue(0));
        return rows;
    }
}
