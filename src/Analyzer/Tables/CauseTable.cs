using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Tables;

/// <param name="Reason">Why the cause could not be traced: its time is then part of kernel work. Null: it was traced.</param>
/// <param name="Share">Of the time of all faults that were split.</param>
/// <param name="SlowShare">The same of the slow ones; null when there are none.</param>
internal sealed record CauseRow(FaultCause Cause, string? Reason, CauseSum All, CauseSum Slow, double? Share, double? SlowShare);

internal static class CauseTable
{
    public static TableDefinition<CauseRow> Definition { get; } = new()
    {
        Name = "cause",
        Title = "causes",
        Question = "where the time in faults went (--why)",
        JsonKey = "causes",
        JsonNoteKey = "causes_note",
        JsonMembers = (json, _) => json.WriteNumber("slow_ns", CauseAggregate.SlowNs),
        Needs = [CauseAggregate.Measure],
        WhyEmpty = report => Unrecorded.Causes(report.Metadata),
        Rows = Rows,
        Keep = static (_, _) => 0,
        Columns = (table, _) => table
            .Text("cause", "cause", "what the time was spent on (docs/report.md, Causes)", ColumnAudience.Everyone, row => row.Cause.Name())
            .Integer("faults", "faults", "faults that spent time on it", CellFormat.Count, ColumnAudience.Everyone, row => row.All.Faults)
            .Integer("time_ns", "time", "time that faults spent on it", CellFormat.DurationNs, ColumnAudience.Everyone, row => row.All.Ns)
            .Real("share", "share", "of the time of all faults", CellFormat.Percent, ColumnAudience.Everyone, row => row.Share)
            .Integer("slow_faults", "slow faults", "faults of 100 µs or more that spent time on it", CellFormat.Count, ColumnAudience.Everyone,
                row => row.Slow.Faults)
            .Integer("slow_time_ns", "their time", "time that slow faults spent on it", CellFormat.DurationNs, ColumnAudience.Everyone, row => row.Slow.Ns)
            .Real("slow_share", "share", "of the time of all slow faults", CellFormat.Percent, ColumnAudience.Everyone, row => row.SlowShare)
            .Text("refusal", "not traced because", "why the cause could not be traced; empty: it was", ColumnAudience.Everyone, row => row.Reason ?? ""),
        Note = Note,
    };

    // Most time first; the order of causes between equals. Refused ones stay, with no time.
    private static List<CauseRow> Rows(FaultReport report)
    {
        var rows = new List<CauseRow>();
        if (report.Find(CauseAggregate.Measure) is not { } aggregate)
            return rows;
        var refusals = new Dictionary<string, string>();
        foreach (var probe in report.Metadata.Causes)
        {
            if (probe.Reason is not null)
                refusals[probe.Cause] = probe.Reason;
        }

        for (var i = 0; i < FaultCauseNames.Count; i++)
        {
            var cause = (FaultCause)i;
            var reason = cause.Column() is { } column ? refusals.GetValueOrDefault(column) : null;
            var (all, slow) = (aggregate.Sum(cause, slowOnly: false), aggregate.Sum(cause, slowOnly: true));
            if (all.Faults > 0 || (reason is not null && cause is not FaultCause.IoWait))
                rows.Add(new CauseRow(cause, reason, all, slow, Share(all, aggregate.Split[0]), Share(slow, aggregate.Split[1])));
        }

        rows.Sort((a, b) => (-a.All.Ns, a.Cause).CompareTo((-b.All.Ns, b.Cause)));
        return rows;
    }

    private static string? Note(FaultReport report)
    {
        if (report.Rows(Definition).Count == 0 || report.Find(CauseAggregate.Measure) is not { } sums)
            return null;
        var slow = sums.Split[1];
        var parts = new List<string>
        {
            $"slow: {Units.Duration(CauseAggregate.SlowNs)} and more, {Units.Of(slow.Faults, "fault")} with {Units.Duration(slow.Ns)}",
        };
        if (sums.NotSplit.Faults > 0)
            parts.Add($"{Units.Of(sums.NotSplit.Faults, "fault")} with {Units.Duration(sums.NotSplit.Ns)} not split: none of their causes was traced");
        if (sums.ExcessNs > 0)
            parts.Add($"causes add up to {Units.Duration(sums.ExcessNs)} more than the durations");
        return string.Join("; ", parts);
    }

    private static double? Share(CauseSum part, CauseSum whole) => whole.Ns == 0 ? null : (double)part.Ns / whole.Ns;
}
