using System.Numerics;
using Faultrec.Traces;

namespace Faultrec.Analyzer;

/// <summary>From a trace to a <see cref="FaultReport"/>.</summary>
public static class ReportBuilder
{
    /// <param name="reader">Open; stays open.</param>
    /// <param name="withTasks">Whether processes, threads and comms are wanted.</param>
    /// <exception cref="FaultrecException">The trace is damaged.</exception>
    public static FaultReport Build(TraceReader reader, FaultFilter filter, bool withTasks = true)
    {
        CheckPageSize(reader.Path, reader.Metadata.PageSize);
        var index = new RegionIndex(reader.Metadata.Regions);
        var aggregates = TraceScan.Run(reader, filter, () => new ReportAggregates(reader.Metadata, index, withTasks));
        return Build(reader.Path, reader.Metadata, filter, index, aggregates);
    }

    /// <summary>The same from faults that are already counted.</summary>
    internal static FaultReport Build(string path, TraceMetadata metadata, FaultFilter filter, RegionIndex index, ReportAggregates aggregates)
    {
        var (regions, files) = RegionTables.Build(metadata, index, aggregates.Regions);
        var tasks = TaskTables.Build(metadata, aggregates.Tasks);
        var sample = SampleFacts.Of(metadata, aggregates.Sample, filter);
        var kinds = KindsOf(aggregates, sample, metadata.Receipt);
        return new FaultReport
        {
            Path = path,
            Metadata = metadata,
            Filter = filter,
            Sample = sample,
            Totals = TotalsOf(index, aggregates, kinds),
            Kinds = kinds,
            Regions = regions,
            Files = files,
            Processes = tasks.Processes,
            Threads = tasks.Threads,
            Comms = tasks.Comms,
            Handlers = HandlerTable.Build(metadata, aggregates.Handlers),
        };
    }

    private static void CheckPageSize(string path, int pageSize)
    {
        if (pageSize < 1024 || !BitOperations.IsPow2(pageSize))
            throw new FaultrecException(ExitCode.BadInput, $"{HostileText.Visible(path)}: page size {pageSize} is none; expected a power of two such as 4096; record again");
    }

    private static Totals TotalsOf(RegionIndex index, ReportAggregates aggregates, List<KindRow> kinds)
    {
        var counts = new FaultCounts();
        var latency = new LatencyHistogram();
        foreach (var kind in kinds)
        {
            counts.Merge(kind.Counts);
            latency.Merge(aggregates.Kinds.Latency(kind.Kind));
        }

        return new Totals(counts, DistinctPages.OfProcesses(index, aggregates.Regions), LatencySummary.Of(latency)) { Gup = aggregates.Gup };
    }

    private static List<KindRow> KindsOf(ReportAggregates aggregates, SampleFacts? sample, Receipt receipt)
    {
        var kinds = aggregates.Kinds;
        var faults = FaultsOf(aggregates, sample, receipt);
        var rows = new List<KindRow>(SeverityNames.Count);
        for (var i = 0; i < SeverityNames.Count; i++)
        {
            var severity = (Severity)i;
            if (faults[i] > 0)
                rows.Add(new KindRow(severity, FaultCounts.Of(severity, faults[i], kinds.Latency(severity).Sum), LatencySummary.Of(kinds.Latency(severity))));
        }

        return rows;
    }

    /// <returns>Faults of each severity; the receipt's exact counts where it has them.</returns>
    private static long[] FaultsOf(ReportAggregates aggregates, SampleFacts? sample, Receipt receipt)
    {
        var kinds = aggregates.Kinds;
        var (major, failed) = (kinds.Faults(Severity.Major), kinds.Faults(Severity.Failed));
        if (sample is not { CountsExact: true })
            return [kinds.Faults(Severity.Minor), major, failed];

        // How many of those left out failed is not counted: that share stays an estimate, which minor faults make up for.
        var all = sample.Rows + receipt.SampledOut;
        major = Math.Clamp(aggregates.Sample!.MajorRows + receipt.SampledOutMajor, 0, all);
        failed = Math.Min(failed, all - major);
        return [all - major - failed, major, failed];
    }
}
