using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Columns;

namespace Faultrec.Analyzer.Measures;

/// <summary>Where in its address range did a region fault at what time? One <see cref="HeatCounts"/> per bucket of time with faults.</summary>
/// <param name="index">Faults that no known mapping covered have no range, and are not counted.</param>
internal sealed class HeatMapAggregate(RegionIndex index, TimeAxis axis) : IMeasure<HeatMapAggregate>
{
    public static Measure<HeatMapAggregate> Measure { get; } = new(plan => new HeatMapAggregate(plan.Index, plan.Window.Equal(TimeBuckets)));

    /// <summary>Buckets of the recording or of the filter's window.</summary>
    public const int TimeBuckets = 16;

    private readonly HeatCounts?[]?[] _byId = new HeatCounts?[]?[index.IdLimit];

    public TimeAxis Axis => axis;

    /// <summary>By bucket of time, null where nothing faulted; null for a region without faults.</summary>
    public IReadOnlyList<HeatCounts?>? ById(int id) => _byId[id];

    public FaultColumns Columns => FaultColumns.TimeNs | FaultColumns.RegionId | FaultColumns.Address;

    public void Add<TWeights>(FaultBatch batch, in Verdicts verdicts, TWeights weights)
        where TWeights : struct, IRowWeights
    {
        var count = batch.Count;
        for (var row = 0; row < count;)
        {
            var (bucket, end) = TimeRun.From(axis, batch.TimeNs.AsSpan(0, count), row);
            for (; row < end; row++)
            {
                if (index.Find(batch.RegionId[row]) is not { } region)
                    continue;
                var offset = (ulong)batch.Address[row] - region.Start;
                if (offset >= region.End - region.Start || region.End < region.Start)
                    continue;
                var heat = (_byId[region.Id] ??= new HeatCounts?[axis.Count])[bucket] ??= new HeatCounts();
                heat.Add(HeatCounts.BucketOf(offset, region.End - region.Start), weights.Of(row));
            }
        }
    }

    public void Merge(HeatMapAggregate other)
        => Slots.Merge(_byId, other._byId, (ours, theirs) => Slots.Merge(ours, theirs, (bucket, added) => bucket.Merge(added)));
}
