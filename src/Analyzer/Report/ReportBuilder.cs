using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Tables;
using Faultrec.Traces;
using Faultrec.Traces.Files;

namespace Faultrec.Analyzer.Report;

/// <summary>Makes a <see cref="FaultReport"/> from a trace: one pass for all requested tables, and the passes that follow from it.</summary>
internal static class ReportBuilder
{
    /// <param name="reader">Open; stays open.</param>
    /// <param name="tables">The requested tables; others have only rows that cost nothing, or none.</param>
    /// <param name="more">Further measures to count.</param>
    /// <exception cref="FaultrecException">The trace is damaged.</exception>
    public static FaultReport Build(TraceReader reader, FaultFilter filter, IReadOnlyList<TableDefinition> tables, params IEnumerable<Measure> more)
    {
        List<TableDefinition> wanted = [.. tables.SelectMany(table => table.WithCompanion).Distinct()];
        var plan = new MeasurePlan(reader.Metadata, reader.RowGroups, filter, [.. FaultReport.Always, .. wanted.SelectMany(table => table.Needs), .. more]);
        var report = new FaultReport(reader.Path, plan, TraceScan.Run(reader, filter, () => new MeasureSet(plan)));
        Settle(report, wanted);
        foreach (var followUp in wanted.Select(table => table.FollowUp).OfType<FollowUp>().Distinct())
            report.Add(followUp, followUp.Run(reader, report));
        return report;
    }

    // Makes the rows that need per-page state, and then frees that state.
    private static void Settle(FaultReport report, IEnumerable<TableDefinition> wanted)
        => report.Settle(wanted.Where(table => table.FollowUp is null).Union(ReportTables.All.Where(IsOfPages)));

    // The tables of mappings and files, which every report has, need only the regions' own pages.
    private static bool IsOfPages(TableDefinition table)
        => table.FollowUp is null && table.Needs.Count > 0 && table.Needs.All(need => need.GrowsWithPages && FaultReport.Always.Contains(need));
}
