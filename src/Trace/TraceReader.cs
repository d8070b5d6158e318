using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Parquet;
using Parquet.Meta;
using Parquet.Schema;
using Encoding = System.Text.Encoding;

namespace Faultrec.Traces;

/// <summary>
/// Reads one trace file. Not thread-safe: one reader and one stream a thread. Every damage, from a wrong magic to a flipped bit
/// in a page, throws <see cref="FaultrecException"/> with <see cref="ExitCode.BadInput"/>, naming the file, what was found
/// (with row group and column) and what to do.
/// </summary>
public sealed class TraceReader : IDisposable
{
    private readonly TraceInput _input;
    private readonly ParquetReader _parquet;
    private readonly Dictionary<string, DataField> _fields;
    private readonly IReadOnlyList<uint[]>? _checksums;
    private readonly TextPool _pool = new();
    private int[] _levels = [];
    private ReadOnlyMemory<char>[] _texts = [];

    internal TraceReader(string path, TraceInput input, ParquetReader parquet, TraceMetadata metadata, IReadOnlyList<uint[]>? checksums)
    {
        Path = path;
        _input = input;
        _parquet = parquet;
        _checksums = checksums;
        Metadata = metadata;
        _fields = parquet.Schema.GetDataFields().ToDictionary(field => field.Name);
        RowGroups = [.. parquet.RowGroups.Select(group => TraceOpener.Describe(group.RowGroup))];
        RowCount = RowGroups.Sum(group => (long)group.Rows);
        TraceOpener.KeepWhatReadingNeeds(parquet.Metadata!);
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

    /// <summary>Compares every column chunk with its checksum, for those who read the rows by other means; a file without checksums has nothing to compare.</summary>
    /// <exception cref="FaultrecException">One differs.</exception>
    public void Verify()
    {
        for (int group = 0; group < _checksums?.Count; group++)
        {
            var columns = _parquet.RowGroups[group].RowGroup.Columns;
            for (int i = 0; i < Math.Min(columns.Count, _checksums[group].Length); i++)
            {
                var metadata = columns[i].MetaData!;
                try
                {
                    Load(new ColumnChunkAddress(group, i, RowGroups[group].Rows), metadata);
                }
                catch (Exception e) when (e is InvalidDataException or IOException)
                {
                    throw Damaged(group, metadata.PathInSchema[^1], TraceOpener.Printable(e.Message), e);
                }
            }
        }
    }

    public void Dispose()
    {
        _parquet.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _input.Dispose();
    }

    private void ReadColumn(ColumnChunkAddress chunk, FaultBatch batch)
    {
        try
        {
            if (!_fields.ContainsKey(chunk.Definition.Name))
            {
                FillAbsent(chunk, batch);
                return;
            }
            var metadata = _parquet.RowGroups[chunk.Group].RowGroup.Columns[chunk.Column].MetaData!;
            bool empty = chunk.Definition.Nullable && metadata.Statistics?.NullCount == chunk.Rows;
            if (!empty)
                Load(chunk, metadata);
            Fill(chunk, batch, empty);
        }
        catch (Exception e) when (e is not FaultrecException)
        {
            // The library throws whatever the damage leads it into: index, range, overflow, memory, format, not-supported.
            string problem = e is InvalidDataException or IOException ? TraceOpener.Printable(e.Message) : "its pages cannot be decoded";
            throw Damaged(chunk.Group, chunk.Definition.Name, problem, e);
        }
    }

    private FaultrecException Damaged(int group, string column, string problem, Exception inner)
        => TraceOpener.BadInput(Path, $"row group {group}, column {column} is damaged ({problem})", "copy the file again or record again", inner);

    private void Load(ColumnChunkAddress chunk, ColumnMetaData metadata)
    {
        var (start, length) = TraceOpener.Extent(metadata);
        _input.Load(start, length);
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
        values.AsSpan(0, chunk.Rows).Fill(MemoryMarshal.Read<T>(value));
        return true;
    }

    /// <summary>The same for text, of which the footer has bounds only when they are one.</summary>
    private string? OnlyTextOf(ColumnChunkAddress chunk)
        => OnlyValueOf(chunk) is { } value ? _pool.Get(Encoding.UTF8.GetString(value).AsMemory()) : null;

    // TraceOpener.KeepWhatReadingNeeds has left a minimum only where it is the maximum.
    private byte[]? OnlyValueOf(ColumnChunkAddress chunk)
        => StatisticsOf(chunk) is { MinValue: { } only } statistics && (statistics.NullCount ?? (chunk.Definition.Nullable ? 1 : 0)) == 0 ? only : null;

    private Statistics? StatisticsOf(ColumnChunkAddress chunk) => _parquet.RowGroups[chunk.Group].RowGroup.Columns[chunk.Column].MetaData!.Statistics;

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
        var group = _parquet.RowGroups[chunk.Group];
        var field = _fields[chunk.Definition.Name];
        // Without the cast, null would become an empty memory through the conversion from arrays.
        var definitionLevels = levels is null ? (Memory<int>?)null : levels.AsMemory(0, chunk.Rows);
        // The input completes synchronously, so this never blocks.
        group.ReadRawAsync(field, values.AsMemory(0, chunk.Rows), definitionLevels, null).GetAwaiter().GetResult();
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
