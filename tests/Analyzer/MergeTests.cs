using Faultrec.Traces;
using Xunit;

namespace Faultrec.Analyzer.Tests;

public class MergeTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Parts_counted_apart_and_merged_are_one_pass_over_all(bool isSample)
    {
        var metadata = RandomTrace.Metadata(isSample) with { Backend = "fexit", Handlers = [new HandlerProbe("do_swap_page", null)] };
        var faults = RandomTrace.Faults(metadata, 3000, seed: 5);
        for (var i = 0; i < faults.Length; i++)
            faults[i] = faults[i] with { Gup = i % 7 == 0, Handler = i % 3 == 0 ? "do_swap_page" : null };
        var index = new RegionIndex(metadata.Regions);

        var single = Count(faults);
        var merged = Count(faults[2000..]);
        merged.Merge(Count(faults[..7]));
        merged.Merge(Count(faults[7..2000]));

        Assert.Equal(Text(single), Text(merged));

        ReportAggregates Count(Fault[] part)
        {
            var batch = Story.Batch(part);
            var judge = new Judge(metadata);
            judge.Classify(batch);
            var aggregates = new ReportAggregates(metadata, index, withTasks: true, withStacks: true);
            aggregates.Add(batch, judge.Verdicts);
            return aggregates;
        }

        string Text(ReportAggregates aggregates)
        {
            var writer = new StringWriter();
            var report = ReportBuilder.Build("t", metadata, FaultFilter.None, index, aggregates);
            TextReport.Write(writer, report, null, 0, default);
            foreach (var kind in Enum.GetValues<ReportTableKind>())
                CsvReport.Write(writer, ReportTables.Build(report, kind, 0), null, true);
            return writer.ToString();
        }
    }

    [Fact]
    public void Two_threads_give_what_one_gives()
    {
        // More rows than one thread takes; the pieces are handed out as they come.
        var metadata = RandomTrace.Metadata();
        var faults = RandomTrace.Faults(metadata, 5_000, seed: 6);
        Fault[] many = [.. Enumerable.Range(0, 130).SelectMany(_ => faults)];
        using var file = new TemporaryTrace(metadata, [.. many.Select((fault, i) => fault with { TimeNs = i })], 50_000);
        using var reader = TraceReader.Open(file.Path);

        var report = ReportBuilder.Build(reader, FaultFilter.None);
        var once = Story.Report(metadata, faults);

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
}
