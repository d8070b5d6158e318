namespace Faultrec.Analyzer.Tables;

/// <summary>Every table of the report, in the order in which they are shown.</summary>
internal static class ReportTables
{
    public static IReadOnlyList<TableDefinition> All { get; } =
    [
        ToucherTable.Definition,
        StacksTable.Definition,
        FunctionTable.Definition,
        LineTable.Definition,
        CallerTable.Definition,
        KindTable.Definition,
        SeverityTable.Definition,
        CauseTable.Definition,
        WorstTable.Definition,
        LockTable.Definition,
        HandlerTable.Definition,
        RegionTable.Definition,
        PhysicalTable.Definition,
        LevelTable.Definition,
        PageTableTable.Definition,
        TlbTable.Definition,
        ProcessTable.Definition,
        ThreadTable.Definition,
        FileTable.Definition,
        CommTable.Definition,
        CommKindTable.Definition,
        SlabTable.Definition,
        CacheTable.Definition,
        BuddyTable.Definition,
        ResidentTable.Definition,
        ReservedTable.Definition,
        ResidentRegionTable.Definition,
        RssTable.Definition,
        GrowthTable.Definition,
        GivenBackTable.Definition,
        ChurnTable.Definition,
        PhaseTable.Definition,
        TimeTable.Definition,
        FirstTouchTable.Definition,
        HeatTable.Definition,
        HotTable.Definition,
        LocalityTable.Definition,
        StormTable.Definition,
    ];

    /// <summary>The tables of a report for which no table was named.</summary>
    public static IReadOnlyList<TableDefinition> InReport { get; } = [.. All.Where(table => table.IsInReport)];

    /// <returns>Null: there is none of this name.</returns>
    public static TableDefinition? Find(string name) => All.FirstOrDefault(table => table.Name == name);
}
