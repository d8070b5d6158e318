using System.IO.Compression;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;
using Parquet;

namespace Faultrec.Traces.Files;

/// <summary>
/// Writes one trace file. The file has no footer, so is no trace, until <see cref="Complete"/> returned. An exception of the
/// output stream (a full disk) passes through unchanged and leaves the writer unusable.
/// </summary>
public sealed class TraceWriter : IDisposable
{
    private readonly TraceOutput _output;
    private readonly bool _knowsMajor;
    private readonly ParquetWriter _writer;
    private readonly ColumnWriter _columns;
    private readonly List<uint[]> _checksums = [];
    private ParquetRowGroupWriter? _group;
    private bool _finished;

    /// <param name="output">Writable and seekable or not; left open.</param>
    /// <param name="knowsMajor">False: <see cref="FaultBatch.Major"/> is not looked at, and the file's version says so.</param>
    public TraceWriter(Stream output, bool knowsMajor = true)
    {
        _knowsMajor = knowsMajor;
        int version = knowsMajor ? TraceSchema.Version : TraceSchema.VersionWithoutMajor;
        _output = new TraceOutput(output);
        var options = new ParquetOptions { CompressionLevel = CompressionLevel.Fastest };
        _columns = new ColumnWriter(options, version);
        _writer = Wait(ParquetWriter.CreateAsync(TraceSchema.ParquetOf(version), _output, options));
        _output.TakeChecksum();
    }

    /// <summary>Appends the batch as one row group, or nothing if it is empty. Rows must be ordered by time across calls.</summary>
    public void WriteRowGroup(FaultBatch batch)
    {
        if (_finished || _group is not null)
            throw new InvalidOperationException("This writer was completed, or failed before.");
        if (batch.Count == 0)
            return;

        // Not disposed on failure: a half-written row group must stay visible as _group, so that Complete refuses.
        _group = _writer.CreateRowGroup();
        _columns.Begin(_group, batch);
        var checksums = new uint[TraceSchema.Columns.Count];
        for (int i = 0; i < checksums.Length; i++)
        {
            _columns.Write(i);
            checksums[i] = _output.TakeChecksum();
        }
        _group.CompleteValidate();
        _group.Dispose();
        _group = null;
        _checksums.Add(checksums);
    }

    /// <summary>Writes metadata and footer, and flushes the output.</summary>
    public void Complete(TraceMetadata metadata)
    {
        if (_finished || _group is not null)
            throw new InvalidOperationException("This writer was completed, or failed before.");
        _finished = true;
        var values = MetadataJson.Write(_knowsMajor ? metadata : metadata with { SchemaVersion = TraceSchema.VersionWithoutMajor });
        values[MetadataKeys.Checksums.FullName] = ChecksumsKey.Write(_checksums);
        _writer.CustomMetadata = values;
        _output.BeginFooter();
        var written = _writer.DisposeAsync();
        written.GetAwaiter().GetResult();
        _output.EndFooter();
    }

    /// <summary>Without <see cref="Complete"/> before it, leaves the output without a footer.</summary>
    public void Dispose() => _finished = true;

    // Every stream below completes synchronously, so this never blocks.
    private static T Wait<T>(Task<T> task) => task.GetAwaiter().GetResult();
}
