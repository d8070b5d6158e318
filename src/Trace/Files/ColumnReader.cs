using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Faultrec.Traces.Columns;

namespace Faultrec.Traces.Files;

/// <summary>Decodes column chunks into the arrays of a batch.</summary>
/// <param name="input">Its window holds the pages of the chunk that is read.</param>
/// <param name="version">Of the file's schema.</param>
internal sealed class ColumnReader(TraceInput input, int version) : IColumnVisitor, IDisposable
{
    private readonly ColumnDecoder _decoder = new(TraceSchema.ParquetOf(version));
    private readonly TextPool _pool = new();
    private int[] _levels = [];
    private ReadOnlyMemory<char>[] _texts = [];

    // The chunk that is read.
    private FaultBatch _batch = null!;
    private FooterChunk _chunk;
    private ChunkContent _content;
    private int _index;
    private int _rows;

    /// <summary>What there is to decode.</summary>
    private enum ChunkContent
    {
        Values,

        /// <summary>No row has a value; no pages are loaded.</summary>
        Nulls,

        /// <summary>The file is from before the column.</summary>
        Absent,
    }

    /// <summary>No row of the chunk has a value: <see cref="Read"/> needs no pages.</summary>
    public static bool IsAllNull(TraceColumn column, in FooterChunk chunk, int rows) => column.IsNullable && chunk.Nulls == rows;

    /// <param name="index">Of <see cref="TraceSchema.Columns"/>.</param>
    public void Read(int index, in FooterChunk chunk, int rows, FaultBatch batch)
    {
        var isAllNull = IsAllNull(TraceSchema.Columns[index], chunk, rows);
        Fill(index, chunk, rows, batch, isAllNull ? ChunkContent.Nulls : ChunkContent.Values);
    }

    /// <summary>What a file from before the column says: that nothing of the kind was recorded.</summary>
    /// <param name="index">Of <see cref="TraceSchema.Columns"/>.</param>
    public void FillAbsent(int index, int rows, FaultBatch batch) => Fill(index, default, rows, batch, ChunkContent.Absent);

    public void Dispose() => _decoder.Dispose();

    public void Number<T>(NumberColumn<T> column)
        where T : unmanaged, IBinaryInteger<T>
    {
        var values = column.Of(_batch);
        if (_content != ChunkContent.Values)
        {
            values.AsSpan(0, _rows).Fill(column.Absent);
            return;
        }

        if (TryFillConstant(column, values))
            return;
        if (column.None is not { } none)
        {
            Decode(values, null);
            return;
        }

        Decode(values, _levels);
        Spread(values, _levels.AsSpan(0, _rows), none);
    }

    public void Flag(FlagColumn column)
    {
        var values = column.Of(_batch);
        if (_content != ChunkContent.Values)
            values.AsSpan(0, _rows).Clear();
        else if (column.IsNullableIn(version))
            RequireNulls(values);
        else if (!TryFillConstant(column, values))
            Decode(values, null);
    }

    public void Text(TextColumn column)
    {
        var values = column.Of(_batch).AsSpan(0, _rows);
        if (_content != ChunkContent.Values)
        {
            values.Clear();
            return;
        }

        if (OnlyTextOf(column) is { } only)
        {
            values.Fill(only);
            return;
        }

        Decode(_texts, column.IsOptional ? _levels : null);
        var packed = 0;
        for (var row = 0; row < values.Length; row++)
            values[row] = !column.IsOptional || _levels[row] == 1 ? _pool.Get(_texts[packed++]) : null;
        _texts.AsSpan(0, _rows).Clear();
    }

    public void Access(AccessColumn column)
    {
        var values = column.Of(_batch).AsSpan(0, _rows);
        if (_content != ChunkContent.Values)
        {
            values.Fill(FaultAccess.Unknown);
            return;
        }

        if (OnlyTextOf(column) is { } only)
        {
            values.Fill(AccessOf(only));
            return;
        }

        Decode(_texts, _levels);
        var last = "";
        var access = FaultAccess.Unknown;
        var packed = 0;
        for (var row = 0; row < values.Length; row++)
        {
            if (_levels[row] == 0)
            {
                values[row] = FaultAccess.Unknown;
                continue;
            }

            var text = _pool.Get(_texts[packed++]);
            if (!ReferenceEquals(text, last))
            {
                access = AccessOf(text);
                last = text;
            }

            values[row] = access;
        }

        _texts.AsSpan(0, _rows).Clear();
    }

    private void Fill(int index, in FooterChunk chunk, int rows, FaultBatch batch, ChunkContent content)
    {
        var column = TraceSchema.Columns[index];
        (_index, _chunk, _rows, _batch, _content) = (index, chunk, rows, batch, content);
        if (_levels.Length < rows)
            _levels = new int[rows];
        if (column.Type == typeof(string) && _texts.Length < rows)
            _texts = new ReadOnlyMemory<char>[rows];
        column.Accept(this);
    }

    private static FaultAccess AccessOf(string text)
    {
        for (var access = 0; access < AccessColumn.Words.Count; access++)
        {
            if (AccessColumn.Words[access] == text)
                return (FaultAccess)access;
        }

        throw new InvalidDataException("it holds something other than read, write and exec");
    }

    private void RequireNulls(bool[] values)
    {
        Decode(values, _levels);
        if (_levels.AsSpan(0, _rows).Contains(1))
            throw new InvalidDataException($"it holds values, which are not allowed in schema version {TraceSchema.VersionWithoutMajor}");
        values.AsSpan(0, _rows).Clear();
    }

    /// <summary>One value in all rows, as process and page-table level mostly have, is in the footer: nothing is decoded.</summary>
    private bool TryFillConstant<T>(TraceColumn column, T[] values)
        where T : struct
    {
        if (OnlyValueOf(column) is not { } value || value.Length < Unsafe.SizeOf<T>())
            return false;
        if (typeof(T) == typeof(bool) && value[0] > 1)
            throw new InvalidDataException("its only value is not a boolean");
        values.AsSpan(0, _rows).Fill(MemoryMarshal.Read<T>(value));
        return true;
    }

    /// <summary>The same for text, of which the footer has bounds only when they are one. Begins the column's texts.</summary>
    private string? OnlyTextOf(TraceColumn column)
    {
        _pool.BeginColumn();
        return OnlyValueOf(column) is { } value ? _pool.Get(Encoding.UTF8.GetString(value).AsMemory()) : null;
    }

    private byte[]? OnlyValueOf(TraceColumn column)
        => _chunk is { OnlyValue: { } only } && (_chunk.Nulls ?? (column.IsNullable ? 1 : 0)) == 0 ? only : null;

    /// <summary>Moves the values, packed at the start, to their rows, and writes <paramref name="nothing"/> into the others.</summary>
    private static void Spread<T>(T[] values, ReadOnlySpan<int> levels, T nothing)
        where T : struct
    {
        var packed = levels.Count(1);

        // Ends where as many values as rows are left: those are in place.
        for (var row = levels.Length - 1; row >= packed; row--)
            values[row] = levels[row] == 1 ? values[--packed] : nothing;
    }

    private void Decode<T>(T[] values, int[]? levels)
        where T : struct
    {
        // Without the cast, null would become an empty memory through the conversion from arrays.
        var definitionLevels = levels is null ? (Memory<int>?)null : levels.AsMemory(0, _rows);
        _decoder.Decode(_index, input.Window, _chunk.Codec, _rows, values.AsMemory(0, _rows), definitionLevels);
    }
}
