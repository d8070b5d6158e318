using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Tables;

namespace Faultrec.Testing;

/// <summary>The rows of a report, by the name of what they are.</summary>
internal static class ReportRows
{
    extension(FaultReport report)
    {
        public IReadOnlyList<KindRow> Kinds => report.Rows(KindTable.Definition);

        public IReadOnlyList<SeverityRow> Severities => report.Rows(SeverityTable.Definition);

        public IReadOnlyList<RegionRow> Regions => report.Rows(RegionTable.Definition);

        public IReadOnlyList<FileRow> Files => report.Rows(FileTable.Definition);

        public IReadOnlyList<ProcessRow> Processes => report.Rows(ProcessTable.Definition);

        public IReadOnlyList<ThreadRow> Threads => report.Rows(ThreadTable.Definition);

        public IReadOnlyList<CommRow> Comms => report.Rows(CommTable.Definition);

        public IReadOnlyList<HandlerRow> Handlers => report.Rows(HandlerTable.Definition);

        public IReadOnlyList<LevelRow> Levels => report.Rows(LevelTable.Definition);

        public IReadOnlyList<PageTableRow> PageTables => report.Rows(PageTableTable.Definition);

        public IReadOnlyList<TlbRow> TlbFlushes => report.Rows(TlbTable.Definition);

        public IReadOnlyList<PhysicalRow> Physical => report.Rows(PhysicalTable.Definition);

        public IReadOnlyList<CauseRow> Causes => report.Rows(CauseTable.Definition);

        public CauseAggregate? CauseSums => report.Find(CauseAggregate.Measure);

        public IReadOnlyList<WorstRow> Worst => report.Rows(WorstTable.Definition);

        public IReadOnlyList<LockWaitRow> LockWaits => report.Rows(LockTable.Definition);

        public IReadOnlyList<SlabStageRow> SlabStages => report.Rows(SlabTable.Definition);

        public IReadOnlyList<SlabCacheRow> SlabCaches => report.Rows(CacheTable.Definition);

        public IReadOnlyList<BuddyRow> Buddy => report.Rows(BuddyTable.Definition);

        public IReadOnlyList<StackRow> StackRows => report.Rows(StacksTable.Definition);

        public IReadOnlyList<CodeRow> Functions => report.Rows(FunctionTable.Definition);

        public IReadOnlyList<CodeRow> Lines => report.Rows(LineTable.Definition);

        public IReadOnlyList<CallerRow> Callers => report.Rows(CallerTable.Definition);

        public IReadOnlyList<ToucherRow> Touchers => report.Rows(ToucherTable.Definition);

        public TimeAxis? HeatAxis => report.Find(HeatMapAggregate.Measure)?.Axis;

        public IReadOnlyList<HeatMap> HeatMaps => [.. report.Rows(HeatTable.Definition).Select(row => row.Map).Distinct()];

        public TimeAxis TimeAxis => TimeTable.AxisOf(report);

        public IReadOnlyList<TimeRow> Timeline => report.Rows(TimeTable.Definition);

        public IReadOnlyList<FirstTouchRow> FirstTouches => report.Rows(FirstTouchTable.Definition);

        public IReadOnlyList<HotRangeRow> HotRanges => report.Rows(HotTable.Definition);

        public IReadOnlyList<LocalityRow> Locality => report.Rows(LocalityTable.Definition);

        public IReadOnlyList<StormRow> Storms => report.Rows(StormTable.Definition);
    }
}
