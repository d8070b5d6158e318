using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Replay;

/// <summary>What a replay changes about what was recorded: the question "what if". The recording stays as it is.</summary>
public sealed record ReplayChange
{
    public const int NoNode = -1;

    public static ReplayChange None { get; } = new();

    /// <summary>The options for this change; empty: nothing is changed.</summary>
    public string Description { get; init; } = "";

    /// <summary>Regions for which huge pages are requested, whatever the recording had; null: as recorded.</summary>
    public Predicate<Region>? HugePages { get; init; }

    /// <summary>No huge page anywhere.</summary>
    public bool NoHugePages { get; init; }

    /// <summary>Regions that are filled when they are mapped.</summary>
    public Predicate<Region>? Populated { get; init; }

    /// <summary>Bytes that one fault on a cached page of a file maps; 0: the kernel's default.</summary>
    public long FaultAroundBytes { get; init; }

    /// <summary>Size of the imitated base pages, bytes; 0: the kernel's.</summary>
    public long PageBytes { get; init; }

    /// <summary>Private anonymous memory comes from the pool of huge pages (MAP_HUGETLB), where whole ones fit.</summary>
    public bool IsHugetlb { get; init; }

    /// <summary>Threads per process, which share its faults by 2 MiB ranges, so that no two fault in the same one; 0: the recorded threads.</summary>
    public int Threads { get; init; }

    /// <summary>The only NUMA node whose memory is used; <see cref="NoNode"/>: any.</summary>
    public int NumaNode { get; init; } = NoNode;

    /// <summary>The thread that replays a fault; with the recorded number of threads it is the recorded one.</summary>
    internal int TidOf(FaultBatch batch, int row)
        => Threads == 0 ? batch.Tid[row] : batch.Pid[row] + (int)(PageGeometry.Here.HugePageOf((ulong)batch.Address[row]) % Threads);
}
