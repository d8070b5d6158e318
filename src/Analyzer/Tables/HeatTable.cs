using System.Text.Json;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Tables;

/// <param name="Faults">Of all rows.</param>
/// <param name="Fullest">Faults in the fullest cell, to which the characters of a map are relative.</param>
/// <param name="Rows">By bucket of time, each with 64 address buckets; all there are.</param>
internal sealed record HeatMap(int Id, Region Region, long Faults, long Fullest, IReadOnlyList<IReadOnlyList<long>> Rows);

/// <summary>One bucket of time of a map.</summary>
internal readonly record struct HeatMapRow(HeatMap Map, int Time, IReadOnlyList<long> Heat);

internal static class HeatTable
{
    /// <summary>Most regions with a map: a thousand numbers each are worthwhile only for the few that matter.</summary>
    public const int MostRegions = 64;

    public static TableDefinition<HeatMapRow> Definition { get; } = new()
    {
        Name = "heat",
        Title = "heat maps",
        Question = "where in each region faults happened, at what time",
        JsonKey = "heat_maps/regions",
        JsonMembers = (json, report) => json.WriteAxis(report.Find(HeatMapAggregate.Measure)?.Axis),
        Needs = [RegionAggregate.Measure, HeatMapAggregate.Measure],
        IsInReport = false,
        Rows = report => [.. Maps(report).SelectMany(map => map.Rows.Select((heat, time) => new HeatMapRow(map, time, heat)))],
        // --top N counts regions; each has all its rows.
        Keep = (rows, top) => top == 0 || rows.Count == 0 ? 0 : (int)Math.Min((long)top * rows[0].Map.Rows.Count, int.MaxValue),
        Columns = Columns,
        Json = WriteJson,
        Note = report => $"{Units.Duration(report.Find(HeatMapAggregate.Measure)?.Axis.BucketNs ?? 0)} per row, "
            + "1/64 of the region's address range per character, lowest first",
    };

    private static void Columns(TableBuilder<HeatMapRow> table, FaultReport report)
    {
        if (report.Find(HeatMapAggregate.Measure)?.Axis is not { } axis)
            axis = new TimeAxis(0, 1, 1);
        table
            .Integer("id", "id", "id of the region in the recording", CellFormat.Id, ColumnAudience.Wide, row => row.Map.Id)
            .Text("name", "region", "mapping that the map shows", ColumnAudience.Wide, row => RegionNames.Of(row.Map.Region))
            .Integer("pid", "pid", "process of the mapping", CellFormat.Id, ColumnAudience.Wide, row => row.Map.Region.Pid)
            .Text("start", "start", "first address of the region at its widest", ColumnAudience.Wide, row => Units.Hex(row.Map.Region.Start))
            .Text("end", "end", "first address after the region at its widest", ColumnAudience.Wide, row => Units.Hex(row.Map.Region.End))
            .Integer("from_ns", "at", "start of the time bucket, from the start of the recording", CellFormat.DurationNs, ColumnAudience.Everyone,
                row => axis.StartNs(row.Time))
            .Integer("length_ns", "for", "length of the time bucket", CellFormat.DurationNs, ColumnAudience.Machine, row => axis.LengthNs(row.Time))
            .Integer("faults", "faults", "faults of the region in the time bucket", CellFormat.Count, ColumnAudience.Everyone, row => row.Heat.Sum())
            .Integer("fullest", "fullest", "faults of the fullest cell of the region's map", CellFormat.Count, ColumnAudience.Machine, row => row.Map.Fullest)
            .Numbers("heat", "64 address buckets", "faults in 64 equal address buckets of the region", CellFormat.HeatMap, ColumnAudience.Everyone,
                row => row.Heat)
            // Rows have no room for a name.
            .Above((row, before) => row.Map == before.Map ? null : new RowText.Heading(
                $"{row.Map.Id} {RegionNames.Of(row.Map.Region)}",
                $"{Units.Hex(row.Map.Region.Start)}-{Units.Hex(row.Map.Region.End)} of pid {row.Map.Region.Pid}; █ = {Units.Count(row.Map.Fullest)}"));
    }

    // Of the regions with most faults, in the order of the region table.
    private static IEnumerable<HeatMap> Maps(FaultReport report)
        => report.Find(HeatMapAggregate.Measure) is { } aggregate
            ? RegionTable.Select(report, aggregate.ById, Of).Take(MostRegions)
            : [];

    private static HeatMap Of(RegionRow row, Region region, IReadOnlyList<HeatCounts?> heat)
    {
        var rows = heat.Select(counts => (IReadOnlyList<long>)(counts ?? (IReadOnlyList<long>)new long[HeatCounts.Buckets])).ToList();
        return new HeatMap(row.Id, region, rows.Sum(counts => counts.Sum()), rows.Max(counts => counts.Max()), rows);
    }

    // JSON has a region's rows together.
    private static void WriteJson(Utf8JsonWriter json, string key, FaultReport report, int top)
    {
        var maps = report.Rows(Definition).Select(row => row.Map).Distinct().Take(top == 0 ? MostRegions : top);
        json.WriteStartArray(key);
        foreach (var map in maps)
        {
            json.WriteStartObject();
            json.WriteNumber("id", map.Id);
            json.WriteString("name", RegionNames.Of(map.Region));
            json.WriteNumber("pid", map.Region.Pid);
            json.WriteString("start", Units.Hex(map.Region.Start));
            json.WriteString("end", Units.Hex(map.Region.End));
            json.WriteNumber("faults", map.Faults);
            json.WriteNumber("fullest", map.Fullest);
            json.WriteStartArray("rows");
            foreach (var row in map.Rows)
                json.WriteNumbers(null, row);
            json.WriteEndArray();
            json.WriteEndObject();
            json.FlushWhenFull();
        }

        json.WriteEndArray();
    }
}
