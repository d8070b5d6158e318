using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Measures;

/// <summary>The first fault on each page of one region.</summary>
/// <param name="region">Null: no known mapping.</param>
internal sealed class RegionTouches(Region? region, int pageShift, int buckets)
{
    private readonly PageSet _pages = PageSet.Of(region, pageShift);

    private readonly uint[] _byBucket = new uint[buckets];

    public Region? Region => region;

    public long Pages => _pages.Count;

    /// <summary>Pages by the bucket of time of their first fault.</summary>
    public IReadOnlyList<uint> ByBucket => _byBucket;

    internal void Add(ulong address, int bucket)
    {
        if (_pages.Add((long)(address >> pageShift)))
            _byBucket[bucket]++;
    }
}

/// <summary>When was each page of a region touched for the first time? Faults must come in the order of time.</summary>
internal sealed class FirstTouchAggregate(RegionIndex index, PageGeometry pages, TimeAxis axis) : IOrderedMeasure
{
    public static Measure<FirstTouchAggregate> Measure { get; }
        = new(plan => new FirstTouchAggregate(plan.Index, plan.Metadata.Pages, TimeAggregate.AxisOf(plan))) { GrowsWithPages = true };

    private readonly int _pageShift = pages.PageShift;
    private readonly RegionTouches?[] _byId = new RegionTouches?[index.IdLimit];
    private readonly SortedDictionary<int, RegionTouches> _unmappedByPid = [];

    public TimeAxis Axis => axis;

    /// <summary>Null where region <paramref name="id"/> had no fault.</summary>
    public RegionTouches? ById(int id) => _byId[id];

    /// <summary>All touched regions, and touches without a mapping (by process).</summary>
    public IEnumerable<RegionTouches> All => _byId.OfType<RegionTouches>().Concat(_unmappedByPid.Values);

    public FaultColumns Columns => FaultColumns.TimeNs | FaultColumns.RegionId | FaultColumns.Pid | FaultColumns.Address;

    public void AddInOrder(FaultBatch batch)
    {
        var count = batch.Count;
        for (var row = 0; row < count;)
        {
            var (bucket, end) = TimeRun.From(axis, batch.TimeNs.AsSpan(0, count), row);
            for (; row < end; row++)
            {
                var id = batch.RegionId[row];
                var touches = (uint)id < (uint)_byId.Length ? _byId[id] : null;
                touches ??= Create(id, batch.Pid[row]);
                touches.Add((ulong)batch.Address[row], bucket);
            }
        }
    }

    private RegionTouches Create(int id, int pid)
    {
        if (index.Find(id) is { } region)
            return _byId[id] = new RegionTouches(region, _pageShift, axis.Count);
        if (!_unmappedByPid.TryGetValue(pid, out var touches))
            _unmappedByPid.Add(pid, touches = new RegionTouches(null, _pageShift, axis.Count));
        return touches;
    }
}
