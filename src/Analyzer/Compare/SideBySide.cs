using Faultrec.Analyzer.Scan;

namespace Faultrec.Analyzer.Compare;

/// <summary>One figure of one item in every trace.</summary>
/// <param name="IsFirst">The first row of its item.</param>
/// <param name="Values">In the order of the traces; null: not known in that trace.</param>
internal sealed record SideRow(ComparedItem Item, Metric Metric, bool IsFirst, IReadOnlyList<long?> Values);

/// <summary>
/// Several traces side by side, with items matched as by <see cref="TraceComparison"/>, but without a verdict on
/// differences: any number of traces, also from different machines.
/// </summary>
internal sealed class SideBySide
{
    /// <param name="traces">At least one; processes are not distinguished if each trace has only one.</param>
    public SideBySide(IReadOnlyList<TraceMeasures> traces, FaultFilter filter)
    {
        TraceMeasures.ForgetOnlyProcesses(traces);
        (Traces, Filter) = (traces, filter);
    }

    public IReadOnlyList<TraceMeasures> Traces { get; }

    public FaultFilter Filter { get; }

    /// <summary>Name of a trace in headings: A to Z, then AA.</summary>
    public static string Letter(int trace) => trace < 26 ? $"{(char)('A' + trace)}" : Letter((trace / 26) - 1) + Letter(trace % 26);

    /// <summary>
    /// Items ordered by their highest number of faults in any trace, then by their longest time, then by name. For each item the figures that
    /// are not 0 in every trace, and always the faults.
    /// </summary>
    public IReadOnlyList<SideRow> Rows(Subject subject)
        => [.. Traces.SelectMany(trace => trace.Items).Where(item => item.Subject == subject).Distinct()
            .Select(RowsOf)
            .OrderByDescending(rows => Most(rows, Metric.Faults))
            .ThenByDescending(rows => Most(rows, Metric.TimeNs))
            .ThenBy(rows => rows[0].Item.Name, StringComparer.Ordinal)
            .ThenBy(rows => rows[0].Item.Process, StringComparer.Ordinal)
            .ThenBy(rows => rows[0].Item.Prot, StringComparer.Ordinal)
            .ThenBy(rows => rows[0].Item.Order)
            .SelectMany(rows => rows)];

    private static long Most(List<SideRow> rows, Metric metric) => rows.Find(row => row.Metric == metric)?.Values.Max() ?? 0;

    private List<SideRow> RowsOf(ComparedItem item)
    {
        var rows = new List<SideRow>();
        foreach (var metric in MetricNames.All)
        {
            var values = Traces.Select(trace => trace.Of(item)[metric]).ToList();
            if (metric == Metric.Faults || (item.Subject == Subject.Total && metric != Metric.PeakBytes) || values.Exists(value => value is not (null or 0)))
                rows.Add(new SideRow(item, metric, rows.Count == 0, values));
        }

        return rows;
    }
}
