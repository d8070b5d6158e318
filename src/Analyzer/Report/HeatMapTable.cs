using Faultrec.Analyzer.Measures;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Report;

/// <param name="Faults">Of all rows.</param>
/// <param name="Fullest">Faults of the fullest cell: what the characters of a map are relative to.</param>
/// <param name="Rows">By bucket of time, each with 64 address buckets; all there are.</param>
public sealed record HeatMap(int Id, Region Region, long Faults, long Fullest, IReadOnlyList<IReadOnlyList<long>> Rows);

/// <summary>The heat maps, in the order of the region table.</summary>
internal static class HeatMapTable
{
    /// <summary>So many regions have a map: a thousand numbers each are for the few that matter.</summary>
    public const int MostRegions = 64;

    public static List<HeatMap> Build(IReadOnlyList<RegionRow> regions, HeatMapAggregate? aggregate)
    {
        var maps = new List<HeatMap>();
        if (aggregate is null)
            return maps;
        foreach (var row in regions)
        {
            if (row.Region is null || aggregate.ById(row.Id) is not { } heat)
                continue;
            maps.Add(Of(row.Id, row.Region, heat));
            if (maps.Count == MostRegions)
                break;
        }

        return maps;
    }

    private static HeatMap Of(int id, Region region, IReadOnlyList<HeatCounts?> heat)
    {
        var rows = heat.Select(row => (IReadOnlyList<long>)(row ?? (IReadOnlyList<long>)new long[HeatCounts.Buckets])).ToList();
        return new HeatMap(id, region, rows.Sum(row => row.Sum()), rows.Max(row => row.Max()), rows);
    }
}
