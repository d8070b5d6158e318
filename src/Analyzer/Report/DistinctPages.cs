using System.Numerics;
using Faultrec.Traces;

namespace Faultrec.Analyzer;

/// <summary>
/// Distinct (process, page) pairs over all regions. The regions' sets are disjoint unless addresses were reused for another
/// mapping, so only sets whose ranges overlap are united again.
/// </summary>
internal static class DistinctPages
{
    public static long OfProcesses(RegionIndex index, RegionAggregate regions, int pageSize)
    {
        var shift = BitOperations.Log2((uint)pageSize);
        var byPid = new Dictionary<int, List<Ranged>>();
        for (var id = 0; id < index.IdLimit; id++)
        {
            if (regions.ById(id) is { } stats && index.Find(id) is { } region)
                ListOf(byPid, region.Pid).Add(new Ranged((long)(region.Start >> shift), (long)((region.End - 1) >> shift), stats.Pages));
        }

        // Without a mapping there is no range: it may overlap anything.
        foreach (var (pid, stats) in regions.UnmappedByPid)
            ListOf(byPid, pid).Add(new Ranged(long.MinValue, long.MaxValue, stats.Pages));
        long pages = 0;
        foreach (var sets in byPid.Values)
            pages += OfOneProcess(sets);
        return pages;
    }

    private static List<Ranged> ListOf(Dictionary<int, List<Ranged>> byPid, int pid)
    {
        if (!byPid.TryGetValue(pid, out var list))
            byPid.Add(pid, list = []);
        return list;
    }

    private static long OfOneProcess(List<Ranged> sets)
    {
        sets.Sort((a, b) => a.First.CompareTo(b.First));
        long pages = 0;
        for (var i = 0; i < sets.Count;)
        {
            var (last, end) = (sets[i].Last, i + 1);
            while (end < sets.Count && sets[end].First <= last)
                last = Math.Max(last, sets[end++].Last);
            pages += end == i + 1 ? sets[i].Pages.Count : Union(sets, i, end).Count;
            i = end;
        }

        return pages;
    }

    private static PageSet Union(List<Ranged> sets, int from, int end)
    {
        var union = new PageSet(0, 0);
        for (var i = from; i < end; i++)
            union.Merge(sets[i].Pages);
        return union;
    }

    private readonly record struct Ranged(long First, long Last, PageSet Pages);
}
