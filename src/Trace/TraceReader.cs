namespace Faultrec.Traces;

/// <summary>
/// Reads one trace file. Not thread-safe: one reader and one stream a thread. Every damage, from a wrong magic to a flipped bit
/// in a page, throws <see cref="FaultrecException"/> with <see cref="ExitCode.BadInput"/>, naming the file, what was found
/// (with row group and column) and what to do.
/// </summary>
public sealed class TraceReader : IDisposable
{
    public static TraceReader Open(string path) => throw new NotImplementedException();

    public string Path => throw new NotImplementedException();

    public TraceMetadata Metadata => throw new NotImplementedException();

    /// <summary>Rows in the file.</summary>
    public long RowCount => throw new NotImplementedException();

    /// <summary>In file order; statistics from the footer, for pruning.</summary>
    public IReadOnlyList<RowGroupInfo> RowGroups => throw new NotImplementedException();

    /// <summary>Fills the asked columns of <paramref name="batch"/> (its capacity must hold the row group) and its Count.</summary>
    public void ReadRowGroup(int index, FaultColumns columns, FaultBatch batch) => throw new NotImplementedException();

    public void Dispose() => throw new NotImplementedException();
}

/// <summary>Bounds are inclusive; they are the statistics of the footer, null when the file has none.</summary>
public sealed record RowGroupInfo(int Rows, long? MinTimeNs, long? MaxTimeNs, int? MinPid, int? MaxPid, int? MinRegionId, int? MaxRegionId);
