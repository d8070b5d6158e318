namespace Faultrec.Traces;

/// <summary>Writes one trace file. The file has no footer, so is no trace, until <see cref="Complete"/> returned.</summary>
public sealed class TraceWriter : IDisposable
{
    /// <param name="output">Writable and seekable or not; left open.</param>
    public TraceWriter(Stream output) => throw new NotImplementedException();

    /// <summary>Appends the batch as one row group. Rows must be ordered by time across calls.</summary>
    public void WriteRowGroup(FaultBatch batch) => throw new NotImplementedException();

    /// <summary>Writes metadata and footer.</summary>
    public void Complete(TraceMetadata metadata) => throw new NotImplementedException();

    public void Dispose() => throw new NotImplementedException();
}
