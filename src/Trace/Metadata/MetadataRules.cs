using System.Numerics;
using Faultrec.Traces.Columns;

namespace Faultrec.Traces.Metadata;

/// <summary>
/// What holds of every trace's metadata beyond its JSON shape, so that nobody who reads it has to ask again: page sizes are page sizes,
/// times can be added, indices lead somewhere.
/// </summary>
internal static class MetadataRules
{
    /// <summary>73 years: of any two such times there is a difference.</summary>
    private const long MostNs = 1L << 61;

    private const int LeastPageSize = 1024;
    private const int MostPageSize = 1 << 20;
    private const int ProtLength = 4;
    private const int MostLevels = 5;

    // So that a time of the trace can be added.
    private static readonly DateTimeOffset _latest = new(9900, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <exception cref="MetadataException">A rule is broken.</exception>
    public static TraceMetadata Checked(TraceMetadata metadata)
    {
        Require(metadata.PageSize is >= LeastPageSize and <= MostPageSize && BitOperations.IsPow2(metadata.PageSize), "page_size", $"is {metadata.PageSize}, no power of two from {LeastPageSize} to {MostPageSize}");
        Require(metadata.DurationNs is >= 0 and <= MostNs, "duration_ns", $"is {metadata.DurationNs}");
        Require(metadata.StartedAt <= _latest, "started_at", $"is in the year {metadata.StartedAt.Year}");
        Require(metadata.Frames is not { } frames || frames.PagingLevels is >= 0 and <= MostLevels, "frames", $"has {metadata.Frames?.PagingLevels} paging levels");
        CheckRegions(metadata);
        CheckTasks(metadata);
        CheckReceipt(metadata.Receipt);
        foreach (var advice in metadata.Advice)
            Require(advice.Pid >= 0 && advice.Start <= advice.End && IsTime(advice.TimeNs), "advice", "has an impossible pid, range or time");
        foreach (var call in metadata.CallFaults)
        {
            bool holds = call is { Pid: >= 0, Tid: >= 0, Calls: > 0, Minor: >= 0, Major: >= 0, Stack: null or >= 0 } && (call.Start is null || call.Start <= call.End);
            Require(holds && IsTime(call.TimeNs) && IsTime(call.LastNs), "call_faults", "has an impossible pid, count, range, stack or time");
        }
        foreach (var node in metadata.NumaNodes)
            Require(node.Node >= 0 && node.FirstPfn >= 0 && node.FirstPfn <= node.EndPfn, "numa_nodes", "has an impossible range");
        return metadata;
    }

    private static void CheckRegions(TraceMetadata metadata)
    {
        int last = 0;
        foreach (var region in metadata.Regions)
        {
            bool holds = region.Id > last && region.Pid >= 0 && region.Start <= region.End && region.Prot.Length == ProtLength && IsTime(region.BornNs) && IsTime(region.DiedNs)
                && (region.MapperStack is null or >= 0);
            Require(holds, "regions", $"has an impossible id, pid, range, protection, time or stack in the region after {last}");
            last = region.Id;
        }
    }

    private static void CheckTasks(TraceMetadata metadata)
    {
        foreach (var process in metadata.Processes)
            Require(process.Pid >= 0 && IsTime(process.StartedNs) && IsTime(process.ExitedNs), "processes", $"has an impossible id or time in process {process.Pid}");
        foreach (var thread in metadata.Threads)
            Require(thread.Pid >= 0 && thread.Tid >= 0 && IsTime(thread.StartedNs) && IsTime(thread.ExitedNs), "threads", $"has an impossible id or time in thread {thread.Tid}");
    }

    private static void CheckReceipt(Receipt receipt)
    {
        bool holds = receipt is { Events: >= 0, Lost: >= 0, Missed: >= 0, SampledOut: >= 0, SampledOutMajor: >= 0, Excluded: >= 0, CountsLost: >= 0, LostSideband: >= 0 }
            && receipt is { Failed: null or >= 0, InCalls: null or >= 0, InCallsMajor: null or >= 0, Unseen: null or >= 0 }
            && receipt is { WithoutEntry: >= 0, WithoutOutcome: >= 0, Unfollowed: >= 0, WithoutRegion: >= 0, RegionsFolded: >= 0, RegionsOmitted: >= 0, SpoolBytesDropped: >= 0 };
        Require(holds, "receipt", "has a count below zero");
    }

    private static bool IsTime(long? timeNs) => timeNs is null or (>= -MostNs and <= MostNs);

    private static void Require(bool holds, string key, string problem)
    {
        if (!holds)
            throw new MetadataException(TraceSchema.KeyPrefix + key, problem);
    }
}
