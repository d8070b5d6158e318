using System.Text.Json.Serialization;

namespace Faultrec.Traces.Metadata;

/// <param name="Cause">reclaim, compaction, io_wait, lock_wait, off_cpu, zeroing: a column of that name with _ns.</param>
/// <param name="Refusal">Null: it was traced; otherwise why not.</param>
public sealed record CauseProbe([property: JsonRequired] string Cause, string? Refusal)
{
    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("cause", RedactionRule.Keep),
        new("refusal", RedactionRule.Keep),
    ];
}

/// <param name="HolderPid">Who had mmap_lock for writing when the wait began; 0: not known.</param>
/// <param name="Waits">A fault that the kernel tries again can wait more than once.</param>
public sealed record LockWait(int Pid, int Tid, int HolderPid, int HolderTid, long Waits, long TotalNs, long MaxNs)
{
    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("pid", RedactionRule.Permute),
        new("tid", RedactionRule.Permute),
        new("holder_pid", RedactionRule.Permute),
        new("holder_tid", RedactionRule.Permute),
        new("waits", RedactionRule.Keep),
        new("total_ns", RedactionRule.Keep),
        new("max_ns", RedactionRule.Keep),
    ];
}

/// <param name="Reason">As in include/trace/events/tlb.h.</param>
/// <param name="Pages">Sum over the flushes that named pages.</param>
/// <param name="Full">Flushes of everything.</param>
public sealed record TlbFlushes(int Pid, [property: JsonRequired] string Reason, long Flushes, long Pages, long Full)
{
    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("pid", RedactionRule.Permute),
        new("reason", RedactionRule.Keep),
        new("flushes", RedactionRule.Keep),
        new("pages", RedactionRule.Keep),
        new("full", RedactionRule.Keep),
    ];
}

/// <summary>What `--slab` counted in faults of the recorded processes.</summary>
/// <param name="Stages">Each stage, and why it could not be told apart (null: it could).</param>
/// <param name="Caches">Objects by process, slab cache and stage.</param>
/// <param name="BuddyAllocations">Allocations of 2^order pages by process.</param>
public sealed record SlabRecording(IReadOnlyList<CauseProbe> Stages, IReadOnlyList<SlabCount> Caches, IReadOnlyList<BuddyCount> BuddyAllocations)
{
    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("stages", CauseProbe.Members),
        new("caches", SlabCount.Members),
        new("buddy_allocations", BuddyCount.Members),
    ];
}

/// <param name="Stage">fast, sheaf, local, partial, remote, buddy; "unknown" where the kernel does not let us see it.</param>
public sealed record SlabCount(int Pid, [property: JsonRequired] string Cache, [property: JsonRequired] string Stage, long Objects)
{
    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("pid", RedactionRule.Permute),
        new("cache", RedactionRule.Keep),
        new("stage", RedactionRule.Keep),
        new("objects", RedactionRule.Keep),
    ];
}

public sealed record BuddyCount(int Pid, int Order, long Allocations)
{
    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("pid", RedactionRule.Permute),
        new("order", RedactionRule.Keep),
        new("allocations", RedactionRule.Keep),
    ];
}
