using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Compare;
using Faultrec.Analyzer.Library;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Rows;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Simulate;
using Faultrec.Analyzer.Tables;
using Faultrec.Traces;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;
using Microsoft.Data.Analysis;
using Xunit;

namespace Faultrec.Analyzer.Tests;

/// <summary>What programs get: frames with the values of the file, or a clear refusal.</summary>
public class LibraryTests
{
    private static readonly TraceMetadata Metadata = RandomTrace.Metadata();
    private static readonly Fault[] Faults = [.. RandomTrace.Faults(Metadata, 2000, seed: 11)];

    [Fact]
    public void AFrameOfFaultsHasTheValuesOfTheFile()
    {
        using var file = new TemporaryTrace(Metadata, Faults, 300);
        using var trace = Trace.Open(file.Path);

        var frame = trace.Faults().ToDataFrame();

        Assert.Equal(RowFields.Names, frame.Columns.Select(column => column.Name));
        Assert.Equal(trace.RowCount, frame.Rows.Count);
        var row = 0;
        trace.Faults().ForEach(FaultColumns.All, (batch, in verdicts) =>
        {
            for (var i = 0; i < batch.Count; i++, row++)
            {
                Assert.Equal(batch.TimeNs[i], frame["time_ns"][row]);
                Assert.Equal(batch.Address[i], frame["address"][row]);
                Assert.Equal(batch.Comm[i], frame["comm"][row]);
                Assert.Equal((batch.Major[i], batch.Merged[i]), (frame["major"][row], frame["merged"][row]));
                Assert.Equal(batch.DurationNs[i] == FaultBatch.Null ? null : batch.DurationNs[i], frame["duration_ns"][row]);
                Assert.Equal(verdicts.Kinds[i].Name(), frame["kind"][row]);
            }
        });
        Assert.Equal(Faults.Length, row);
        Assert.Contains(null, Enumerable.Range(0, row).Select(i => frame["duration_ns"][i]));
    }

    [Fact]
    public void ColumnsComeAsTheyAreNamedAndFaultsAsTheyAreFiltered()
    {
        using var file = new TemporaryTrace(Metadata, Faults, 300);
        using var trace = Trace.Open(file.Path);

        var frame = trace.Faults(new FaultFilter { Pids = [101] }).ToDataFrame(["kind", "pid"]);

        Assert.Equal(["kind", "pid"], frame.Columns.Select(column => column.Name));
        Assert.Equal((long)trace.Table("process", new FaultFilter { Pids = [101] })["faults"][0], frame.Rows.Count);
        Assert.All(Enumerable.Range(0, (int)frame.Rows.Count), i => Assert.Equal(101L, frame["pid"][i]));
        Assert.Contains("time_ns, duration_ns", Assert.Throws<ArgumentException>(() => trace.Faults().ToDataFrame(["time"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatDoesNotFitIsRefusedWithRowsAndBytes()
    {
        using var file = new TemporaryTrace(Metadata, Faults, 300);
        using var trace = Trace.Open(file.Path);

        var refusal = Assert.Throws<InvalidOperationException>(() => trace.Faults().ToDataFrame(["pid", "comm"], maxBytes: 33_999)).Message;

        Assert.Contains("2,000 faults of 2 columns would take about 34,000 bytes", refusal, StringComparison.Ordinal);
        Assert.Equal(2000, trace.Faults().ToDataFrame(["pid", "comm"], maxBytes: 34_000).Rows.Count);
    }

    [Fact]
    public void EveryTableIsTheFrameThatTheReportIsWrittenFrom()
    {
        using var file = new TemporaryTrace(Metadata, Faults, 300);
        using var trace = Trace.Open(file.Path);
        using var reader = TraceReader.Open(file.Path);
        var report = ReportBuilder.Build(reader, FaultFilter.None, ReportTables.All);

        foreach (var definition in ReportTables.All)
        {
            var table = definition.Build(report, 0);
            var frame = trace.Table(definition.Name);
            Assert.Equal(table.Columns.Select(column => column.Key), frame.Columns.Select(column => column.Name));
            Assert.Equal(table.ToFrame().Rows.Select(row => string.Join('|', row)), frame.Rows.Select(row => string.Join('|', row)));
            Assert.All(frame.Columns, column => Assert.True(column is Int64DataFrameColumn or DoubleDataFrameColumn or StringDataFrameColumn, column.Name));
        }
    }

    [Fact]
    public void StacksOfARecordingWithoutThemAreRefused()
    {
        using var file = new TemporaryTrace(Story.Metadata(Story.TwoRegions), [new(0x10000)], 10);
        using var trace = Trace.Open(file.Path);

        Assert.Contains("has no stacks", Assert.Throws<FaultrecException>(() => trace.Table("stack")).Message, StringComparison.Ordinal);
        Assert.Contains("toucher, stack, function", Assert.Throws<ArgumentException>(() => trace.Table("stacks")).Message, StringComparison.Ordinal);
    }
}
