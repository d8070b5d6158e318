using Faultrec.Analyzer.Classify;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Measures;

/// <summary>One fault, for its story.</summary>
/// <param name="Parts">ns by <see cref="FaultCause"/>; null: not traced.</param>
internal sealed record WorstFault(
    long TimeNs,
    long DurationNs,
    int Pid,
    int Tid,
    string Comm,
    ulong Address,
    int RegionId,
    Severity Severity,
    FaultKind Kind,
    long[]? Parts) : IComparable<WorstFault>
{
    /// <summary>Longest first, then earliest; the other comparisons only make the order total.</summary>
    public int CompareTo(WorstFault? other)
        => other is null ? -1 : (-DurationNs, TimeNs, Pid, Tid, Address).CompareTo((-other.DurationNs, other.TimeNs, other.Pid, other.Tid, other.Address));
}

/// <summary>The faults that took longest.</summary>
/// <param name="metadata">Of the trace: it says whether durations were split.</param>
internal sealed class WorstAggregate(TraceMetadata metadata) : IMeasure<WorstAggregate>
{
    public static Measure<WorstAggregate> Measure { get; } = new(plan => plan.Metadata.Backend.HasDurations ? new WorstAggregate(plan.Metadata) : null);

    private readonly bool _withCauses = metadata.Causes.Count > 0;
    private readonly SwapUses? _swapTypes = SwapUses.Of(metadata);

    /// <summary>Number of faults that are kept.</summary>
    public const int Limit = 10;

    private readonly List<WorstFault> _worst = [];

    /// <summary>At most <see cref="Limit"/>, the longest first.</summary>
    public IReadOnlyList<WorstFault> Worst => _worst;

    public FaultColumns Columns
        => FaultColumns.TimeNs | FaultColumns.DurationNs | FaultColumns.Pid | FaultColumns.Tid | FaultColumns.Comm | FaultColumns.Address
            | FaultColumns.RegionId | (_withCauses ? CauseSplit.Columns : FaultColumns.None);

    public void Add<TWeights>(FaultBatch batch, in Verdicts verdicts, TWeights weights)
        where TWeights : struct, IRowWeights
    {
        var durations = batch.DurationNs;
        var least = Least;
        for (var i = 0; i < verdicts.Severities.Length; i++)
        {
            if (durations[i] < least)
                continue;
            Keep(Of(batch, i, verdicts));
            least = Least;
        }
    }

    public void Merge(WorstAggregate other)
    {
        foreach (var fault in other._worst)
            Keep(fault);
    }

    private long Least => _worst.Count < Limit ? 0 : _worst[^1].DurationNs;

    private WorstFault Of(FaultBatch batch, int row, in Verdicts verdicts)
    {
        long[]? parts = null;
        if (_withCauses)
        {
            var read = new long[FaultCauseNames.Count];
            parts = CauseSplit.TryRead(batch, row, _swapTypes, read, out _) ? read : null;
        }

        return new WorstFault(
            batch.TimeNs[row], batch.DurationNs[row], batch.Pid[row], batch.Tid[row], batch.Comm[row], (ulong)batch.Address[row],
            batch.RegionId[row], verdicts.Severities[row], verdicts.Kinds[row], parts);
    }

    private void Keep(WorstFault fault)
    {
        var at = _worst.BinarySearch(fault);
        _worst.Insert(at < 0 ? ~at : at, fault);
        if (_worst.Count > Limit)
            _worst.RemoveAt(Limit);
    }
}
