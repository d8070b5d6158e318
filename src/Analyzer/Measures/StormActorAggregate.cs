using System.Runtime.InteropServices;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Columns;

namespace Faultrec.Analyzer.Measures;

/// <summary>Who was in one storm.</summary>
internal sealed class StormActors
{
    private FaultCounts _counts;

    public ref readonly FaultCounts Counts => ref _counts;

    internal Dictionary<(int Pid, string Comm), long> ByTask { get; } = [];

    internal Dictionary<int, long> ByRegion { get; } = [];

    internal long[] ByKind { get; } = new long[FaultKindNames.Count];

    internal void Add(FaultBatch batch, int row, in Verdicts verdicts, int weight)
    {
        _counts.Add(verdicts.Severities[row], batch.DurationNs[row], weight);
        CollectionsMarshal.GetValueRefOrAddDefault(ByTask, (batch.Pid[row], batch.Comm[row]), out _) += weight;
        CollectionsMarshal.GetValueRefOrAddDefault(ByRegion, batch.RegionId[row], out _) += weight;
        ByKind[(int)(verdicts.Kinds.Length > 0 ? verdicts.Kinds[row] : FaultKind.Unknown)] += weight;
    }

    internal void Merge(StormActors other)
    {
        _counts.Merge(other._counts);
        foreach (var (task, faults) in other.ByTask)
            CollectionsMarshal.GetValueRefOrAddDefault(ByTask, task, out _) += faults;
        foreach (var (region, faults) in other.ByRegion)
            CollectionsMarshal.GetValueRefOrAddDefault(ByRegion, region, out _) += faults;
        for (var i = 0; i < ByKind.Length; i++)
            ByKind[i] += other.ByKind[i];
    }
}

/// <summary>Who took part in each storm? A second scan, because the storms are known only after the first.</summary>
/// <param name="storms">In the order of time.</param>
internal sealed class StormActorAggregate(TimeAxis axis, IReadOnlyList<StormSpan> storms, bool isSample) : IFaultSink<StormActorAggregate>
{
    private readonly StormActors[] _actors = [.. storms.Select(_ => new StormActors())];
    private readonly int[] _stormOfWindow = StormOfWindow(axis, storms);

    public FaultColumns Columns
        => FaultColumns.TimeNs | FaultColumns.DurationNs | FaultColumns.Pid | FaultColumns.Comm | FaultColumns.RegionId
            | (isSample ? FaultColumns.Weight : FaultColumns.None);

    /// <summary>In the order of time.</summary>
    public IReadOnlyList<StormSpan> Storms => storms;

    /// <summary>One a storm.</summary>
    public IReadOnlyList<StormActors> Actors => _actors;

    public void Add(FaultBatch batch, in Verdicts verdicts)
    {
        if (isSample)
            Add(batch, verdicts, new SampledWeights(batch.Weight));
        else
            Add(batch, verdicts, default(OneEach));
    }

    public void Merge(StormActorAggregate other)
    {
        for (var i = 0; i < _actors.Length; i++)
            _actors[i].Merge(other._actors[i]);
    }

    private void Add<TWeights>(FaultBatch batch, in Verdicts verdicts, TWeights weights)
        where TWeights : struct, IRowWeights
    {
        var count = verdicts.Severities.Length;
        for (var row = 0; row < count;)
        {
            var (window, end) = TimeRun.From(axis, batch.TimeNs.AsSpan(0, count), row);
            if (_stormOfWindow[window] < 0)
                row = end;
            for (; row < end; row++)
                _actors[_stormOfWindow[window]].Add(batch, row, verdicts, weights.Of(row));
        }
    }

    private static int[] StormOfWindow(TimeAxis axis, IReadOnlyList<StormSpan> storms)
    {
        var stormOf = new int[axis.Count];
        Array.Fill(stormOf, -1);
        for (var storm = 0; storm < storms.Count; storm++)
            stormOf.AsSpan(storms[storm].First..storms[storm].End).Fill(storm);
        return stormOf;
    }
}
