using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Traces.Files;

/// <summary>
/// Reads one trace file. Not thread-safe: use one reader per thread. Every damage, from a wrong magic to a flipped bit
/// in a page, throws <see cref="FaultrecException"/> with <see cref="ExitCode.BadInput"/>, naming the file, what was found
/// (with row group and column) and what to do.
/// </summary>
public sealed class TraceReader : IDisposable
{
    private readonly TraceInput _input;
    private readonly ColumnReader _columnReader;
    private readonly IReadOnlyList<FooterRowGroup> _groups;
    private readonly int _columns;
    private readonly IReadOnlyList<uint[]>? _checksums;

    /// <param name="columns">Of the schema's, how many the file has.</param>
    internal TraceReader(string path, TraceInput input, IReadOnlyList<FooterRowGroup> groups, int columns, TraceMetadata metadata,
        IReadOnlyList<uint[]>? checksums)
    {
        Path = path;
        _input = input;
        _groups = groups;
        _columns = columns;
        _checksums = checksums;
        Metadata = metadata;
        RowGroups = [.. groups.Select(Describe)];
        RowCount = RowGroups.Sum(group => (long)group.Rows);
        _columnReader = new ColumnReader(input, metadata.SchemaVersion);
    }

    /// <summary>Path of the file, as it was opened.</summary>
    public string Path { get; }

    /// <summary>Everything in the trace besides its rows.</summary>
    public TraceMetadata Metadata { get; }

    /// <summary>Number of rows in the file.</summary>
    public long RowCount { get; }

    /// <summary>The row groups in file order, with the footer's statistics, by which a reader can skip some.</summary>
    public IReadOnlyList<RowGroupInfo> RowGroups { get; }

    /// <summary>Opens a trace and checks its footer and metadata.</summary>
    public static TraceReader Open(string path) => TraceOpener.Open(path);

    /// <summary>Fills the given columns of <paramref name="batch"/>, whose capacity must hold the row group, and sets its Count.</summary>
    public void ReadRowGroup(int index, FaultColumns columns, FaultBatch batch)
    {
        var rows = RowGroups[index].Rows;
        if (batch.Capacity < rows)
            throw new ArgumentException($"The batch holds {batch.Capacity} rows, row group {index} has {rows}.", nameof(batch));
        batch.Count = 0;
        if (rows > 0)
        {
            for (var i = 0; i < TraceSchema.Columns.Count; i++)
            {
                if (columns.HasFlag(TraceSchema.Columns[i].Flag))
                    ReadColumn(new ColumnChunkAddress(index, i, rows), batch);
            }
        }

        batch.Count = rows;
    }

    /// <summary>
    /// Verifies the checksum of every column chunk, if the file has them, and the sizes that its pages claim: for callers that read the rows
    /// by other means.
    /// </summary>
    /// <exception cref="FaultrecException">A checksum differs, or a page claims too much.</exception>
    public void Verify()
    {
        for (var group = 0; group < _groups.Count; group++)
        {
            for (var i = 0; i < _columns; i++)
            {
                var chunk = new ColumnChunkAddress(group, i, RowGroups[group].Rows);
                Guard(chunk, () =>
                {
                    Load(chunk);
                    var pages = new PageWalk(_input.Window, chunk.Rows, chunk.Definition.Type == typeof(string));
                    while (pages.Next())
                    {
                    }
                });
            }
        }
    }

    /// <summary>Closes the file.</summary>
    public void Dispose()
    {
        _columnReader.Dispose();
        _input.Dispose();
    }

    private static RowGroupInfo Describe(FooterRowGroup group)
    {
        var (time, pid, region) = (ChunkOf("time_ns"), ChunkOf("pid"), ChunkOf("region_id"));
        return new RowGroupInfo((int)group.Rows, time.Min, time.Max, (int?)pid.Min, (int?)pid.Max, (int?)region.Min, (int?)region.Max);

        FooterChunk ChunkOf(string name) => Array.Find(group.Chunks, chunk => chunk.Name == name);
    }

    private void ReadColumn(ColumnChunkAddress chunk, FaultBatch batch)
        => Guard(chunk, () =>
        {
            if (chunk.Column >= _columns)
            {
                _columnReader.FillAbsent(chunk.Column, chunk.Rows, batch);
                return;
            }

            if (!ColumnReader.IsAllNull(chunk.Definition, ChunkOf(chunk), chunk.Rows))
                Load(chunk);
            _columnReader.Read(chunk.Column, ChunkOf(chunk), chunk.Rows, batch);
        });

    private void Guard(ColumnChunkAddress chunk, Action read)
    {
        try
        {
            read();
        }
        catch (Exception e) when (e is not FaultrecException)
        {
            // The libraries throw whatever the damage leads them into: index, range, overflow, memory, format, not-supported.
            var problem = e is InvalidDataException or IOException ? TraceOpener.Printable(e.Message) : "its pages cannot be decoded";
            throw Damaged(chunk.Group, chunk.Definition.Name, problem, e);
        }
    }

    private ref readonly FooterChunk ChunkOf(ColumnChunkAddress chunk) => ref _groups[chunk.Group].Chunks[chunk.Column];

    private FaultrecException Damaged(int group, string column, string problem, Exception inner)
        => TraceOpener.BadInput(Path, $"row group {group}, column {column} is damaged ({problem})", "copy the file again or record again", inner);

    private void Load(ColumnChunkAddress chunk)
    {
        _input.Load(ChunkOf(chunk).Start, (int)ChunkOf(chunk).Length);
        if (_checksums is not null && Crc32C.Append(0, _input.Window) != _checksums[chunk.Group][chunk.Column])
            throw new InvalidDataException("its checksum is wrong");
    }

    private readonly record struct ColumnChunkAddress(int Group, int Column, int Rows)
    {
        public TraceColumn Definition => TraceSchema.Columns[Column];
    }
}

/// <summary>A row group: its number of rows, and the footer's smallest and largest values (inclusive; null if the file has none).</summary>
public sealed record RowGroupInfo(int Rows, long? MinTimeNs, long? MaxTimeNs, int? MinPid, int? MaxPid, int? MinRegionId, int? MaxRegionId);
