using Faultrec.Traces.Ledger;

namespace Faultrec.Recorder.Live;

/// <summary>Assigns ids to regions, without keeping them.</summary>
internal sealed class LiveRegions : IRegionLedger
{
    private int _last;

    public void Add(RegionEntry region)
    {
    }

    public int IdOf(RegionEntry region)
    {
        if (region.Id == 0)
            region.Id = _last = _last == int.MaxValue ? 1 : _last + 1;
        return region.Id;
    }
}
