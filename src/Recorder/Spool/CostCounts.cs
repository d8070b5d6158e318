using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Spool;

/// <summary>See <see cref="TraceMetadata"/> and <see cref="Receipt.CountsLost"/>.</summary>
internal sealed record CostCounts
{
    public IReadOnlyList<LockWait> LockWaits { get; init; } = [];

    public IReadOnlyList<TlbFlushes> TlbFlushes { get; init; } = [];

    public IReadOnlyList<SlabCount> Caches { get; init; } = [];

    public IReadOnlyList<BuddyCount> BuddyAllocations { get; init; } = [];

    public long CountsLost { get; init; }
}
