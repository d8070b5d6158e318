using Faultrec.Analyzer.Scan;
using Faultrec.Traces;

namespace Faultrec.Analyzer.Compare;

/// <summary>One figure of one item on both sides.</summary>
/// <param name="Before">Null: not known for every trace of this side.</param>
internal sealed record ComparedRow(ComparedItem Item, Metric Metric, Spread? Before, Spread? After)
{
    public Verdict Verdict { get; } = Spread.Judge(Before, After);

    /// <summary>Between the medians.</summary>
    public long? Difference => After?.Median - Before?.Median;

    /// <summary>There is a difference, and it is not known to be noise.</summary>
    public bool HasChanged => Verdict is Verdict.Differs or Verdict.Unknown && Difference is not (null or 0);

    /// <summary>As a share of the median before; null of 0 and of unknown.</summary>
    public double? Change => Before is { Median: not 0 } ? (double?)Difference / Before.Median : null;
}

/// <summary>What differs between the traces of two sides. Equal input gives equal output.</summary>
internal sealed class TraceComparison
{
    /// <summary>Of a total: smaller differences are left out for people.</summary>
    public const double LargeShare = 0.01;

    private readonly Dictionary<Subject, IReadOnlyList<ComparedRow>> _rows = [];
    private readonly Dictionary<Metric, ComparedRow> _totals = [];

    private TraceComparison(IReadOnlyList<TraceMeasures> before, IReadOnlyList<TraceMeasures> after, FaultFilter filter)
        => (Before, After, Filter) = (before, after, filter);

    /// <summary>At least one trace, as of <see cref="After"/>.</summary>
    public IReadOnlyList<TraceMeasures> Before { get; }

    public IReadOnlyList<TraceMeasures> After { get; }

    public FaultFilter Filter { get; }

    public IEnumerable<TraceMeasures> Traces => Before.Concat(After);

    /// <summary>Both sides have several traces, so that differences can be told from noise.</summary>
    public bool KnowsNoise => Before.Count > 1 && After.Count > 1;

    /// <summary>Every trace has an account of resident memory, so that it is compared.</summary>
    public bool HasMemory => Traces.All(trace => trace.HasMemory);

    /// <summary>How much the totals may rise, in the given order; empty: as much as they do.</summary>
    public IReadOnlyList<RiseLimit> Limits { get; init; } = [];

    /// <summary>A total rose by more than it may.</summary>
    public bool BreaksLimits => Limits.Any(limit => limit.WhyBroken(this) is not null);

    /// <summary>Every trace has stacks, so that faults are compared by line of code.</summary>
    public bool HasCode => Traces.All(trace => trace.HasCode);

    /// <summary>
    /// All rows of a table, those of one item together. Items are ordered by the difference of their faults, then of their time and their memory, where a
    /// difference within the noise counts as none; then by the difference itself, and by name.
    /// </summary>
    public IReadOnlyList<ComparedRow> Rows(Subject subject) => _rows[subject];

    /// <summary>The difference of the row is beyond the noise, and large beside all there is.</summary>
    public bool IsLarge(ComparedRow row)
        => row.HasChanged && Total(row.Metric) is var total
            && Math.Abs(row.Difference!.Value) >= LargeShare * Math.Max(total.Before?.Median ?? 0, total.After?.Median ?? 0);

    public ComparedRow Total(Metric metric) => _totals[metric];

    private static ComparedItem TotalItem { get; } = new(Subject.Total, "all");

    /// <exception cref="FaultrecException">The traces cannot be compared: schema versions or page sizes differ.</exception>
    public static TraceComparison Of(IReadOnlyList<TraceMeasures> before, IReadOnlyList<TraceMeasures> after, FaultFilter filter,
        params IReadOnlyList<RiseLimit> limits)
    {
        var comparison = new TraceComparison(before, after, filter) { Limits = limits };
        comparison.RequireOneFormat();
        TraceMeasures.ForgetOnlyProcesses([.. comparison.Traces]);
        MovedLines.MatchIn(before, after);
        foreach (var metric in MetricNames.All)
            comparison._totals.Add(metric, comparison.Row(TotalItem, metric));
        foreach (var subject in SubjectNames.Compared)
            comparison._rows.Add(subject, comparison.RowsOf(subject));
        return comparison;
    }

    // Figures of another schema may mean something else, and pages of another size are not the same pages.
    private void RequireOneFormat()
    {
        var first = Before[0];
        foreach (var trace in Traces)
        {
            Require("schema version", trace, trace.Metadata.SchemaVersion, first.Metadata.SchemaVersion,
                "make both sides in the same way, with the same version of faultrec");
            Require("page size", trace, trace.Metadata.PageSize, first.Metadata.PageSize, "record both sides on machines with the same page size");
        }

        void Require(string what, TraceMeasures trace, int found, int expected, string remedy)
        {
            if (found != expected)
                throw new FaultrecException(ExitCode.BadInput, $"{trace.Path}: has {what} {found}; expected {expected} as in {first.Path}; {remedy}");
        }
    }

    private List<ComparedRow> RowsOf(Subject subject)
    {
        var items = Traces.SelectMany(trace => trace.Items).Where(item => item.Subject == subject).Distinct()
            .Select(item => MetricNames.All
                .Select(metric => Row(item, metric))
                .Where(row => row.Before is not null || row.After is not null)
                .ToList())
            .Where(rows => rows.Count > 0);
        return
        [
            .. items.OrderByDescending(rows => Distance(rows, Metric.Faults, beyondNoise: true))
                .ThenByDescending(rows => Distance(rows, Metric.TimeNs, beyondNoise: true))
                .ThenByDescending(rows => Distance(rows, Metric.PeakBytes, beyondNoise: true))
                .ThenByDescending(rows => Distance(rows, Metric.Faults, beyondNoise: false))
                .ThenByDescending(rows => Distance(rows, Metric.PeakBytes, beyondNoise: false))
                .ThenBy(rows => rows[0].Item.Name, StringComparer.Ordinal)
                .ThenBy(rows => rows[0].Item.Process, StringComparer.Ordinal)
                .ThenBy(rows => rows[0].Item.Prot, StringComparer.Ordinal)
                .ThenBy(rows => rows[0].Item.Order)
                .SelectMany(rows => rows),
        ];
    }

    private static long Distance(List<ComparedRow> rows, Metric metric, bool beyondNoise)
        => rows.Find(row => row.Metric == metric) is { } row && !(beyondNoise && row.Verdict == Verdict.WithinNoise) ? Math.Abs(row.Difference ?? 0) : 0;

    private ComparedRow Row(ComparedItem item, Metric metric) => new(item, metric, Side(Before, item, metric), Side(After, item, metric));

    private Spread? Side(IReadOnlyList<TraceMeasures> traces, ComparedItem item, Metric metric)
        => (metric == Metric.PeakBytes ? HasMemory : item.Subject != Subject.Code || HasCode)
            ? Spread.Of(traces.Select(trace => trace.Of(item)[metric]))
            : null;
}
