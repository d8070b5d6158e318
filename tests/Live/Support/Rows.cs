using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;

namespace Faultrec.Live.Tests;

/// <summary>A fault as the trace has it.</summary>
/// <param name="Region">Of the ledger; null: no mapping known.</param>
internal sealed record Row(
    long TimeNs, long? DurationNs, int Pid, int Tid, string Comm, ulong Address, bool Major, FaultAccess Access, bool KernelAccess,
    int? ErrorCode, int? Signal, Region? Region, string RegionName, long? FilePage, int? PtLevel, ulong? PteBefore, long? Pfn, int? PageOrder, bool Grew,
    int? StackId, int? MapperStackId)
{
    public ulong Page => Address >> 12;

    public bool IsIn(ulong start, long pages) => Address >= start && Address < start + ((ulong)pages << 12);
}

/// <summary>A small trace, all of it.</summary>
internal sealed class Rows
{
    private Rows(TraceMetadata metadata, IReadOnlyList<Row> all) => (Metadata, All) = (metadata, all);

    public TraceMetadata Metadata { get; }

    public Receipt Receipt => Metadata.Receipt;

    public IReadOnlyList<Row> All { get; }

    public static Rows Read(string path)
    {
        using var reader = TraceReader.Open(path);
        var regions = reader.Metadata.Regions.ToDictionary(region => region.Id);
        return new Rows(reader.Metadata, ReadAll(reader, (batch, i) => RowOf(batch, i, regions)));
    }

    /// <summary>Every row of the file as what <paramref name="rowOf"/> makes of row i of a batch.</summary>
    public static List<T> ReadAll<T>(TraceReader reader, Func<FaultBatch, int, T> rowOf)
    {
        var all = new List<T>();
        var batch = new FaultBatch(reader.RowGroups.Select(group => group.Rows).DefaultIfEmpty().Max());
        for (var group = 0; group < reader.RowGroups.Count; group++)
        {
            reader.ReadRowGroup(group, FaultColumns.All, batch);
            for (var i = 0; i < batch.Count; i++)
                all.Add(rowOf(batch, i));
        }

        return all;
    }

    public IReadOnlyList<Row> In(ulong start, long pages) => [.. All.Where(row => row.IsIn(start, pages))];

    public IReadOnlyList<Row> OfPid(int pid) => [.. All.Where(row => row.Pid == pid)];

    private static Row RowOf(FaultBatch batch, int i, Dictionary<int, Region> regions)
        => new(
            batch.TimeNs[i], Known(batch.DurationNs[i]), batch.Pid[i], batch.Tid[i], batch.Comm[i], (ulong)batch.Address[i], batch.Major[i],
            batch.Access[i], batch.KernelAccess[i], (int?)Known(batch.ErrorCode[i]), (int?)Known(batch.Signal[i]),
            batch.RegionId[i] == 0 ? null : regions[batch.RegionId[i]], batch.Region[i], Known(batch.FilePage[i]),
            (int?)Known(batch.PtLevel[i]), batch.PteBefore[i] == FaultBatch.NullPte ? null : (ulong)batch.PteBefore[i],
            Known(batch.Pfn[i]), (int?)Known(batch.PageOrder[i]),
            batch.Grew[i], (int?)Known(batch.StackId[i]), (int?)Known(batch.MapperStackId[i]));

    private static long? Known(long value) => value == FaultBatch.Null ? null : value;
}

/// <summary>A trace too large to keep: counts, and that its rows are in order.</summary>
internal sealed record Counts(long Minor, long Major, long Failed, bool IsOrdered, Receipt Receipt)
{
    public static Counts Read(string path)
    {
        using var reader = TraceReader.Open(path);
        var batch = new FaultBatch(reader.RowGroups.Select(group => group.Rows).DefaultIfEmpty().Max());
        long minor = 0, major = 0, failed = 0, last = long.MinValue;
        var isOrdered = true;
        for (var group = 0; group < reader.RowGroups.Count; group++)
        {
            reader.ReadRowGroup(group, FaultColumns.TimeNs | FaultColumns.Major | FaultColumns.Signal, batch);
            for (var i = 0; i < batch.Count; i++)
            {
                isOrdered &= batch.TimeNs[i] >= last;
                last = batch.TimeNs[i];
                if (batch.Signal[i] != FaultBatch.Null)
                    failed++;
                else if (batch.Major[i])
                    major++;
                else
                    minor++;
            }
        }

        return new Counts(minor, major, failed, isOrdered, reader.Metadata.Receipt);
    }
}

internal static class RegionExtensions
{
    /// <summary>Bytes.</summary>
    public static ulong Size(this Region region) => region.End - region.Start;
}
