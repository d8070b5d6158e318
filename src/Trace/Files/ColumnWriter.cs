using System.Numerics;
using Faultrec.Traces.Columns;
using Parquet;
using Parquet.Schema;

namespace Faultrec.Traces.Files;

/// <summary>Writes the columns of a batch into a row group, in file order.</summary>
internal sealed class ColumnWriter : IColumnVisitor
{
    /// <summary>Longer than any name or stack of a kernel's; readers refuse a text of a million bytes.</summary>
    private const int MostTextCharacters = 1 << 17;

    private static readonly ReadOnlyMemory<char>[] AccessWords = [.. AccessColumn.Words.Select(word => word.AsMemory())];

    private readonly ParquetOptions _options;
    private readonly int _version;
    private readonly DataField[] _fields;
    private ParquetRowGroupWriter _group = null!;
    private FaultBatch _batch = null!;
    private DataField _field = null!;
    private CompressionMethod _codec;

    // Reused by every row group: definition levels (1 = has a value), values without the nulls, text.
    private int[] _present = [];
    private int[] _absent = [];
    private int[] _levels = [];
    private int[] _ints = [];
    private long[] _longs = [];
    private sbyte[] _bytes = [];
    private ReadOnlyMemory<char>[] _texts = [];

    /// <param name="options">Of the writer whose row groups these are: a column's codec is set there just before it is written.</param>
    public ColumnWriter(ParquetOptions options, int version)
    {
        _options = options;
        _version = version;
        _fields = TraceSchema.ParquetOf(version).GetDataFields();
        foreach (var column in TraceSchema.Columns)
            _options.ColumnEncodingHints[column.Name] = column.Storage.Encoding;
    }

    private int Rows => _batch.Count;

    /// <summary>What the following columns are written from and into.</summary>
    public void Begin(ParquetRowGroupWriter group, FaultBatch batch)
    {
        (_group, _batch) = (group, batch);
        Reserve(batch.Count);
    }

    /// <param name="index">Of <see cref="TraceSchema.Columns"/>.</param>
    public void Write(int index)
    {
        var column = TraceSchema.Columns[index];
        (_field, _codec) = (_fields[index], column.Storage.Codec);
        column.Accept(this);
    }

    public void Number<T>(NumberColumn<T> column)
        where T : unmanaged, IBinaryInteger<T>
    {
        if (!_batch.MayHave(column))
            WriteNothing<T>();
        else if (column.None is { } none)
            WriteNullable(column.Of(_batch), none);
        else
            WriteAll(column.Of(_batch));
    }

    public void Flag(FlagColumn column)
    {
        if (column.IsNullableIn(_version))
            WriteNothing<bool>();
        else
            WriteAll(column.Of(_batch));
    }

    public void Text(TextColumn column)
    {
        if (!_batch.MayHave(column))
        {
            WriteNothing<ReadOnlyMemory<char>>();
            return;
        }

        var values = column.Of(_batch);
        if (column.IsOptional)
        {
            WriteNullableText(values);
            return;
        }

        for (var i = 0; i < Rows; i++)
            _texts[i] = Cut(values[i]!);
        WriteAll(_texts);
    }

    public void Access(AccessColumn column)
    {
        var values = column.Of(_batch);
        var kept = 0;
        for (var i = 0; i < Rows; i++)
        {
            var known = values[i] != FaultAccess.Unknown;
            _levels[i] = known ? 1 : 0;
            if (known)
                _texts[kept++] = AccessWords[(int)values[i]];
        }

        WriteKeptTexts(kept);
    }

    private void WriteAll<T>(T[] values)
        where T : struct
        => Write(values, Rows, null);

    private void WriteNullable<T>(T[] values, T nothing)
        where T : unmanaged, IEquatable<T>
    {
        var all = values.AsSpan(0, Rows);
        var firstNull = all.IndexOf(nothing);
        if (firstNull < 0)
        {
            Write(values, Rows, _present);
            return;
        }

        if (firstNull == 0 && all.IndexOfAnyExcept(nothing) < 0)
        {
            WriteNothing<T>();
            return;
        }

        var scratch = Scratch<T>();
        var kept = 0;
        for (var i = 0; i < all.Length; i++)
        {
            var present = !all[i].Equals(nothing);
            scratch[kept] = all[i];
            kept += present ? 1 : 0;
            _levels[i] = present ? 1 : 0;
        }

        Write(scratch, kept, _levels);
    }

    private void WriteNullableText(string?[] values)
    {
        var kept = 0;
        for (var i = 0; i < Rows; i++)
        {
            var text = values[i];
            _levels[i] = text is null ? 0 : 1;
            if (text is not null)
                _texts[kept++] = Cut(text);
        }

        WriteKeptTexts(kept);
    }

    private void WriteKeptTexts(int kept)
    {
        if (kept == 0)
            WriteNothing<ReadOnlyMemory<char>>();
        else
            Write(_texts, kept, _levels);
    }

    private static ReadOnlyMemory<char> Cut(string text) => text.AsMemory(0, Math.Min(text.Length, MostTextCharacters));

    // 1 ns a row and under 100 bytes in all; a codec would cost more than it could save.
    private void WriteNothing<T>()
        where T : struct
    {
        _codec = CompressionMethod.None;
        Write<T>([], 0, _absent);
    }

    /// <param name="count">Values that are not null, at the start of <paramref name="values"/>.</param>
    /// <param name="levels">A row's definition level (1 = has a value); null for a column that has no nulls by schema.</param>
    private void Write<T>(T[] values, int count, int[]? levels)
        where T : struct
    {
        _options.CompressionMethod = _codec;
        // Without the cast, null would become an empty memory through the conversion from arrays.
        var definitionLevels = levels is null ? (ReadOnlyMemory<int>?)null : levels.AsMemory(0, Rows);
        // Every stream below completes synchronously, so this never blocks.
        var written = _group.WriteAllPartsAsync<T>(_field, values.AsMemory(0, count), definitionLevels, null, CancellationToken.None);
        written.GetAwaiter().GetResult();
        if (values is ReadOnlyMemory<char>[] texts)
            TextStatistics.KeepOfOneText(_group, texts.AsSpan(0, count));
    }

    private T[] Scratch<T>()
    {
        Array scratch = typeof(T) == typeof(long) ? _longs : typeof(T) == typeof(int) ? _ints : _bytes;
        return (T[])scratch;
    }

    private void Reserve(int count)
    {
        if (_present.Length >= count)
            return;
        _present = new int[count];
        _present.AsSpan().Fill(1);
        _absent = new int[count];
        _levels = new int[count];
        _ints = new int[count];
        _longs = new long[count];
        _bytes = new sbyte[count];
        _texts = new ReadOnlyMemory<char>[count];
    }
}
