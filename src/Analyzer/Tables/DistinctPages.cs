using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;

namespace Faultrec.Analyzer.Tables;

/// <summary>
/// Distinct (process, page) pairs over all regions. The regions' sets are disjoint unless addresses were reused for another
/// mapping, so only sets with overlapping ranges are united.
/// </summary>
internal static class DistinctPages
{
    /// <summary>By process id.</summary>
    public static Dictionary<int, long> ByProcess(RegionIndex index, RegionAggregate regions)
    {
        var byPid = new Dictionary<int, List<PageSet>>();
        for (var id = 0; id < index.IdLimit; id++)
        {
            if (regions.ById(id) is { } stats && index.Find(id) is { } region)
                ListOf(byPid, region.Pid).Add(stats.Pages);
        }

        foreach (var (pid, stats) in regions.UnmappedByPid)
            ListOf(byPid, pid).Add(stats.Pages);
        var pages = new Dictionary<int, long>(byPid.Count);
        foreach (var (pid, sets) in byPid)
            pages.Add(pid, OfOneProcess(sets));
        return pages;
    }

    private static List<PageSet> ListOf(Dictionary<int, List<PageSet>> byPid, int pid)
    {
        if (!byPid.TryGetValue(pid, out var list))
            byPid.Add(pid, list = []);
        return list;
    }

    private static long OfOneProcess(List<PageSet> sets)
    {
        sets.Sort((a, b) => a.First.CompareTo(b.First));
        long pages = 0;
        for (var i = 0; i < sets.Count;)
        {
            var (last, end) = (sets[i].Last, i + 1);
            while (end < sets.Count && sets[end].First <= last)
                last = Math.Max(last, sets[end++].Last);
            pages += end == i + 1 ? sets[i].Count : Union(sets, i, end).Count;
            i = end;
        }

        return pages;
    }

    private static PageSet Union(List<PageSet> sets, int from, int end)
    {
        var union = new PageSet(0, 0);
        for (var i = from; i < end; i++)
            union.Merge(sets[i]);
        return union;
    }
}
