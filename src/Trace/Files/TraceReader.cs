using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Traces.Files;

/// <summary>
/// Reads one trace file. Not thread-safe: one reader and one stream a thread. Every damage, from a wrong magic to a flipped bit
/// in a page, throws <see cref="FaultrecException"/> with <see cref="ExitCode.BadInput"/>, naming the file, what was found
/// (with row group and column) and what to do.
/// </summary>
public sealed class TraceReader : IDisposable
{
    private readonly TraceInput _input;
    private readonly ColumnDecoder _decoder;
    private readonly IReadOnlyList<FooterRowGroup> _groups;
    private readonly int _columns;
    private readonly IReadOnlyList<uint[]>? _checksums;
    private readonly TextPool _pool = new();
    private int[] _levels = [];
    private ReadOnlyMemory<char>[] _texts = [];

    /// <param name="columns">Of the schema's, how many the file has.</param>
    internal TraceReader(string path, TraceInput input, IReadOnlyList<FooterRowGroup> groups, int columns, TraceMetadata metadata, IReadOnlyList<uint[]>? checksums)
    {
        Path = path;
        _input = input;
        _groups = groups;
        _columns = columns;
        _checksums = checksums;
        Metadata = metadata;
        RowGroups = [.. groups.Select(Describe)];
        RowCount = RowGroups.Sum(group => (long)group.Rows);
        _decoder = new ColumnDecoder(TraceSchema.ParquetOf(metadata.SchemaVersion));
    }

    public string Path { get; }

    public TraceMetadata Metadata { get; }

    /// <summary>Rows in the file.</summary>
    public long RowCount { get; }

    /// <summary>In file order; statistics from the footer, for pruning.</summary>
    public IReadOnlyList<RowGroupInfo> RowGroups { get; }

    public static TraceReader Open(string path) => TraceOpener.Open(path);

    /// <summary>Fills the asked columns of <paramref name="batch"/> (its capacity must hold the row group) and its Count.</summary>
    public void ReadRowGroup(int index, FaultColumns columns, FaultBatch batch)
    {
        int rows = RowGroups[index].Rows;
        if (batch.Capacity < rows)
            throw new ArgumentException($"The batch holds {batch.Capacity} rows, row group {index} has {rows}.", nameof(batch));
        batch.Count = 0;
        if (rows > 0)
        {
            Reserve(rows, columns);
            for (int i = 0; i < TraceSchema.Columns.Count; i++)
            {
                if (columns.HasFlag(TraceSchema.Columns[i].Flag))
                    ReadColumn(new ColumnChunkAddress(index, i, rows), batch);
            }
        }
        batch.Count = rows;
    }

    /// <summary>
    /// Compares every column chunk with its checksum, where the file has them, and looks what its pages claim: for those who read the rows
    /// by other means.
    /// </summary>
    /// <exception cref="FaultrecException">One differs, or claims too much.</exception>
    public void Verify()
    {
        for (int group = 0; group < _groups.Count; group++)
        {
            for (int i = 0; i < _columns; i++)
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

    public void Dispose()
    {
        _decoder.Dispose();
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
                FillAbsent(chunk, batch);
                return;
            }
            bool empty = chunk.Definition.Nullable && ChunkOf(chunk).Nulls == chunk.Rows;
            if (!empty)
                Load(chunk);
            Fill(chunk, batch, empty);
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
            string problem = e is InvalidDataException or IOException ? TraceOpener.Printable(e.Message) : "its pages cannot be decoded";
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

    private void Fill(ColumnChunkAddress chunk, FaultBatch batch, bool empty)
    {
        const int none = FaultBatch.Null;
        switch (chunk.Definition.Flag)
        {
            case FaultColumns.TimeNs: ReadAll(chunk, batch.TimeNs); break;
            case FaultColumns.DurationNs: ReadNullable(chunk, batch.DurationNs, none, empty); break;
            case FaultColumns.Pid: ReadAll(chunk, batch.Pid); break;
            case FaultColumns.Tid: ReadAll(chunk, batch.Tid); break;
            case FaultColumns.Cpu: ReadAll(chunk, batch.Cpu); break;
            case FaultColumns.Comm: ReadText(chunk, batch.Comm); break;
            case FaultColumns.Address: ReadAll(chunk, batch.Address); break;
            case FaultColumns.Ip: ReadAll(chunk, batch.Ip); break;
            case FaultColumns.Major when !Metadata.KnowsMajor: RequireNulls(chunk, batch.Major); break;
            case FaultColumns.Major: ReadAll(chunk, batch.Major); break;
            case FaultColumns.Access: ReadAccess(chunk, batch.Access, empty); break;
            case FaultColumns.KernelAccess: ReadAll(chunk, batch.KernelAccess); break;
            case FaultColumns.ErrorCode: ReadNullable(chunk, batch.ErrorCode, none, empty); break;
            case FaultColumns.FaultFlags: ReadNullable(chunk, batch.FaultFlags, none, empty); break;
            case FaultColumns.FaultResult: ReadNullable(chunk, batch.FaultResult, none, empty); break;
            case FaultColumns.Signal: ReadNullable(chunk, batch.Signal, none, empty); break;
            case FaultColumns.PtLevel: ReadNullable(chunk, batch.PtLevel, (sbyte)none, empty); break;
            case FaultColumns.PteBefore: ReadNullable(chunk, batch.PteBefore, FaultBatch.NullPte, empty); break;
            case FaultColumns.Pfn: ReadNullable(chunk, batch.Pfn, none, empty); break;
            case FaultColumns.PageOrder: ReadNullable(chunk, batch.PageOrder, (sbyte)none, empty); break;
            case FaultColumns.RegionId: ReadAll(chunk, batch.RegionId); break;
            case FaultColumns.Region: ReadText(chunk, batch.Region); break;
            case FaultColumns.FilePage: ReadNullable(chunk, batch.FilePage, none, empty); break;
            case FaultColumns.Stack: ReadNullableText(chunk, batch.Stack, empty); break;
            case FaultColumns.Gup: ReadAll(chunk, batch.Gup); break;
            case FaultColumns.Handler: ReadNullableText(chunk, batch.Handler, empty); break;
            case FaultColumns.VmfAddress: ReadNullable(chunk, batch.VmfAddress, none, empty); break;
            case FaultColumns.VmfPgoff: ReadNullable(chunk, batch.VmfPgoff, none, empty); break;
            case FaultColumns.Weight: ReadAll(chunk, batch.Weight); break;
            case FaultColumns.Grew: ReadAll(chunk, batch.Grew); break;
            case FaultColumns.ReclaimNs: ReadNullable(chunk, batch.ReclaimNs, none, empty); break;
            case FaultColumns.CompactionNs: ReadNullable(chunk, batch.CompactionNs, none, empty); break;
            case FaultColumns.IoWaitNs: ReadNullable(chunk, batch.IoWaitNs, none, empty); break;
            case FaultColumns.LockWaitNs: ReadNullable(chunk, batch.LockWaitNs, none, empty); break;
            case FaultColumns.OffCpuNs: ReadNullable(chunk, batch.OffCpuNs, none, empty); break;
            case FaultColumns.ZeroingNs: ReadNullable(chunk, batch.ZeroingNs, none, empty); break;
            case FaultColumns.SlabFast: ReadNullable(chunk, batch.SlabFast, none, empty); break;
            case FaultColumns.SlabSheaf: ReadNullable(chunk, batch.SlabSheaf, none, empty); break;
            case FaultColumns.SlabLocal: ReadNullable(chunk, batch.SlabLocal, none, empty); break;
            case FaultColumns.SlabPartial: ReadNullable(chunk, batch.SlabPartial, none, empty); break;
            case FaultColumns.SlabRemote: ReadNullable(chunk, batch.SlabRemote, none, empty); break;
            case FaultColumns.SlabBuddy: ReadNullable(chunk, batch.SlabBuddy, none, empty); break;
            case FaultColumns.BuddyPages: ReadNullable(chunk, batch.BuddyPages, none, empty); break;
            case FaultColumns.StackId: ReadNullable(chunk, batch.StackId, none, empty); break;
            case FaultColumns.MapperStackId: ReadNullable(chunk, batch.MapperStackId, none, empty); break;
            case FaultColumns.Merged: ReadAll(chunk, batch.Merged); break;
            default: throw new InvalidOperationException($"column {chunk.Definition.Name} has no reader");
        }
    }

    /// <summary>What a file from before the column says: that nothing of the kind was recorded.</summary>
    private void FillAbsent(ColumnChunkAddress chunk, FaultBatch batch)
    {
        switch (chunk.Definition.Flag)
        {
            case FaultColumns.Gup: batch.Gup.AsSpan(0, chunk.Rows).Clear(); break;
            case FaultColumns.Grew: batch.Grew.AsSpan(0, chunk.Rows).Clear(); break;
            case FaultColumns.Merged: batch.Merged.AsSpan(0, chunk.Rows).Clear(); break;
            case FaultColumns.Weight: batch.Weight.AsSpan(0, chunk.Rows).Fill(1); break;
            default: Fill(chunk, batch, empty: true); break;
        }
    }

    private void ReadAll<T>(ColumnChunkAddress chunk, T[] values)
        where T : struct
    {
        if (!TryFillConstant(chunk, values))
            Read(chunk, values, null);
    }

    private void RequireNulls(ColumnChunkAddress chunk, bool[] values)
    {
        Read(chunk, values, _levels);
        if (_levels.AsSpan(0, chunk.Rows).Contains(1))
            throw new InvalidDataException($"it holds values, which it has not in schema version {TraceSchema.VersionWithoutMajor}");
        values.AsSpan(0, chunk.Rows).Clear();
    }

    private void ReadNullable<T>(ColumnChunkAddress chunk, T[] values, T nothing, bool empty)
        where T : struct
    {
        if (empty)
        {
            values.AsSpan(0, chunk.Rows).Fill(nothing);
            return;
        }
        if (TryFillConstant(chunk, values))
            return;
        Read(chunk, values, _levels);
        Spread(values, _levels.AsSpan(0, chunk.Rows), nothing);
    }

    /// <summary>One value in all rows, as process and page-table level mostly have, is in the footer: nothing is decoded.</summary>
    private bool TryFillConstant<T>(ColumnChunkAddress chunk, T[] values)
        where T : struct
    {
        if (OnlyValueOf(chunk) is not { } value || value.Length < Unsafe.SizeOf<T>())
            return false;
        if (typeof(T) == typeof(bool) && value[0] > 1)
            throw new InvalidDataException("its only value is no boolean");
        values.AsSpan(0, chunk.Rows).Fill(MemoryMarshal.Read<T>(value));
        return true;
    }

    /// <summary>The same for text, of which the footer has bounds only when they are one.</summary>
    private string? OnlyTextOf(ColumnChunkAddress chunk)
        => OnlyValueOf(chunk) is { } value ? _pool.Get(Encoding.UTF8.GetString(value).AsMemory()) : null;

    private byte[]? OnlyValueOf(ColumnChunkAddress chunk)
        => ChunkOf(chunk) is { OnlyValue: { } only } about && (about.Nulls ?? (chunk.Definition.Nullable ? 1 : 0)) == 0 ? only : null;

    /// <summary>Moves the values, packed at the start, to their rows, and writes <paramref name="nothing"/> into the others.</summary>
    private static void Spread<T>(T[] values, ReadOnlySpan<int> levels, T nothing)
        where T : struct
    {
        int packed = levels.Count(1);

        // Ends where as many values as rows are left: those are in place.
        for (int row = levels.Length - 1; row >= packed; row--)
            values[row] = levels[row] == 1 ? values[--packed] : nothing;
    }

    private void ReadText(ColumnChunkAddress chunk, string[] destination)
    {
        _pool.BeginColumn();
        if (OnlyTextOf(chunk) is { } only)
        {
            destination.AsSpan(0, chunk.Rows).Fill(only);
            return;
        }
        Read(chunk, _texts, null);
        for (int row = 0; row < chunk.Rows; row++)
            destination[row] = _pool.Get(_texts[row]);
        _texts.AsSpan(0, chunk.Rows).Clear();
    }

    private void ReadNullableText(ColumnChunkAddress chunk, string?[] destination, bool empty)
    {
        if (empty)
        {
            destination.AsSpan(0, chunk.Rows).Clear();
            return;
        }
        _pool.BeginColumn();
        if (OnlyTextOf(chunk) is { } only)
        {
            destination.AsSpan(0, chunk.Rows).Fill(only);
            return;
        }
        Read(chunk, _texts, _levels);
        int packed = 0;
        for (int row = 0; row < chunk.Rows; row++)
            destination[row] = _levels[row] == 1 ? _pool.Get(_texts[packed++]) : null;
        _texts.AsSpan(0, chunk.Rows).Clear();
    }

    private void ReadAccess(ColumnChunkAddress chunk, FaultAccess[] destination, bool empty)
    {
        if (empty)
        {
            destination.AsSpan(0, chunk.Rows).Fill(FaultAccess.Unknown);
            return;
        }
        _pool.BeginColumn();
        if (OnlyTextOf(chunk) is { } only)
        {
            destination.AsSpan(0, chunk.Rows).Fill(AccessOf(only));
            return;
        }
        Read(chunk, _texts, _levels);
        string last = "";
        var access = FaultAccess.Unknown;
        int packed = 0;
        for (int row = 0; row < chunk.Rows; row++)
        {
            if (_levels[row] == 0)
            {
                destination[row] = FaultAccess.Unknown;
                continue;
            }
            string text = _pool.Get(_texts[packed++]);
            if (!ReferenceEquals(text, last))
            {
                access = AccessOf(text);
                last = text;
            }
            destination[row] = access;
        }
        _texts.AsSpan(0, chunk.Rows).Clear();
    }

    private static FaultAccess AccessOf(string text) => text switch
    {
        "read" => FaultAccess.Read,
        "write" => FaultAccess.Write,
        "exec" => FaultAccess.Exec,
        _ => throw new InvalidDataException("it holds something other than read, write and exec"),
    };

    private void Read<T>(ColumnChunkAddress chunk, T[] values, int[]? levels)
        where T : struct
    {
        // Without the cast, null would become an empty memory through the conversion from arrays.
        var definitionLevels = levels is null ? (Memory<int>?)null : levels.AsMemory(0, chunk.Rows);
        _decoder.Decode(chunk.Column, _input.Window, ChunkOf(chunk).Codec, chunk.Rows, values.AsMemory(0, chunk.Rows), definitionLevels);
    }

    private void Reserve(int rows, FaultColumns columns)
    {
        if (_levels.Length < rows)
            _levels = new int[rows];
        if ((columns & (FaultColumns.Comm | FaultColumns.Access | FaultColumns.Region | FaultColumns.Stack | FaultColumns.Handler)) != 0 && _texts.Length < rows)
            _texts = new ReadOnlyMemory<char>[rows];
    }

    private readonly record struct ColumnChunkAddress(int Group, int Column, int Rows)
    {
        public TraceColumn Definition => TraceSchema.Columns[Column];
    }
}

/// <summary>Bounds are inclusive; they are the statistics of the footer, null when the file has none.</summary>
public sealed record RowGroupInfo(int Rows, long? MinTimeNs, long? MaxTimeNs, int? MinPid, int? MaxPid, int? MinRegionId, int? MaxRegionId);
