using System.Numerics;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Report;

/// <summary>Rows of the region table, and of the file table that sums them by path.</summary>
internal static class RegionTables
{
    public static (List<RegionRow> Regions, List<FileRow> Files) Build(TraceMetadata metadata, RegionIndex index, RegionAggregate aggregate)
    {
        var rows = new List<RegionRow>();
        var files = new Dictionary<string, FileSum>();
        var isSample = SampleFacts.IsSample(metadata);
        var pageShift = BitOperations.Log2((uint)metadata.PageSize);
        for (var id = 1; id < index.IdLimit; id++)
        {
            if (aggregate.ById(id) is not { } stats || index.Find(id) is not { } region)
                continue;
            rows.Add(RowOf(id, region, stats, pageShift, isSample));
            if (region.Path is not { } path)
                continue;
            if (!files.TryGetValue(path, out var file))
                files.Add(path, file = new FileSum());
            file.Add(region.Pid, stats);
        }

        if (UnmappedRow(aggregate, isSample) is { } unmapped)
            rows.Add(unmapped);
        rows.Sort((a, b) => Ordering.ByFaults(a.Counts, b.Counts, a.Id.CompareTo(b.Id)));
        var fileRows = new List<FileRow>(files.Count);
        foreach (var (path, file) in files)
            fileRows.Add(file.Row(path));
        fileRows.Sort((a, b) => Ordering.ByFaults(a.Counts, b.Counts, string.CompareOrdinal(a.Path, b.Path)));
        return (rows, fileRows);
    }

    private static RegionRow RowOf(int id, Region region, RegionStats stats, int pageShift, bool isSample)
    {
        var bytes = region.End > region.Start ? (long)(region.End - region.Start) : 0;
        return new RegionRow(id, region, bytes >> pageShift, bytes, stats.Counts, stats.Pages.Count, LatencySummary.Of(stats.Latency), stats.Heat, isSample);
    }

    private static RegionRow? UnmappedRow(RegionAggregate aggregate, bool isSample)
    {
        if (aggregate.UnmappedByPid.Count == 0)
            return null;
        var (counts, latency, pages) = (new FaultCounts(), new LatencyHistogram(), 0L);
        foreach (var stats in aggregate.UnmappedByPid.Values)
        {
            counts.Merge(stats.Counts);
            latency.Merge(stats.Latency);
            pages += stats.Pages.Count;
        }

        return new RegionRow(0, null, 0, 0, counts, pages, LatencySummary.Of(latency), new HeatCounts(), isSample);
    }

    private sealed class FileSum
    {
        private readonly LatencyHistogram _latency = new();
        private readonly HashSet<int> _pids = [];
        private FaultCounts _counts;
        private int _regions;

        public void Add(int pid, RegionStats stats)
        {
            _counts.Merge(stats.Counts);
            _latency.Merge(stats.Latency);
            _pids.Add(pid);
            _regions++;
        }

        public FileRow Row(string path) => new(path, _regions, _pids.Count, _counts, LatencySummary.Of(_latency));
    }
}
