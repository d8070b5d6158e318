using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Facts;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Measures;

/// <summary>Which mappings fault? One <see cref="RegionStats"/> per region with faults; faults without a mapping by process.</summary>
internal sealed class RegionAggregate : IMeasure<RegionAggregate>
{
    public static Measure<RegionAggregate> Measure { get; } = new(plan => new RegionAggregate(plan.Index, plan.Metadata.Pages)) { GrowsWithPages = true };

    private readonly RegionIndex _index;
    private readonly int _pageShift;
    private readonly RegionStats?[] _byId;
    private readonly Dictionary<int, RegionStats> _unmappedByPid = [];

    public RegionAggregate(RegionIndex index, PageGeometry pages)
    {
        _index = index;
        _pageShift = pages.PageShift;
        _byId = new RegionStats?[index.IdLimit];
    }

    /// <summary>Null where region <paramref name="id"/> had no fault.</summary>
    public RegionStats? ById(int id) => _byId[id];

    /// <summary>Faults that no known mapping covered, by process id.</summary>
    public IReadOnlyDictionary<int, RegionStats> UnmappedByPid => _unmappedByPid;

    public FaultColumns Columns => FaultColumns.RegionId | FaultColumns.Address | FaultColumns.Pid | FaultColumns.DurationNs;

    public void Add<TWeights>(FaultBatch batch, in Verdicts verdicts, TWeights weights)
        where TWeights : struct, IRowWeights
    {
        var severities = verdicts.Severities;
        var (regions, addresses, durations) = (batch.RegionId, batch.Address, batch.DurationNs);
        for (var i = 0; i < severities.Length; i++)
        {
            var id = regions[i];
            var stats = (uint)id < (uint)_byId.Length ? _byId[id] : null;
            stats ??= Create(id, batch.Pid[i]);
            stats.Add(severities[i], durations[i], (ulong)addresses[i], weights.Of(i));
        }
    }

    public void Merge(RegionAggregate other)
    {
        Slots.Merge(_byId, other._byId, (ours, theirs) => ours.Merge(theirs));

        foreach (var (pid, theirs) in other._unmappedByPid)
        {
            if (!_unmappedByPid.TryAdd(pid, theirs))
                _unmappedByPid[pid].Merge(theirs);
        }
    }

    private RegionStats Create(int id, int pid)
    {
        if (_index.Find(id) is { } region)
            return _byId[id] = new RegionStats(region, _pageShift);
        if (!_unmappedByPid.TryGetValue(pid, out var stats))
            _unmappedByPid.Add(pid, stats = new RegionStats(null, _pageShift));
        return stats;
    }
}
