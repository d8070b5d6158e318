using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Render;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Tables;
using Faultrec.Traces;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Analyzer.Tests;

public class MergeTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void PartsCountedApartAndMergedAreOnePassOverAll(bool isSample)
    {
        var metadata = RandomTrace.Metadata(isSample) with { Backend = Backend.Fexit, Handlers = [new HandlerProbe("do_swap_page", null)] };
        var faults = RandomTrace.Faults(metadata, 3000, seed: 5);
        for (var i = 0; i < faults.Length; i++)
            faults[i] = faults[i] with { Gup = i % 7 == 0, Handler = i % 3 == 0 ? "do_swap_page" : null };
        // A plan each: what the aggregates of one share must not hide what is not merged.
        var (ofOne, ofThree) = (Plan(), Plan());

        var single = Count(ofOne, faults);
        var merged = Count(ofThree, faults[2000..]);
        merged.Merge(Count(ofThree, faults[..7]));
        merged.Merge(Count(ofThree, faults[7..2000]));

        Assert.Equal(Text(ofOne, single), Text(ofThree, merged));

        MeasurePlan Plan()
            => new(metadata, [], FaultFilter.None, [.. FaultReport.Always, .. ReportTables.All.SelectMany(table => table.Needs), ActivityAggregate.Measure]);

        MeasureSet Count(MeasurePlan plan, Fault[] part)
        {
            var batch = Story.Batch(part);
            var classifier = new FaultClassifier(metadata);
            classifier.Classify(batch);
            var aggregates = new MeasureSet(plan);
            aggregates.Add(batch, classifier.Verdicts);
            return aggregates;
        }

        string Text(MeasurePlan plan, MeasureSet aggregates)
        {
            var writer = new StringWriter();
            var report = new FaultReport("t", plan, aggregates);
            TextReport.Write(writer, report, null, 0, default);
            foreach (var table in ReportTables.All)
                CsvReport.Write(writer, table.Build(report, 0), null, true);
            return writer.ToString();
        }
    }

    [Fact]
    public void TwoThreadsGiveWhatOneGives()
    {
        // More rows than one thread takes; the pieces are handed out as they come.
        var metadata = RandomTrace.Metadata();
        var faults = RandomTrace.Faults(metadata, 5_000, seed: 6);
        Fault[] many = [.. Enumerable.Range(0, 130).SelectMany(_ => faults)];
        using var file = new TemporaryTrace(metadata, [.. many.Select((fault, i) => fault with { TimeNs = i })], 50_000);
        using var reader = TraceReader.Open(file.Path);

        var report = ReportBuilder.Build(reader, FaultFilter.None, ReportTables.All);
        var once = Story.Report(metadata, faults, groupSize: 10);

        Assert.Equal(once.Totals.Counts.Faults * 130, report.Totals.Counts.Faults);
        Assert.Equal(once.Totals.DistinctPages, report.Totals.DistinctPages);
        Assert.Equal(once.Totals.Latency.SumNs * 130, report.Totals.Latency.SumNs);
        Assert.Equal(
            once.Regions.Select(row => (row.Id, row.Counts.Faults * 130, row.DistinctPages, row.Heat.Sum() * 130)),
            report.Regions.Select(row => (row.Id, row.Counts.Faults, row.DistinctPages, row.Heat.Sum())));
        Assert.Equal(
            once.Comms.Select(row => (row.Comm, row.Threads, row.Counts.Faults * 130)),
            report.Comms.Select(row => (row.Comm, row.Threads, row.Counts.Faults)));
    }

    [Fact]
    public void WhatDependsOnOrderSeesTheRowGroupsInOrderWhicheverThreadReadsThem()
    {
        var (metadata, faults) = ManyPages();
        using var file = new TemporaryTrace(metadata, faults, 10_000);
        using var reader = TraceReader.Open(file.Path);

        var report = ReportBuilder.Build(reader, FaultFilter.None, ReportTables.All);

        var (firstBy, foreign) = (new Dictionary<ulong, int>(), 0);
        var newPages = new long[report.TimeAxis!.Count];
        foreach (var fault in faults)
        {
            newPages[fault.TimeNs / report.TimeAxis.BucketNs] += firstBy.TryAdd(fault.Address >> 12, fault.Tid) ? 1 : 0;
            foreign += firstBy[fault.Address >> 12] == fault.Tid ? 0 : 1;
        }

        Assert.InRange(newPages.Length, 20, 60);
        Assert.Equal(newPages, report.Timeline.Select(row => row.NewPages));
        Assert.Equal(newPages, report.FirstTouches[0].FirstTouches);
        Assert.Equal((faults.Length - firstBy.Count, foreign), (report.Locality[0].Refaults, report.Locality[0].ForeignRefaults));
    }

    [Fact(Timeout = 60_000)]
    public async Task AThreadThatFailsLeavesNoneWaitingForItsTurn()
    {
        var (metadata, faults) = ManyPages();
        using var file = new TemporaryTrace(metadata, faults, 10_000);
        var bytes = await System.IO.File.ReadAllBytesAsync(file.Path, TestContext.Current.CancellationToken);
        bytes.AsSpan(bytes.Length / 4, 100_000).Fill(0xa5);
        await System.IO.File.WriteAllBytesAsync(file.Path, bytes, TestContext.Current.CancellationToken);
        using var reader = TraceReader.Open(file.Path);

        var error = await Assert.ThrowsAsync<FaultrecException>(() => Task.Run(() => ReportBuilder.Build(reader, FaultFilter.None, ReportTables.All)));

        Assert.Equal(ExitCode.BadInput, error.ExitCode);
    }

    /// <summary>More rows than one thread takes, in one region, whose pages are new all the way.</summary>
    private static (TraceMetadata Metadata, Fault[] Faults) ManyPages()
    {
        const int count = 650_000;
        var random = new Random(8);
        Region[] regions = [new() { Id = 1, Pid = 10, Start = 0x10_0000_0000, End = 0x11_0000_0000, Prot = "rw-p", Name = "[anon]" }];
        var faults = Enumerable.Range(0, count)
            .Select(i => new Fault(0x10_0000_0000 + ((ulong)random.Next(1 << 20) << 12)) { TimeNs = i, Tid = 10 + random.Next(3) });
        return (Story.Metadata(regions) with { DurationNs = count }, [.. faults]);
    }
}
