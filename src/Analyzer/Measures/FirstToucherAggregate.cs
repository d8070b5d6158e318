using System.Numerics;
using System.Runtime.InteropServices;
using Faultrec.Analyzer.Classify;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Measures;

/// <summary>What one thread did in one mapping.</summary>
/// <param name="FirstFaults">Where nothing was mapped.</param>
/// <param name="FirstPages">That they are known to have mapped.</param>
/// <param name="Refaults">Its other faults: the page was there, or had been.</param>
/// <param name="Remote">Of these, those on a CPU of another NUMA node than the page's frame.</param>
internal readonly record struct ThreadTouches(long FirstFaults, long FirstPages, long Refaults, long Remote)
{
    public ThreadTouches Plus(in ThreadTouches other)
        => new(FirstFaults + other.FirstFaults, FirstPages + other.FirstPages, Refaults + other.Refaults, Remote + other.Remote);
}

/// <summary>Which thread of a process made the first faults in a mapping, and which others fault there, too?</summary>
internal sealed class FirstToucherAggregate(TraceMetadata metadata) : IMeasure<FirstToucherAggregate>
{
    // Threads on several CPUs alternate row by row.
    private const int RecentSize = 256;

    private static readonly FaultKind[] FirstTouches =
    [
        FaultKind.AnonWrite, FaultKind.ZeroRead, FaultKind.KernelAccess, FaultKind.StackGrowth, FaultKind.Mthp, FaultKind.MthpFallback, FaultKind.Huge,
        FaultKind.HugeFallback, FaultKind.Hugetlb, FaultKind.Shmem, FaultKind.FileCache, FaultKind.FileDisk, FaultKind.Userfaultfd,
    ];

    private static readonly bool[] IsFirst = [.. Enum.GetValues<FaultKind>().Select(kind => FirstTouches.Contains(kind))];

    private readonly NumaPlaces? _places = metadata.NumaCpus.Count > 1 ? new NumaPlaces(metadata) : null;
    private readonly (int Region, int Tid, int Slot)[] _recent = [.. Enumerable.Repeat((-1, -1, 0), RecentSize)];
    private readonly Dictionary<(int Region, int Tid), int> _slots = [];
    private readonly List<ThreadTouches> _touches = [];

    /// <summary>Null where no process has several threads, or kinds are not known.</summary>
    public static Measure<FirstToucherAggregate> Measure { get; }
        = new(plan => plan.HasPageTable && plan.Metadata.Threads.GroupBy(thread => thread.Pid).Any(process => process.Skip(1).Any())
            ? new FirstToucherAggregate(plan.Metadata)
            : null);

    public FaultColumns Columns
        => FaultColumns.RegionId | FaultColumns.Tid | FaultColumns.PageOrder | FaultColumns.MappedAround
            | (_places is null ? FaultColumns.None : FaultColumns.Cpu | FaultColumns.Pfn | FaultColumns.PtLevel | FaultColumns.PteBefore);

    public IEnumerable<(int Region, int Tid, ThreadTouches Touches)> All => _slots.Select(slot => (slot.Key.Region, slot.Key.Tid, _touches[slot.Value]));

    public void Add<TWeights>(FaultBatch batch, in Verdicts verdicts, TWeights weights)
        where TWeights : struct, IRowWeights
    {
        var kinds = verdicts.Kinds;
        var (regions, tids, orders, around) = (batch.RegionId, batch.Tid, batch.PageOrder, batch.MappedAround);
        for (var i = 0; i < kinds.Length; i++)
        {
            if (kinds[i] is FaultKind.Failed or FaultKind.BusError)
                continue;
            ref var recent = ref _recent[tids[i] & (RecentSize - 1)];
            if (recent.Region != regions[i] || recent.Tid != tids[i])
                recent = (regions[i], tids[i], SlotOf((regions[i], tids[i])));
            ref var touches = ref CollectionsMarshal.AsSpan(_touches)[recent.Slot];
            var weight = weights.Of(i);
            touches = touches.Plus(IsFirst[(int)kinds[i]] ? new ThreadTouches(weight, PagesOf(kinds[i], orders[i], around[i]) * weight, 0, 0)
                : new ThreadTouches(0, 0, weight, _places?.AreApart(batch.Cpu[i], FrameOf(batch, i)) == true ? weight : 0));
        }
    }

    public void Merge(FirstToucherAggregate other)
    {
        foreach (var (key, slot) in other._slots)
        {
            ref var touches = ref CollectionsMarshal.AsSpan(_touches)[SlotOf(key)];
            touches = touches.Plus(other._touches[slot]);
        }
    }

    // Where the fault found the page: it may have moved it.
    private static long FrameOf(FaultBatch batch, int row)
    {
        var entry = new PageTableEntry(batch.PtLevel[row] == 0 && batch.PteBefore[row] != FaultBatch.NullPte ? batch.PteBefore[row] : 0);
        return entry.IsPresent || entry.IsProtNone ? entry.Frame(order: 0) : batch.Pfn[row];
    }

    private static long PagesOf(FaultKind kind, int order, int around)
        => around > 0 ? BitOperations.PopCount((uint)around) : kind is FaultKind.Huge or FaultKind.Mthp or FaultKind.Hugetlb && order > 0 ? 1L << order : 1;

    private int SlotOf((int Region, int Tid) key)
    {
        if (_slots.TryGetValue(key, out var slot))
            return slot;
        slot = _touches.Count;
        _slots.Add(key, slot);
        _touches.Add(default);
        return slot;
    }
}

/// <summary>On which NUMA node CPUs and frames are.</summary>
internal sealed class NumaPlaces(TraceMetadata metadata)
{
    /// <summary>Both nodes are known, and differ.</summary>
    public bool AreApart(int cpu, long pfn) => NodeOfCpu(cpu) is { } toucher && NodeOfFrame(pfn) is { } memory && toucher != memory;

    private int? NodeOfCpu(int cpu)
    {
        foreach (var range in metadata.NumaCpus)
        {
            if (cpu >= range.FirstCpu && cpu < range.EndCpu)
                return range.Node;
        }

        return null;
    }

    private int? NodeOfFrame(long pfn)
    {
        foreach (var range in metadata.NumaNodes)
        {
            if (pfn >= range.FirstPfn && pfn < range.EndPfn)
                return range.Node;
        }

        return null;
    }
}
