using CsCheck;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Render;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Analyzer.Tests;

public class FilterTests
{
    private static readonly Gen<FaultFilter> Filter = Gen.Select(
        Any<int[]>([], [], [101], [100, 103], [999]),
        Any<int[]>([], [], [1101], [100, 2102]),
        Any<string[]>([], [], ["app"], ["p*", "=?md"], ["nobody"]),
        Any<string[]>([], [], ["heap"], ["3"], ["lib1", "0"], ["no mapping"], ["nowhere"]),
        Any<Severity[]>([], [], [Severity.Failed], [Severity.Minor, Severity.Major]),
        Any<(long?, long?)>((null, null), (500_000, null), (null, 700_000), (400_000, 450_000), (5_000_000, null)),
        (pids, tids, comms, regions, kinds, window) => new FaultFilter
        {
            Pids = pids,
            Tids = tids,
            Comms = comms,
            Regions = regions,
            Severities = kinds,
            FromNs = window.Item1,
            ToNs = window.Item2,
        });

    [Fact]
    public void AFilteredReportIsTheReportOfTheFaultsThatMatch()
    {
        // One row group in fifty faults: windows and single processes prune, and the rest is marked row by row.
        var metadata = RandomTrace.Metadata();
        var faults = RandomTrace.Faults(metadata, 1000, seed: 3);
        using var file = new TemporaryTrace(metadata, faults, 50);
        using var reader = TraceReader.Open(file.Path);

        Filter.Sample(filter =>
        {
            // The window is also what a time line is of.
            var window = new FaultFilter { FromNs = filter.FromNs, ToNs = filter.ToNs };
            var expected = Text(Story.Report(metadata, [.. faults.Where(fault => Matches(fault, filter, metadata))], window) with { Filter = filter });
            var actual = Text(ReportBuilder.Build(reader, filter, ReportTables.All, ActivityAggregate.Measure) with
            {
                Path = "trace.parquet",
                Metadata = metadata
            });
            Assert.Equal(expected, actual);
        }, seed: "0000000000001", iter: Effort.Of(full: 150, brief: 25), threads: 1);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void AWindowHasItsStartAndNotItsEnd(int groupSize)
    {
        // Alone in its group, each fault is decided by the statistics; together, row by row.
        Fault[] faults = [new(0x10000) { TimeNs = 99 }, new(0x11000) { TimeNs = 100 }, new(0x12000) { TimeNs = 199 }, new(0x13000) { TimeNs = 200 }];
        var report = Story.Report(Story.Metadata(Story.TwoRegions), faults, new FaultFilter { FromNs = 100, ToNs = 200 }, groupSize);

        Assert.Equal([0, 1, 1, 0], new[] { 0, 16, 32, 48 }.Select(bucket => report.Regions[0].Heat[bucket]));
    }

    [Fact]
    public void RowGroupsThatCannotMatchAreNotRead()
    {
        var filter = new RowFilter(new FaultFilter { FromNs = 100, ToNs = 200, Pids = [7], Regions = ["2"] }, Story.Metadata(Story.TwoRegions));

        Assert.True(filter.MayMatch(new RowGroupInfo(1, 0, 100, 1, 9, 1, 9)));
        Assert.True(filter.MayMatch(new RowGroupInfo(1, null, null, null, null, null, null)));
        Assert.False(filter.MayMatch(new RowGroupInfo(1, 0, 99, 1, 9, 1, 9)));
        Assert.False(filter.MayMatch(new RowGroupInfo(1, 200, 300, 1, 9, 1, 9)));
        Assert.False(filter.MayMatch(new RowGroupInfo(1, 0, 100, 8, 9, 1, 9)));
        Assert.False(filter.MayMatch(new RowGroupInfo(1, 0, 100, 1, 9, 3, 9)));
        Assert.False(filter.MayMatch(new RowGroupInfo(1, 0, 100, 1, 9, 0, 1)));
    }

    [Theory]
    [InlineData("1.5s", 1_500_000_000)]
    [InlineData("200ms", 200_000_000)]
    [InlineData("10us", 10_000)]
    [InlineData("3m", 180_000_000_000)]
    [InlineData("0ns", 0)]
    public void TimesHaveAUnit(string text, long ns)
    {
        Assert.True(DurationText.TryParse(text, out var parsed));
        Assert.Equal(ns, parsed);
    }

    [Theory]
    [InlineData("")]
    [InlineData("5")]
    [InlineData("s")]
    [InlineData("-1s")]
    [InlineData("1.2.3s")]
    [InlineData("1 s")]
    [InlineData("99999999999999h")]
    public void WhatIsNoTimeIsRefused(string text) => Assert.False(DurationText.TryParse(text, out _));

    private static Gen<T> Any<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    // The filter's definition once more, fault by fault, with nothing clever in it.
    private static bool Matches(Fault fault, FaultFilter filter, TraceMetadata metadata)
    {
        var region = metadata.Regions.FirstOrDefault(region => region.Id == fault.Region);
        var name = region?.Name ?? "[no mapping]";
        var failed = fault.Signal is not null || (fault.FaultResult & 3) is not (null or 0);
        var kind = failed ? Severity.Failed : fault.Major ? Severity.Major : Severity.Minor;
        return (filter.Pids.Count == 0 || filter.Pids.Contains(fault.Pid))
            && (filter.Tids.Count == 0 || filter.Tids.Contains(fault.Tid))
            && (filter.Comms.Count == 0 || filter.Comms.Any(wanted => wanted switch
            {
                "p*" => fault.Comm.StartsWith('p'),
                "=?md" => fault.Comm == "=cmd",
                _ => fault.Comm == wanted,
            }))
            && (filter.Regions.Count == 0 || filter.Regions.Any(wanted => wanted is "3" or "0" ? $"{fault.Region}" == wanted : name.Contains(wanted)))
            && (filter.Severities.Count == 0 || filter.Severities.Contains(kind))
            && fault.TimeNs >= (filter.FromNs ?? 0) && fault.TimeNs < (filter.ToNs ?? long.MaxValue);
    }

    // What passes beside the faults, threads and time, is of the filter too, and not of the faults that match it.
    private static string Text(FaultReport report)
    {
        var writer = new StringWriter();
        var unreceipted = report with
        {
            FaultTime = report.FaultTime with { WallNs = 1, Threads = 1, ThreadNs = 1 },
            Metadata = report.Metadata with { Receipt = report.Metadata.Receipt with { Events = 0 } }
        };
        TextReport.Write(writer, unreceipted, null, 0, default);
        // Resident memory is that of all faults.
        foreach (var table in ReportTables.All.Where(table => table.FollowUp != ResidentFacts.FollowUp))
            CsvReport.Write(writer, table.Build(report, 0), null, withHeader: true);
        return writer.ToString();
    }
}
