using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Replay;

/// <summary>What a recorded fault found in the page table.</summary>
internal enum EntryFound
{
    /// <summary>Not recorded.</summary>
    Unknown,

    /// <summary>Nothing, or a swap entry: no page was mapped.</summary>
    Absent,

    Present,
}

internal static class FaultFacts
{
    public static EntryFound Of(FaultBatch batch, int row)
    {
        var bits = batch.PteBefore[row];
        if (batch.PtLevel[row] < 0 || bits == FaultBatch.NullPte)
            return EntryFound.Unknown;
        return new PageTableEntry(bits).IsPresent ? EntryFound.Present : EntryFound.Absent;
    }
}
