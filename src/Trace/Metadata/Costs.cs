using System.Text.Json.Serialization;

namespace Faultrec.Traces.Metadata;

/// <summary>A cause of fault time, or a stage of the slab allocator, that was to be traced.</summary>
/// <param name="Cause">Its name: reclaim, compaction, io_wait, lock_wait, off_cpu or zeroing, whose column adds _ns; or a stage as in <see
/// cref="SlabCount"/>.</param>
/// <param name="Reason">Why it could not be traced; null if it was.</param>
public sealed record CauseProbe([property: JsonRequired] string Cause, [property: JsonPropertyName("refusal")] string? Reason)
{
    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("cause", RedactionRule.Keep),
        new("refusal", RedactionRule.Keep),
    ];
}

/// <summary>Waits of one thread for mmap_lock while one other thread held it.</summary>
/// <param name="Pid">Process id of the waiting thread.</param>
/// <param name="Tid">Thread id of the waiting thread.</param>
/// <param name="HolderPid">Process id of the thread that held mmap_lock for writing when the wait began; 0 if unknown.</param>
/// <param name="HolderTid">Thread id of the holder; 0 if unknown.</param>
/// <param name="Waits">Number of waits; a fault that the kernel retries can wait more than once.</param>
/// <param name="TotalNs">Sum of the waits, ns.</param>
/// <param name="MaxNs">Longest wait, ns.</param>
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

/// <summary>TLB flushes of one process for one reason.</summary>
/// <param name="Pid">Process id.</param>
/// <param name="Reason">Reason, by its name in include/trace/events/tlb.h.</param>
/// <param name="Flushes">Number of flushes.</param>
/// <param name="Pages">Pages flushed by those flushes that named pages.</param>
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
/// <param name="Stages">The stages of the allocator, each with the reason if it could not be told apart.</param>
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

/// <summary>Kernel objects that faults of one process allocated from one slab cache at one stage.</summary>
/// <param name="Pid">Process id.</param>
/// <param name="Cache">Name of the slab cache.</param>
/// <param name="Stage">fast, sheaf, local, partial, remote or buddy; "unknown" if the kernel does not show it.</param>
/// <param name="Objects">Number of objects.</param>
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

/// <summary>Allocations of one order that faults of one process made from the buddy allocator.</summary>
/// <param name="Pid">Process id.</param>
/// <param name="Order">log2 of the pages per allocation.</param>
/// <param name="Allocations">Number of allocations.</param>
public sealed record BuddyCount(int Pid, int Order, long Allocations)
{
    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("pid", RedactionRule.Permute),
        new("order", RedactionRule.Keep),
        new("allocations", RedactionRule.Keep),
    ];
}
