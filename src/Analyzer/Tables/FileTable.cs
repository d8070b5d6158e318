using Faultrec.Analyzer.Measures;

namespace Faultrec.Analyzer.Tables;

/// <param name="Regions">Mappings of the file that faulted.</param>
/// <param name="Processes">Processes whose mappings of the file faulted.</param>
internal sealed record FileRow(string Path, int Regions, int Processes, FaultCounts Counts, LatencySummary Latency);

internal static class FileTable
{
    public static TableDefinition<FileRow> Definition { get; } = new()
    {
        Name = "file",
        Title = "files",
        RowName = "file",
        Question = "which mapped files faulted",
        JsonKey = "files",
        Needs = [RegionAggregate.Measure],
        WhyEmpty = static _ => "none of these faults was in a mapped file",
        Rows = Rows,
        Columns = (table, _) => table
            .Text("path", "file", "path of the mapped file", ColumnAudience.Everyone, row => row.Path)
            .Integer("regions", "regions", "mappings of the file that faulted", CellFormat.Count, ColumnAudience.Everyone, row => row.Regions)
            .Integer("processes", "processes", "processes with such a mapping", CellFormat.Count, ColumnAudience.Wide, row => row.Processes)
            .Counts(row => row.Counts)
            .Latency(row => row.Latency, ColumnAudience.Wide),
    };

    // The regions' sums by path.
    private static List<FileRow> Rows(FaultReport report)
    {
        var (aggregate, index, files) = (report.Find(RegionAggregate.Measure)!, report.Plan.Index, new Dictionary<string, FileSum>());
        for (var id = 1; id < index.IdLimit; id++)
        {
            if (aggregate.ById(id) is not { } stats || index.Find(id) is not { Path: { } path } region)
                continue;
            if (!files.TryGetValue(path, out var file))
                files.Add(path, file = new FileSum());
            file.Add(region.Pid, stats);
        }

        var rows = files.Select(file => file.Value.Row(file.Key)).ToList();
        rows.Sort((a, b) => Ordering.ByFaults(a.Counts, b.Counts, string.CompareOrdinal(a.Path, b.Path)));
        return rows;
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
