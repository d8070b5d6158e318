using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Report;

/// <param name="Refusal">Why the kernel does not let the stage be told apart; null where it does.</param>
/// <param name="Share">Of the objects of all stages; null when there are none.</param>
public sealed record SlabStageRow(string Stage, string? Refusal, long Objects, double? Share);

/// <summary>Objects of one slab cache by stage, over the processes of the filter.</summary>
/// <param name="ByStage">In the order of <see cref="SlabAggregate.Stages"/>.</param>
/// <param name="Unknown">Objects whose stage the kernel does not let us see.</param>
public sealed record SlabCacheRow(string Cache, long Objects, IReadOnlyList<long> ByStage, long Unknown);

/// <param name="Pages">Of all the allocations.</param>
public sealed record BuddyRow(int Order, long Allocations, long Pages, double Share);

/// <summary>Rows of the tables of the allocator underneath.</summary>
internal static class SlabTables
{
    private const string UnknownStage = "unknown";

    /// <summary>Fastest stage first, every stage that the recording knows of, and what could not be told.</summary>
    public static List<SlabStageRow> Stages(TraceMetadata metadata, FaultFilter filter, SlabAggregate? aggregate)
    {
        var rows = new List<SlabStageRow>();
        if (aggregate is null || metadata.Slab is not { } slab)
            return rows;
        var refusals = new Dictionary<string, string?>();
        foreach (var stage in slab.Stages)
            refusals[stage.Cause] = stage.Refusal;
        // Only sums by cache have such objects: they can be narrowed to processes, and to nothing else.
        var unknown = (filter with { Pids = [] }).IsEmpty ? CachesOf(slab, filter).Where(count => count.Stage == UnknownStage).Sum(count => count.Objects) : 0;
        var all = unknown;
        for (var i = 0; i < SlabAggregate.Stages.Count; i++)
            all += aggregate.Objects(i);
        for (var i = 0; i < SlabAggregate.Stages.Count; i++)
        {
            var (stage, objects) = (SlabAggregate.Stages[i], aggregate.Objects(i));
            if (objects > 0 || refusals.ContainsKey(stage))
                rows.Add(new SlabStageRow(stage, refusals.GetValueOrDefault(stage), objects, Share(objects, all)));
        }

        if (unknown > 0)
            rows.Add(new SlabStageRow(UnknownStage, null, unknown, Share(unknown, all)));
        return rows;
    }

    /// <summary>Most objects first.</summary>
    public static List<SlabCacheRow> Caches(TraceMetadata metadata, FaultFilter filter)
    {
        var rows = new List<SlabCacheRow>();
        if (metadata.Slab is not { } slab)
            return rows;
        foreach (var cache in CachesOf(slab, filter).GroupBy(count => count.Cache))
        {
            var byStage = new long[SlabAggregate.Stages.Count];
            for (var i = 0; i < byStage.Length; i++)
                byStage[i] = cache.Where(count => count.Stage == SlabAggregate.Stages[i]).Sum(count => count.Objects);
            var objects = cache.Sum(count => count.Objects);
            rows.Add(new SlabCacheRow(cache.Key, objects, byStage, objects - byStage.Sum()));
        }

        rows.Sort((a, b) => b.Objects.CompareTo(a.Objects) is var order && order != 0 ? order : string.CompareOrdinal(a.Cache, b.Cache));
        return rows;
    }

    /// <summary>Smallest first.</summary>
    public static List<BuddyRow> Buddy(TraceMetadata metadata, FaultFilter filter)
    {
        // MAX_PAGE_ORDER is 10, and what a damaged file says beyond this would overflow.
        const int largest = 32;
        var sums = new SortedDictionary<int, long>();
        foreach (var count in metadata.Slab?.BuddyAllocations ?? [])
        {
            if (count.Order is >= 0 and <= largest && (filter.Pids.Count == 0 || filter.Pids.Contains(count.Pid)))
                sums[count.Order] = sums.GetValueOrDefault(count.Order) + count.Allocations;
        }

        var all = sums.Sum(sum => sum.Value << sum.Key);
        return [.. sums.Select(sum => new BuddyRow(sum.Key, sum.Value, sum.Value << sum.Key, all == 0 ? 0 : (double)(sum.Value << sum.Key) / all))];
    }

    private static IEnumerable<SlabCount> CachesOf(SlabRecording slab, FaultFilter filter)
        => slab.Caches.Where(count => filter.Pids.Count == 0 || filter.Pids.Contains(count.Pid));

    private static double? Share(long part, long all) => all == 0 ? null : (double)part / all;
}
