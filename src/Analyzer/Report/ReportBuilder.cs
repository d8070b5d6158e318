using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Tables;
using Faultrec.Traces;
using Faultrec.Traces.Files;

namespace Faultrec.Analyzer.Report;

/// <summary>From a trace to a <see cref="FaultReport"/>: one pass for all tables that are wanted, and those that follow from it.</summary>
internal static class ReportBuilder
{
    /// <param name="reader">Open; stays open.</param>
    /// <param name="tables">What is wanted; other tables have the rows that cost nothing, or none.</param>
    /// <param name="more">What else is to be counted.</param>
    /// <exception cref="FaultrecException">The trace is damaged.</exception>
    public static FaultReport Build(TraceReader reader, FaultFilter filter, IReadOnlyList<TableDefinition> tables, params IEnumerable<Measure> more)
    {
        List<TableDefinition> wanted = [.. tables.SelectMany(table => table.WithCompanion).Distinct()];
        var plan = new MeasurePlan(reader.Metadata, reader.RowGroups, filter, [.. FaultReport.Always, .. wanted.SelectMany(table => table.Needs), .. more]);
        var report = new FaultReport(reader.Path, plan, TraceScan.Run(reader, filter, () => new MeasureSet(plan)));
        Settle(report, wanted);
        foreach (var followUp in wanted.Select(table => table.FollowUp).OfType<FollowUp>())
            report.Add(followUp, followUp.Run(reader, report));
        return report;
    }

    // Makes the rows that need what grows with pages, and gives that back.
    private static void Settle(FaultReport report, IEnumerable<TableDefinition> wanted)
        => report.Settle(wanted.Where(table => table.FollowUp is null).Union(ReportTables.All.Where(IsOfPages)));

    // The mappings and files of every report: nothing but their own pages is counted for them.
    private static bool IsOfPages(TableDefinition table)
        => table.FollowUp is null && table.Needs.Count > 0 && table.Needs.All(need => need.GrowsWithPages && FaultReport.Always.Contains(need));
}
