using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Facts;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Replay;

/// <summary>Why a recorded fault is not replayed.</summary>
internal enum Skip
{
    No,

    /// <summary>--scale.</summary>
    Scaled,

    /// <summary>No mapping was known at its address.</summary>
    NoRegion,

    /// <summary>Its address is not a user address, or not in its region.</summary>
    BadAddress,

    /// <summary>Its region cannot be mapped here: it is not at user addresses, or it is absurdly large.</summary>
    BadRegion,

    /// <summary>It failed when it was recorded, but would not fail here.</summary>
    WouldSucceed,
}

/// <summary>Which rows are replayed, and the region of each; the same answers in both passes over the trace.</summary>
internal sealed class Admission
{

    private readonly ReplayedRegion?[] _regions;
    private readonly ulong _scale;

    public Admission(TraceMetadata metadata, int scale, ReplayChange change, StandIns standIns)
    {
        var index = new RegionIndex(metadata.Regions);
        var copies = new ForkCopies(metadata);
        _regions = new ReplayedRegion?[index.IdLimit];
        _scale = (ulong)scale;
        for (var id = 1; id < _regions.Length; id++)
        {
            if (index.Find(id) is not { } ledger || ReplayedRegion.Of(ledger, change, copies.Has(ledger)) is not { } region)
                continue;
            if (!region.HasStandIn || standIns.TryAdd(region))
                _regions[id] = region;
        }
    }

    public IEnumerable<ReplayedRegion> Regions => _regions.OfType<ReplayedRegion>();

    /// <param name="region">Null for a fault that failed outside any region.</param>
    public Skip Admit(FaultBatch batch, int row, Severity severity, out ReplayedRegion? region)
    {
        region = null;
        var (id, address) = (batch.RegionId[row], (ulong)batch.Address[row]);
        if (address >= ReplayedRegion.UserEnd)
            return Skip.BadAddress;
        var pages = PageGeometry.Here;
        if (_scale > 1 && !IsInScale(batch.PageOrder[row] >= pages.HugeOrder ? pages.HugePageOf(address) : pages.PageOf(address)))
            return Skip.Scaled;

        if (id == 0)
            return severity == Severity.Failed ? Skip.No : Skip.NoRegion;
        region = (uint)id < (uint)_regions.Length ? _regions[id] : null;
        if (region is null)
            return Skip.BadRegion;
        return address >= region.Ledger.Start && address < region.Ledger.End ? Skip.No : Skip.BadAddress;
    }

    // A hash, so that one page in N is not one in N of a pattern with that stride.
    private bool IsInScale(long page) => (((ulong)page * 0x9e37_79b9_7f4a_7c15) >> 32) % _scale == 0;
}
