using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Tables;

/// <param name="Id">0: no known mapping; <see cref="Helpers.NoId"/>: mappings of several processes.</param>
/// <param name="Region">Null: not one known mapping.</param>
/// <param name="Pages">Pages of the region's range; 0 without a region.</param>
/// <param name="Heat">Faults in 64 equal address buckets of the range.</param>
/// <param name="IsSample">Counts are estimates, distinct pages and coverage lower bounds.</param>
internal sealed record RegionRow(
    int Id,
    Region? Region,
    long Pages,
    long Bytes,
    FaultCounts Counts,
    long DistinctPages,
    LatencySummary Latency,
    IReadOnlyList<long> Heat,
    bool IsSample)
{
    public string Name { get; init; } = RegionNames.Of(Region);

    /// <summary>Faults per page; null without a range.</summary>
    public double? Density => Pages == 0 ? null : (double)Counts.Faults / Pages;

    /// <summary>Share of the region's pages that faulted; null without a range.</summary>
    public double? Coverage => Pages == 0 ? null : (double)DistinctPages / Pages;

    /// <summary>Faults on pages that had faulted before in this recording; not known in a sample.</summary>
    public long? Refaults => IsSample ? null : Counts.Faults - DistinctPages;

    public double? FaultsPerMib => Bytes == 0 ? null : Counts.Faults * 1048576.0 / Bytes;

    /// <summary>Null where the trace does not say which faults were major.</summary>
    public double? MajorRatio => Counts.Faults == 0 ? 0 : (double?)Counts.KnownMajor / Counts.Faults;
}

internal static class RegionTable
{
    public static TableDefinition<RegionRow> Definition { get; } = new()
    {
        Name = "region",
        Title = "regions",
        RowName = "region",
        Question = "which mappings faulted",
        JsonKey = "regions",
        Needs = [RegionAggregate.Measure],
        Rows = Rows,
        Folded = (report, rows) => Helpers.Fold(report, rows, row => row.Region?.Pid, SumOf, Compare),
        Columns = Columns,
        Note = Helpers.Note,
    };

    /// <summary>One row for each mapping that has a count, in the order of this table.</summary>
    public static IEnumerable<TRow> Select<TCounted, TRow>(FaultReport report, Func<int, TCounted?> byId, Func<RegionRow, Region, TCounted, TRow> make)
        where TCounted : class
    {
        foreach (var row in report.Rows(Definition))
        {
            if (row.Region is not null && byId(row.Id) is { } counted)
                yield return make(row, row.Region, counted);
        }
    }

    private static List<RegionRow> Rows(FaultReport report)
    {
        var (aggregate, index, rows) = (report.Find(RegionAggregate.Measure)!, report.Plan.Index, new List<RegionRow>());
        for (var id = 1; id < index.IdLimit; id++)
        {
            if (aggregate.ById(id) is { } stats && index.Find(id) is { } region)
                rows.Add(RowOf(id, region, stats, report));
        }

        if (UnmappedRow(aggregate, report) is { } unmapped)
            rows.Add(unmapped);
        rows.Sort(Compare);
        return rows;
    }

    private static int Compare(RegionRow a, RegionRow b) => Ordering.ByFaults(a.Counts, b.Counts, a.Id.CompareTo(b.Id));

    private static RegionRow SumOf(string name, List<RegionRow> rows)
    {
        var latency = new LatencySummary(rows.Sum(row => row.Latency.Count), null, null, null, null, null, rows.Sum(row => row.Latency.SumNs));
        return new RegionRow(
            Helpers.NoId, null, 0, 0, FaultCounts.Sum(rows.Select(row => row.Counts)), rows.Sum(row => row.DistinctPages), latency, new HeatCounts(),
            rows[0].IsSample)
        {
            Name = name,
        };
    }

    private static void Columns(TableBuilder<RegionRow> table, FaultReport report)
    {
        var isSample = report.Sample is not null;
        table
            .Integer("id", "id", "id of the region in the recording; 0: no known mapping", CellFormat.Id, ColumnAudience.Everyone,
                row => row.Id == Helpers.NoId ? null : row.Id)
            .Text("name", "region", "file, [heap], [stack] or other name of the mapping", ColumnAudience.Everyone, row => row.Name)
            .Text("kind", "kind", "file, heap, stack, anon, special or none", ColumnAudience.Machine, row => RegionNames.KindOf(row.Region))
            .Integer("pid", "pid", "process of the mapping", CellFormat.Id, ColumnAudience.Wide, row => row.Region?.Pid, TableBuilder<RegionRow>.NotInJson)
            .Text("start", "start", "first address of the region at its widest", ColumnAudience.Wide,
                row => row.Region is { } region ? Units.Hex(region.Start) : null, TableBuilder<RegionRow>.NotInJson)
            .Text("end", "end", "first address after the region at its widest", ColumnAudience.Wide,
                row => row.Region is { } region ? Units.Hex(region.End) : null, TableBuilder<RegionRow>.NotInJson)
            .Integer("bytes", "size", "size of the region at its widest; null: no known mapping", CellFormat.Bytes, ColumnAudience.Everyone,
                row => row.Region is null ? null : row.Bytes)
            .Integer("pages", "pages", "pages of the region at its widest", CellFormat.Count, ColumnAudience.Wide,
                row => row.Region is null ? null : row.Pages, TableBuilder<RegionRow>.NotInJson)
            .Json((json, row) =>
            {
                json.WriteNumber("pid", row.Region?.Pid ?? 0);
                json.WriteString("start", Units.Hex(row.Region?.Start ?? 0));
                json.WriteString("end", Units.Hex(row.Region?.End ?? 0));
                json.WriteNumber("pages", row.Pages);
            })
            .Counts(row => row.Counts)
            .Integer("distinct_pages", isSample ? "≥distinct" : "distinct", "different pages that faulted; in a sample a lower bound", CellFormat.Count,
                ColumnAudience.Everyone, row => row.DistinctPages)
            .Real("density", "density", "faults / pages", CellFormat.Ratio, ColumnAudience.Everyone, row => row.Density)
            .Real("coverage", isSample ? "≥cover" : "cover", "distinct pages / pages", CellFormat.Percent, ColumnAudience.Everyone, row => row.Coverage)
            .Integer("refaults", "refaults", "faults on pages that had faulted before in the recording; null: a sample cannot tell", CellFormat.Count,
                isSample ? ColumnAudience.Machine : ColumnAudience.Everyone, row => row.Refaults)
            .Real("faults_per_mib", "per MiB", "faults / size in MiB", CellFormat.Ratio, ColumnAudience.Wide, row => row.FaultsPerMib)
            .Real("major_ratio", "major share", "major faults / faults; null: not known", CellFormat.Percent, ColumnAudience.Wide, row => row.MajorRatio)
            .Latency(row => row.Latency, ColumnAudience.Wide)
            .Numbers("heat", "heat", "faults in 64 equal address buckets of the region", CellFormat.Heat, ColumnAudience.Wide, row => row.Heat)
            .Below(row => row.Region is { } region ? new RowText.Heat($"{region.Start:x}-{region.End:x}", Sparkline.Of(row.Heat)) : null);
        if (report.Stacks is { } stacks)
        {
            table.JsonList("reserved_by", row => stacks.Mappers.GetValueOrDefault(row.Id, []), (json, row, mapper) =>
            {
                json.WriteString("code", mapper.Code);
                json.WriteNumber("faults", mapper.Faults);
                json.WriteNumber("share", (double)mapper.Faults / row.Counts.Faults);
            });
        }
    }

    private static RegionRow RowOf(int id, Region region, RegionStats stats, FaultReport report)
    {
        var bytes = region.End > region.Start ? (long)(region.End - region.Start) : 0;
        return new RegionRow(
            id, region, bytes / report.Metadata.PageSize, bytes, stats.Counts, stats.Pages.Count, LatencySummary.Of(stats.Latency), stats.Heat,
            report.Plan.IsSample);
    }

    private static RegionRow? UnmappedRow(RegionAggregate aggregate, FaultReport report)
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

        return new RegionRow(0, null, 0, 0, counts, pages, LatencySummary.Of(latency), new HeatCounts(), report.Plan.IsSample);
    }
}
