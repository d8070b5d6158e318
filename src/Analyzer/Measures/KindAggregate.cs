using Faultrec.Analyzer.Classify;
using Faultrec.Traces.Columns;

namespace Faultrec.Analyzer.Measures;

/// <summary>
/// How many faults of each kind, severity and end of the page-table walk, and what did they cost? One cell per combination of the three,
/// so that a row is counted once; totals and the tables by one of the three are sums of cells.
/// </summary>
/// <param name="hasFrames">The trace has page-table facts.</param>
internal sealed class KindAggregate(bool hasFrames) : IMeasure<KindAggregate>
{
    public static Measure<KindAggregate> Measure { get; } = new(plan => new KindAggregate(plan.HasPageTable));

    private readonly long[] _faults = new long[FaultKindNames.Count * SeverityNames.Count * WalkEnds.Count];
    private readonly LatencyHistogram?[] _latency = new LatencyHistogram?[FaultKindNames.Count * SeverityNames.Count * WalkEnds.Count];
    private readonly long[] _byKernel = new long[FaultKindNames.Count];
    private readonly long[] _pages = new long[FaultKindNames.Count];

    /// <summary>Faults of a kind that kernel mode raised by touching the program's memory.</summary>
    public long ByKernel(FaultKind kind) => _byKernel[(int)kind];

    /// <summary>Pages that faults of a kind mapped, their own and the rest of its folio; one each where that is not known.</summary>
    public long Pages(FaultKind kind) => _pages[(int)kind];

    public FaultCounts Counts(FaultKind kind, out LatencyHistogram latency)
        => Sum((cellKind, _, _) => cellKind == kind, out latency);

    public FaultCounts Counts(Severity severity, out LatencyHistogram latency)
        => Sum((_, cellSeverity, _) => cellSeverity == severity, out latency);

    public FaultCounts Counts(WalkEnd end, out LatencyHistogram latency)
        => Sum((_, _, cellEnd) => cellEnd == end, out latency);

    public FaultColumns Columns => FaultColumns.DurationNs | FaultColumns.KernelAccess | (hasFrames ? FaultColumns.PageOrder : FaultColumns.None);

    public void Add<TWeights>(FaultBatch batch, in Verdicts verdicts, TWeights weights)
        where TWeights : struct, IRowWeights
    {
        var severities = verdicts.Severities;
        var kinds = verdicts.Kinds;
        var (durations, byKernel) = (batch.DurationNs, batch.KernelAccess);
        var (levels, entries) = hasFrames ? (batch.PtLevel, batch.PteBefore) : ([], []);
        var orders = hasFrames ? batch.PageOrder : [];
        for (var i = 0; i < severities.Length; i++)
        {
            var end = hasFrames ? WalkEnds.Of(levels[i], entries[i]) : WalkEnd.Unknown;
            var cell = Cell(kinds[i], severities[i], end);
            _faults[cell] += weights.Of(i);
            if (durations[i] >= 0)
                (_latency[cell] ??= new LatencyHistogram()).Add(durations[i], weights.Of(i));
            _pages[(int)kinds[i]] += (long)weights.Of(i) << (hasFrames ? Math.Max(orders[i], (sbyte)0) : 0);
            if (byKernel[i])
                _byKernel[(int)kinds[i]] += weights.Of(i);
        }
    }

    public void Merge(KindAggregate other)
    {
        for (var i = 0; i < _faults.Length; i++)
        {
            _faults[i] += other._faults[i];
            if (other._latency[i] is { } theirs)
                (_latency[i] ??= new LatencyHistogram()).Merge(theirs);
        }

        for (var i = 0; i < _byKernel.Length; i++)
        {
            _byKernel[i] += other._byKernel[i];
            _pages[i] += other._pages[i];
        }
    }

    private FaultCounts Sum(Func<FaultKind, Severity, WalkEnd, bool> isMeant, out LatencyHistogram latency)
    {
        latency = new LatencyHistogram();
        Span<long> faults = stackalloc long[SeverityNames.Count];
        for (var cell = 0; cell < _faults.Length; cell++)
        {
            var (kind, severity, end) = Parts(cell);
            if (_faults[cell] == 0 || !isMeant(kind, severity, end))
                continue;
            faults[(int)severity] += _faults[cell];
            if (_latency[cell] is { } known)
                latency.Merge(known);
        }

        return FaultCounts.Of(faults[0], faults[1], faults[2], faults[3], latency.Sum);
    }

    private static int Cell(FaultKind kind, Severity severity, WalkEnd end)
        => (((int)kind * SeverityNames.Count) + (int)severity) * WalkEnds.Count + (int)end;

    private static (FaultKind Kind, Severity Severity, WalkEnd End) Parts(int cell)
    {
        var (kindAndSeverity, end) = Math.DivRem(cell, WalkEnds.Count);
        var (kind, severity) = Math.DivRem(kindAndSeverity, SeverityNames.Count);
        return ((FaultKind)kind, (Severity)severity, (WalkEnd)end);
    }
}
