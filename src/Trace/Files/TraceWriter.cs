using System.IO.Compression;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;
using Parquet;

namespace Faultrec.Traces.Files;

/// <summary>
/// Writes one trace file. Until <see cref="Complete"/> has returned, the file has no footer and is not a trace. An exception of the
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

    /// <summary>Begins a trace file on a stream.</summary>
    /// <param name="output">A writable stream, seekable or not; it stays open.</param>
    /// <param name="knowsMajor">False if the source does not say which faults were major: <see cref="FaultBatch.Major"/> is then ignored, and
    /// the file has version 2.</param>
    public TraceWriter(Stream output, bool knowsMajor = true)
    {
        _knowsMajor = knowsMajor;
        var version = knowsMajor ? TraceSchema.Version : TraceSchema.VersionWithoutMajor;
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
        for (var i = 0; i < checksums.Length; i++)
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

    /// <summary>Ends the writer; unless <see cref="Complete"/> was called, the output has no footer.</summary>
    public void Dispose() => _finished = true;

    // Every stream below completes synchronously, so this never blocks.
    private static T Wait<T>(Task<T> task) => task.GetAwaiter().GetResult();
}
