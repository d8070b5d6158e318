using System.Numerics;

namespace Faultrec.Traces.Metadata;

/// <summary>
/// What holds of every trace's metadata beyond its JSON shape, so that nobody who reads it has to ask again: page sizes are page sizes,
/// times can be added, indices lead somewhere. Each rule says what is wrong with a key's value, or null.
/// </summary>
internal static class MetadataRules
{
    public const string NullItem = "has a null among its items";

    /// <summary>73 years: of any two such times there is a difference.</summary>
    private const long MostNs = 1L << 61;

    /// <summary>More than any address space has: two such numbers can be added.</summary>
    private const long MostPages = 1L << 54;

    private const long MostBytes = 1L << 58;

    private const int LeastPageSize = 1024;
    private const int MostPageSize = 1 << 20;
    private const int ProtLength = 4;
    private const int MostLevels = 5;

    // So that a time of the trace can be added.
    private static readonly DateTimeOffset Latest = new(9900, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public static string? PageSize(int bytes)
        => bytes is >= LeastPageSize and <= MostPageSize && BitOperations.IsPow2(bytes) ? null
            : $"is {bytes}, not a power of two from {LeastPageSize} to {MostPageSize}";

    public static string? Duration(long ns) => ns is >= 0 and <= MostNs ? null : $"is {ns}";

    public static string? StartedAt(DateTimeOffset time) => time <= Latest ? null : $"is in the year {time.Year}";

    public static string? Frames(PageTableRecording frames)
        => frames.PagingLevels is >= 0 and <= MostLevels ? null : $"has {frames.PagingLevels} paging levels";

    public static string? Regions(IReadOnlyList<Region> regions)
    {
        var last = 0;
        foreach (var region in regions)
        {
            var holds = region.Id > last && region.Pid >= 0 && region.Start <= region.End && region.Prot.Length == ProtLength
                && IsTime(region.BornNs) && IsTime(region.DiedNs) && (region.MapperStack is null or >= 0);
            if (!holds)
                return $"has an impossible id, pid, range, protection, time or stack in the region after {last}";
            last = region.Id;
        }

        return null;
    }

    public static string? Processes(IReadOnlyList<ProcessEntry> processes)
        => processes.FirstOrDefault(process => process.Pid < 0 || !IsTime(process.StartedNs) || !IsTime(process.ExitedNs)) is not { } impossible
            ? null
            : $"has an impossible id or time in process {impossible.Pid}";

    public static string? Threads(IReadOnlyList<ThreadEntry> threads)
        => threads.FirstOrDefault(thread => thread.Pid < 0 || thread.Tid < 0 || !IsTime(thread.StartedNs) || !IsTime(thread.ExitedNs)) is not { } impossible
            ? null
            : $"has an impossible id or time in thread {impossible.Tid}";

    public static string? Receipt(Receipt receipt)
    {
        if (receipt.LostByCpu.Contains(null!) || receipt.LostBySecond.Contains(null!))
            return NullItem;
        return Metadata.Receipt.Counters.Any(counter => !counter.MayBeNegative && counter.Of(receipt) < 0) ? "has a count below zero" : null;
    }

    public static string? Advice(IReadOnlyList<MemoryAdvice> advice)
        => advice.All(one => one.Pid >= 0 && one.Start <= one.End && IsTime(one.TimeNs)) ? null : "has an impossible pid, range or time";

    public static string? NumaNodes(IReadOnlyList<NumaRange> nodes)
        => nodes.All(node => node.Node >= 0 && node.FirstPfn >= 0 && node.FirstPfn <= node.EndPfn) ? null : "has an impossible range";

    public static string? NumaCpus(IReadOnlyList<NumaCpus> nodes)
        => nodes.All(node => node.Node >= 0 && node.FirstCpu >= 0 && node.FirstCpu <= node.EndCpu) ? null : "has an impossible range";

    public static string? FolioSizes(IReadOnlyList<FolioSize> sizes) => sizes.All(size => size.Kib > 0) ? null : "has an impossible size";

    public static string? SwapAreas(IReadOnlyList<SwapArea> areas) => areas.All(area => area.Kib >= 0) ? null : "has an impossible size";

    public static string? Pressure(MemoryPressure pressure)
        => pressure.LimitBytes < 0 || pressure.LimitHits < 0 || pressure.OomKills < 0 || pressure.SomeNs < 0 || pressure.FullNs < 0
            ? "has a count below zero"
            : null;

    public static string? Slab(SlabRecording slab)
        => slab.Stages.Contains(null!) || slab.Caches.Contains(null!) || slab.BuddyAllocations.Contains(null!) ? NullItem : null;

    public static string? StackRecording(StackRecording stacks) => stacks.Warnings.Contains(null!) ? NullItem : null;

    /// <summary>So that whoever follows a stack needs no bounds: every index is in range and every way ends.</summary>
    public static string? Stacks(StackTable stacks)
    {
        if (stacks.Modules.Contains(null!) || stacks.Frames.Contains(null!))
            return NullItem;
        var holds = stacks.Parents.Count == stacks.NodeFrames.Count
            && stacks.Frames.All(frame => frame.Module is not { } module || (uint)module < (uint)stacks.Modules.Count)
            && stacks.NodeFrames.All(frame => (uint)frame < (uint)stacks.Frames.Count)
            && !stacks.Parents.Where((parent, node) => parent < -1 || parent >= node).Any();
        return holds ? null : "has an index that is out of range";
    }

    public static string? CallFaults(IReadOnlyList<CallFaults> calls)
    {
        foreach (var call in calls)
        {
            var holds = call is { Pid: >= 0, Tid: >= 0, Calls: > 0, Minor: >= 0, Major: >= 0, Stack: null or >= 0 }
                && (call.Start is null || call.Start <= call.End);
            if (!holds || !IsTime(call.TimeNs) || !IsTime(call.LastNs))
                return "has an impossible pid, count, range, stack or time";
        }

        return null;
    }

    public static string? Memory(IReadOnlyList<ProcessMemory> memory)
    {
        foreach (var process in memory)
        {
            var samples = process.TimeNs.Count;
            IReadOnlyList<long>[] counters = [process.AnonBytes, process.FileBytes, process.ShmemBytes, process.SwapBytes];
            var holds = process.Pid >= 0 && process.PeakBytes is null or >= 0 && IsInOrder(process.TimeNs)
                && counters.All(counter => counter.Count == samples && counter.All(bytes => bytes is >= 0 and <= MostBytes));
            if (!holds)
                return $"has an impossible time or count, or arrays of different lengths, in process {process.Pid}";
        }

        return null;
    }

    /// <summary>So that whoever goes through the ranges needs no bounds.</summary>
    public static string? Releases(ReleaseTable releases)
    {
        var count = releases.Count;
        int[] lengths =
        [
            releases.Pid.Count, releases.Call.Count, releases.FirstPage.Count, releases.Pages.Count, releases.ToPage.Count, releases.Stack.Count,
        ];
        if (releases.Calls.Contains(null!))
            return NullItem;
        long time = 0;
        for (var i = 0; i < count; i++)
        {
            if (releases.TimeNs[i] is < -MostNs or > MostNs || (i > 0 && releases.TimeNs[i] < 0))
                return "has an impossible time";
            time += releases.TimeNs[i];
            if (!IsTime(time))
                return "has an impossible time";
        }

        var holds = Array.TrueForAll(lengths, length => length == count)
            && releases.Pid.All(pid => pid >= 0)
            && releases.Call.All(call => (uint)call < (uint)releases.Calls.Count)
            && releases.FirstPage.All(page => page is >= 0 and <= MostPages)
            && releases.Pages.All(pages => pages is >= 0 and <= MostPages)
            && releases.ToPage.All(page => page is >= ReleaseTable.NotMoved and <= MostPages)
            && releases.Stack.All(stack => stack >= ReleaseTable.WithoutStack)
            && releases is { Omitted: >= 0, OmittedPages: >= 0 };
        return holds ? null : "has an impossible pid, call, range or stack, or arrays of different lengths";
    }

    public static string? ResidentBefore(ResidentRuns runs)
        => runs.FirstPage.Count == runs.Pid.Count && runs.Pages.Count == runs.Pid.Count && runs.OmittedPages >= 0 && runs.Pid.All(pid => pid >= 0)
            && runs.FirstPage.All(page => page is >= 0 and <= MostPages) && runs.Pages.All(pages => pages is >= 0 and <= MostPages)
            ? null
            : "has an impossible pid or range, or arrays of different lengths";

    public static string? Marks(IReadOnlyList<Mark> marks)
        => marks.All(mark => mark.Name.Length > 0 && mark.Pid is null or >= 0) && IsInOrder([.. marks.Select(mark => mark.TimeNs)])
            ? null
            : "has an impossible name, pid or time";

    private static bool IsInOrder(IReadOnlyList<long> times)
    {
        for (var i = 0; i < times.Count; i++)
        {
            if (!IsTime(times[i]) || (i > 0 && times[i] < times[i - 1]))
                return false;
        }

        return true;
    }

    private static bool IsTime(long? timeNs) => timeNs is null or (>= -MostNs and <= MostNs);
}
