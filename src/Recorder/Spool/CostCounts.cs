using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Spool;

/// <summary>What was counted per process, see <see cref="TraceMetadata"/>.</summary>
internal sealed record CostCounts
{
    public IReadOnlyList<LockWait> LockWaits { get; init; } = [];

    public IReadOnlyList<TlbFlushes> TlbFlushes { get; init; } = [];

    public IReadOnlyList<SlabCount> Caches { get; init; } = [];

    public IReadOnlyList<BuddyCount> BuddyAllocations { get; init; } = [];
}
