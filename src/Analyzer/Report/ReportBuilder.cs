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
        return new FaultReport
        {
            Path = path,
            Metadata = metadata,
            Filter = filter,
            Totals = TotalsOf(index, aggregates),
            Kinds = KindsOf(aggregates.Kinds),
            Regions = regions,
            Files = files,
            Processes = tasks.Processes,
            Threads = tasks.Threads,
            Comms = tasks.Comms,
        };
    }

    private static void CheckPageSize(string path, int pageSize)
    {
        if (pageSize < 1024 || !BitOperations.IsPow2(pageSize))
            throw new FaultrecException(ExitCode.BadInput, $"{HostileText.Visible(path)}: page size {pageSize} is none; expected a power of two such as 4096; record again");
    }

    private static Totals TotalsOf(RegionIndex index, ReportAggregates aggregates)
    {
        var counts = new FaultCounts();
        var latency = new LatencyHistogram();
        foreach (var kind in KindsOf(aggregates.Kinds))
        {
            counts.Merge(kind.Counts);
            latency.Merge(aggregates.Kinds.Latency(kind.Kind));
        }

        return new Totals(counts, DistinctPages.OfProcesses(index, aggregates.Regions), LatencySummary.Of(latency));
    }

    private static List<KindRow> KindsOf(KindAggregate kinds)
    {
        var rows = new List<KindRow>(SeverityNames.Count);
        for (var i = 0; i < SeverityNames.Count; i++)
        {
            var severity = (Severity)i;
            if (kinds.Faults(severity) > 0)
                rows.Add(new KindRow(severity, FaultCounts.Of(severity, kinds.Faults(severity), kinds.Latency(severity).Sum), LatencySummary.Of(kinds.Latency(severity))));
        }

        return rows;
    }
}
