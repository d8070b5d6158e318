using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Facts;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Measures;

/// <summary>Page frame numbers of one region, and which of its huge pages were mapped at once.</summary>
internal sealed class RegionPfns(PfnArray shared)
{
    public PfnMap Pfns { get; } = new(shared);

    /// <summary>Numbers of huge pages (as <see cref="PageGeometry.HugePageOf"/>) that one fault mapped whole.</summary>
    public HashSet<long> HugeBlocks { get; } = [];

    public void Merge(RegionPfns other)
    {
        Pfns.Merge(other.Pfns);
        HugeBlocks.UnionWith(other.HugeBlocks);
    }
}

/// <summary>The regions' frames, one array for all threads of a scan.</summary>
internal sealed class SharedPfns(RegionIndex index, PageGeometry pages)
{
    private readonly PfnArray?[] _byId = new PfnArray?[index.IdLimit];

    /// <summary>Null for a region that the ledger does not have, or that is empty.</summary>
    public PfnArray? Of(int id)
    {
        if (index.Find(id) is not { } region || region.End <= region.Start)
            return null;
        var made = new PfnArray(pages.PageOf(region.Start), pages.PageOf(region.End - region.Start));
        return Interlocked.CompareExchange(ref _byId[id], made, null) ?? made;
    }
}

/// <summary>Which physical memory did each region get? The shared zero page belongs to no region and is left out.</summary>
internal sealed class PhysicalAggregate : IMeasure<PhysicalAggregate>
{
    public static Measure<PhysicalAggregate> Measure { get; } = new(Of) { GrowsWithPages = true };

    private static PhysicalAggregate? Of(MeasurePlan plan) => plan.HasPageTable ? new PhysicalAggregate(plan.Metadata, plan.Index, plan.Pfns) : null;

    private readonly SharedPfns _shared;
    private readonly PageGeometry _pages;
    private readonly long _zeroPfn;
    private readonly RegionPfns?[] _byId;

    internal PhysicalAggregate(TraceMetadata metadata, RegionIndex index, SharedPfns shared)
    {
        _shared = shared;
        _pages = metadata.Pages;
        _zeroPfn = metadata.PageTable?.ZeroPfn ?? FaultBatch.Null;
        _byId = new RegionPfns?[index.IdLimit];
    }

    internal RegionPfns? ById(int id) => _byId[id];

    public FaultColumns Columns => FaultColumns.Pfn | FaultColumns.PageOrder | FaultColumns.Address | FaultColumns.RegionId;

    public void Add<TWeights>(FaultBatch batch, in Verdicts verdicts, TWeights weights)
        where TWeights : struct, IRowWeights
    {
        var count = batch.Count;
        var (frames, orders, regions, addresses) = (batch.Pfn, batch.PageOrder, batch.RegionId, batch.Address);
        for (var i = 0; i < count; i++)
        {
            var frame = frames[i];
            var id = regions[i];
            if (frame < 0 || frame == _zeroPfn || (uint)id >= (uint)_byId.Length)
                continue;
            if ((_byId[id] ?? Create(id)) is not { } region)
                continue;
            var page = _pages.PageOf((ulong)addresses[i]);
            if (orders[i] >= _pages.HugeOrder)
                AddHuge(region, page, frame, orders[i]);
            else
                region.Pfns.Add(page, frame);
        }
    }

    public void Merge(PhysicalAggregate other) => Slots.Merge(_byId, other._byId, (ours, theirs) => ours.Merge(theirs));

    // One fault mapped them all; the map does not keep pages outside the region (a damaged file).
    private void AddHuge(RegionPfns region, long page, long frame, int order)
    {
        var pages = 1L << Math.Min(order, _pages.LargestOrder);
        var (firstPage, firstFrame) = (page & -pages, frame & -pages);
        for (var block = 0; block < pages >> _pages.HugeOrder; block++)
            region.HugeBlocks.Add((firstPage >> _pages.HugeOrder) + block);
        for (var i = 0; i < pages; i++)
            region.Pfns.Add(firstPage + i, firstFrame + i);
    }

    private RegionPfns? Create(int id) => _shared.Of(id) is { } shared ? _byId[id] = new RegionPfns(shared) : null;
}
