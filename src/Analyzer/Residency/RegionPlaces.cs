using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Residency;

/// <summary>Which region an address of a process lay in, at a time.</summary>
internal sealed class RegionPlaces(TraceMetadata metadata)
{
    private readonly PageGeometry _pages = metadata.Pages;
    private readonly ILookup<int, Region> _byPid = metadata.Regions.ToLookup(region => region.Pid);

    /// <returns>
    /// The id of the region that was mapped last of those that cover the page; of several that are as old (those of a fork are), the smallest: it lies
    /// in a hole of the others. 0: none.
    /// </returns>
    public int At(int pid, long page, long timeNs)
    {
        var found = (Born: long.MinValue, Shortness: long.MinValue, Id: 0);
        foreach (var region in _byPid[pid])
        {
            var covers = region.End > region.Start && _pages.PageOf(region.Start) <= page && page <= _pages.PageOf(region.End - 1);
            if (covers && IsThere(region, timeNs) && Rank(region).CompareTo(found) > 0)
                found = Rank(region);
        }

        return found.Id;
    }

    /// <summary>All that a process had mapped at a time, in order of address, each page once, as above.</summary>
    public IEnumerable<(int RegionId, long FirstPage, long Pages)> AllAt(int pid, long timeNs)
    {
        var edges = _byPid[pid].Where(region => region.End > region.Start && IsThere(region, timeNs))
            .SelectMany(region => ((long Page, Region Region, bool IsStart)[])
                [(_pages.PageOf(region.Start), region, true), (_pages.PageOf(region.End - 1) + 1, region, false)])
            .OrderBy(edge => edge.Page);
        var covering = new SortedSet<(long Born, long Shortness, int Id)>();
        var from = 0L;
        foreach (var (page, region, isStart) in edges)
        {
            if (page > from && covering.Count > 0)
                yield return (covering.Max.Id, from, page - from);
            from = page;
            _ = isStart ? covering.Add(Rank(region)) : covering.Remove(Rank(region));
        }
    }

    private static (long Born, long Shortness, int Id) Rank(Region region) => (Born(region), -(long)(region.End - region.Start), region.Id);

    private static long Born(Region region) => region.BornNs ?? long.MinValue;

    private static bool IsThere(Region region, long timeNs) => Born(region) <= timeNs && (region.DiedNs is not { } died || died >= timeNs);
}
