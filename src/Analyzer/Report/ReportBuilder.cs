using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces;
using Faultrec.Traces.Files;

namespace Faultrec.Analyzer.Report;

/// <summary>From a trace to a <see cref="FaultReport"/>.</summary>
public static class ReportBuilder
{
    /// <param name="reader">Open; stays open.</param>
    /// <param name="parts">What is wanted besides what every report has.</param>
    /// <exception cref="FaultrecException">The trace is damaged.</exception>
    public static FaultReport Build(TraceReader reader, FaultFilter filter, ReportParts parts = ReportParts.All)
    {
        var report = Count(reader, filter, parts);
        // After what the first scan counted in is free again: the state of pages is most of the memory of either.
        return parts.HasFlag(ReportParts.Locality) ? report with { Locality = LocalityTable.Build(reader, filter, report.Regions) } : report;
    }

    private static FaultReport Count(TraceReader reader, FaultFilter filter, ReportParts parts)
    {
        var plan = new ReportPlan(reader.Metadata, reader.RowGroups, filter, parts);
        var aggregates = TraceScan.Run(reader, filter, () => new ReportAggregates(plan));
        return Build(reader.Path, plan, aggregates) with { Storms = StormTable.Build(reader, plan, aggregates.Storms), StormAxis = aggregates.Storms?.Axis };
    }

    /// <summary>The same from faults that are already counted.</summary>
    internal static FaultReport Build(string path, ReportPlan plan, ReportAggregates aggregates)
    {
        var (metadata, filter, index) = (plan.Metadata, plan.Filter, plan.Index);
        var (regions, files) = RegionTables.Build(metadata, index, aggregates.Regions);
        var pagesByPid = DistinctPages.ByProcess(index, aggregates.Regions);
        var tasks = TaskTables.Build(metadata, aggregates.Tasks, pagesByPid);
        var sample = SampleFacts.Of(metadata, aggregates.Sample, filter);
        var severities = KindTables.Severities(aggregates, sample, metadata.Receipt);
        var totals = TotalsOf(aggregates, severities, pagesByPid.Values.Sum());
        return new FaultReport
        {
            Path = path,
            Metadata = metadata,
            Filter = filter,
            Sample = sample,
            Totals = totals,
            Kinds = KindTables.Kinds(aggregates.Kinds),
            Severities = severities,
            Regions = regions,
            Files = files,
            Processes = tasks.Processes,
            Threads = tasks.Threads,
            Comms = tasks.Comms,
            Handlers = HandlerTable.Build(metadata, aggregates.Handlers),
            Levels = PageTableTables.Levels(metadata, aggregates.Kinds),
            PageTables = PageTableTables.Tables(metadata, aggregates.PageTable),
            PageTablesUndetermined = aggregates.PageTable?.Undetermined ?? 0,
            TlbFlushes = PageTableTables.TlbFlushes(metadata, filter),
            Physical = PhysicalTable.Build(metadata, regions, aggregates.Regions, aggregates.Physical),
            FaultTime = CostTables.Time(metadata, filter, totals.Latency),
            Causes = CostTables.Causes(metadata, aggregates.Causes),
            CauseSums = aggregates.Causes,
            Worst = CostTables.Worst(index, aggregates.Worst),
            LockWaits = CostTables.LockWaits(metadata, filter),
            SlabStages = SlabTables.Stages(metadata, filter, aggregates.Slab),
            SlabCaches = SlabTables.Caches(metadata, filter),
            Buddy = SlabTables.Buddy(metadata, filter),
            Stacks = aggregates.Stacks is { } stacks && aggregates.RegionStacks is { } pairs
                ? new StackReport(metadata, index, stacks, pairs, sample?.Faults ?? totals.Counts.Faults)
                : null,
            Activity = aggregates.Activity,
            TimeAxis = plan.FirstTouches?.Axis,
            Timeline = TimeTables.Timeline(aggregates.Time, plan.FirstTouches),
            FirstTouches = TimeTables.FirstTouches(metadata.PageSize, index, plan.FirstTouches),
            HeatAxis = aggregates.Heat?.Axis,
            HeatMaps = HeatMapTable.Build(regions, aggregates.Heat),
            HotRanges = HotRangeTable.Build(regions, aggregates.Hot),
        };
    }

    private static Totals TotalsOf(ReportAggregates aggregates, List<SeverityRow> severities, long distinctPages)
    {
        var counts = new FaultCounts();
        var latency = new LatencyHistogram();
        foreach (var row in severities)
        {
            counts.Merge(row.Counts);
            aggregates.Kinds.Counts(row.Severity, out var ofSeverity);
            latency.Merge(ofSeverity);
        }

        return new Totals(counts, distinctPages, LatencySummary.Of(latency)) { Gup = aggregates.Gup };
    }
}
