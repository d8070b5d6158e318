namespace Faultrec.Analyzer;

/// <summary>The tables that look inside regions.</summary>
internal static class PlaceReportTables
{
    /// <param name="top">Regions; each has all its rows.</param>
    public static ReportTable HeatMaps(FaultReport report, int top)
    {
        var rows = report.HeatMaps.SelectMany(map => map.Rows.Select((heat, time) => (Map: map, Time: time, Heat: heat))).ToList();
        var axis = report.HeatAxis ?? new TimeAxis(0, 1, 1);
        var kept = top == 0 ? 0 : (int)Math.Min((long)top * axis.Count, int.MaxValue);
        return new TableBuilder<(HeatMap Map, int Time, IReadOnlyList<long> Heat)>(ReportTableKind.Heat, "heat maps", rows, kept)
            .Integer("id", "id", CellFormat.Id, ColumnAudience.Wide, row => row.Map.Id)
            .Text("name", "region", ColumnAudience.Wide, row => RegionNames.Of(row.Map.Region))
            .Integer("pid", "pid", CellFormat.Id, ColumnAudience.Wide, row => row.Map.Region.Pid)
            .Text("start", "start", ColumnAudience.Wide, row => ReportTables.Hex(row.Map.Region.Start))
            .Text("end", "end", ColumnAudience.Wide, row => ReportTables.Hex(row.Map.Region.End))
            .Integer("from_ns", "at", CellFormat.DurationNs, ColumnAudience.Everyone, row => axis.StartNs(row.Time))
            .Integer("length_ns", "for", CellFormat.DurationNs, ColumnAudience.Machine, row => axis.LengthNs(row.Time))
            .Integer("faults", "faults", CellFormat.Count, ColumnAudience.Everyone, row => row.Heat.Sum())
            .Integer("fullest", "fullest", CellFormat.Count, ColumnAudience.Machine, row => row.Map.Fullest)
            .Text("heat", "64 address buckets", ColumnAudience.Everyone, row => HeatRow.Join(row.Heat), CellFormat.HeatMap)
            .Build();
    }
}
