using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;

namespace Faultrec.Live.Tests;

/// <summary>What a fault cost; null where it was not traced.</summary>
internal sealed record CostRow(
    string Region, long? DurationNs, bool IsMajor, bool IsAnonymousWrite, long? ReclaimNs, long? CompactionNs, long? IoWaitNs, long? LockWaitNs, long? OffCpuNs,
    long? ZeroingNs, int? BuddyPages)
{
    public long Causes => (ReclaimNs ?? 0) + (CompactionNs ?? 0) + (IoWaitNs ?? 0) + (LockWaitNs ?? 0) + (OffCpuNs ?? 0) + (ZeroingNs ?? 0);
}

/// <param name="Output">Of the recorded program.</param>
internal sealed record CostTrace(TraceMetadata Metadata, IReadOnlyList<CostRow> All, string Output)
{
    public static CostTrace Read(string path, string output)
    {
        using var reader = TraceReader.Open(path);
        return new CostTrace(reader.Metadata, Rows.ReadAll(reader, RowOf), output);
    }

    private static CostRow RowOf(FaultBatch batch, int i) => new(
        batch.Region[i], Known(batch.DurationNs[i]), batch.Major[i], batch.Region[i] == "[anon]" && batch.Access[i] == FaultAccess.Write,
        Known(batch.ReclaimNs[i]), Known(batch.CompactionNs[i]), Known(batch.IoWaitNs[i]), Known(batch.LockWaitNs[i]), Known(batch.OffCpuNs[i]),
        Known(batch.ZeroingNs[i]), (int?)Known(batch.BuddyPages[i]));

    private static long? Known(long value) => value == FaultBatch.Null ? null : value;
}
