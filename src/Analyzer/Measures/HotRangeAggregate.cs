using System.Runtime.InteropServices;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Facts;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Measures;

/// <summary>Faults by aligned 2 MiB range of one region: an array for regions of ordinary size, a table for the ranges of a huge one that are in use.</summary>
internal sealed class RangeCounts
{
    /// <summary>log2 of a range's bytes.</summary>
    public const int RangeShift = 21;

    // 32 KiB for a region of 8 GiB.
    private const long MostDense = 4096;

    private readonly long _first;
    private readonly long[] _dense;
    private readonly Dictionary<long, long> _sparse = [];

    /// <param name="region">With a range. Faults outside it (a region that grew) are counted too.</param>
    public RangeCounts(Region region)
    {
        _first = (long)(region.Start >> RangeShift);
        var ranges = (long)((region.End - 1) >> RangeShift) - _first + 1;
        _dense = ranges <= MostDense ? new long[ranges] : [];
    }

    /// <summary>Range number (address / 2 MiB) and faults of each that had any, in no order.</summary>
    public IEnumerable<KeyValuePair<long, long>> Touched
        => _dense.Select((faults, i) => KeyValuePair.Create(_first + i, faults)).Where(range => range.Value > 0).Concat(_sparse);

    public void Add(long range, long faults)
    {
        var place = range - _first;
        if ((ulong)place < (ulong)_dense.Length)
            _dense[place] += faults;
        else
            CollectionsMarshal.GetValueRefOrAddDefault(_sparse, range, out _) += faults;
    }

    public void Merge(RangeCounts other)
    {
        foreach (var (range, faults) in other.Touched)
            Add(range, faults);
    }
}

/// <summary>Which parts of a region are hot?</summary>
/// <param name="index">Faults that no known mapping covered belong to no region, and are not counted.</param>
internal sealed class HotRangeAggregate(RegionIndex index) : IMeasure<HotRangeAggregate>
{
    public static Measure<HotRangeAggregate> Measure { get; } = new(plan => new HotRangeAggregate(plan.Index));

    private readonly RangeCounts?[] _byId = new RangeCounts?[index.IdLimit];

    /// <summary>Null where region <paramref name="id"/> had no fault, or has no range.</summary>
    public RangeCounts? ById(int id) => _byId[id];

    public FaultColumns Columns => FaultColumns.RegionId | FaultColumns.Address;

    public void Add<TWeights>(FaultBatch batch, in Verdicts verdicts, TWeights weights)
        where TWeights : struct, IRowWeights
    {
        var count = batch.Count;
        for (var row = 0; row < count; row++)
        {
            var id = batch.RegionId[row];
            if (((uint)id < (uint)_byId.Length ? _byId[id] ?? Create(id) : null) is { } ranges)
                ranges.Add((long)((ulong)batch.Address[row] >> RangeCounts.RangeShift), weights.Of(row));
        }
    }

    public void Merge(HotRangeAggregate other) => Slots.Merge(_byId, other._byId, (ours, theirs) => ours.Merge(theirs));

    private RangeCounts? Create(int id)
        => index.Find(id) is { } region && region.End > region.Start ? _byId[id] = new RangeCounts(region) : null;
}
