using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Measures;

namespace Faultrec.Analyzer.Tables;

internal sealed record SeverityRow(Severity Severity, FaultCounts Counts, LatencySummary Latency);

internal static class SeverityTable
{
    public static TableDefinition<SeverityRow> Definition { get; } = new()
    {
        Name = "severity",
        Title = "severities",
        RowName = "severity",
        Question = "how many faults were minor, major and failed",
        JsonKey = "severities",
        // The table of kinds includes this information.
        IsWorthShowing = (report, _) => !KindRule.CanTell(report.Metadata),
        Rows = Rows,
        Keep = static (_, _) => 0,
        Columns = (table, report) => table
            .Text("severity", "severity", "minor; major: it waited for a device or was retried; failed: the kernel raised a signal", ColumnAudience.Everyone,
                row => row.Severity.Name())
            .Faults(row => row.Counts)
            .Real("share", "share", "of all faults of the report", CellFormat.Percent, ColumnAudience.Everyone,
                row => (double)row.Counts.Faults / report.Totals.Counts.Faults)
            .Severities(row => row.Counts, major: ColumnAudience.Machine, rest: ColumnAudience.Machine)
            .Latency(row => row.Latency, ColumnAudience.Everyone),
    };

    // In the order of severities, only those that occur.
    private static List<SeverityRow> Rows(FaultReport report)
    {
        var kinds = report.Find(KindAggregate.Measure)!;
        var faults = FaultsOf(kinds, report);
        var rows = new List<SeverityRow>(SeverityNames.Count);
        for (var i = 0; i < SeverityNames.Count; i++)
        {
            kinds.Counts((Severity)i, out var latency);
            if (faults[i] > 0)
                rows.Add(new SeverityRow((Severity)i, FaultCounts.Of((Severity)i, faults[i], latency.Sum), LatencySummary.Of(latency)));
        }

        return rows;
    }

    /// <returns>Faults of each severity; the receipt's exact counts where it has them.</returns>
    private static long[] FaultsOf(KindAggregate kinds, FaultReport report)
    {
        var (major, failed) = (kinds.Counts(Severity.Major, out _).Major, kinds.Counts(Severity.Failed, out _).Failed);
        if (report.Sample is not { CountsExact: true } sample)
            return [kinds.Counts(Severity.Minor, out _).Minor, major, failed, kinds.Counts(Severity.Unknown, out _).Unknown];

        // It is not known how many of the omitted faults failed: that share stays an estimate, which the minor faults compensate.
        var receipt = report.Metadata.Receipt;
        var all = sample.Rows + receipt.SampledOut;
        major = Math.Clamp(report.Find(SampleAggregate.Measure)!.MajorRows + receipt.SampledOutMajor, 0, all);
        failed = Math.Min(failed, all - major);
        return [all - major - failed, major, failed, 0];
    }
}
