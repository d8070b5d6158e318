using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Residency;

/// <summary>Which region an address of a process lay in, at a time.</summary>
internal sealed class RegionPlaces(TraceMetadata metadata)
{
    private readonly PageGeometry _pages = metadata.Pages;
    private readonly ILookup<int, Region> _byPid = metadata.Regions.ToLookup(region => region.Pid);

    /// <returns>The id of the region that was mapped last of those that cover the page; 0: none.</returns>
    public int At(int pid, long page, long timeNs)
    {
        var (found, foundBorn) = (0, long.MinValue);
        foreach (var region in _byPid[pid])
        {
            var covers = region.End > region.Start && _pages.PageOf(region.Start) <= page && page <= _pages.PageOf(region.End - 1);
            var born = region.BornNs ?? long.MinValue;
            if (covers && born <= timeNs && (region.DiedNs is not { } died || died >= timeNs) && born >= foundBorn)
                (found, foundBorn) = (region.Id, born);
        }

        return found;
    }
}
