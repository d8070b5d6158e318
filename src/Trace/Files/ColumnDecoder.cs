using Parquet;
using Parquet.Meta;
using Parquet.Schema;

namespace Faultrec.Traces.Files;

/// <summary>
/// Decodes column chunks with the Parquet library, which is shown nothing but a file of ours in memory, of one row group whose columns
/// are those asked for, and in it the checked pages of one chunk at a time.
/// </summary>
internal sealed class ColumnDecoder : IDisposable
{
    private readonly PlainPages _pages = new();
    private readonly ParquetReader _library;
    private readonly DataField[] _fields;

    /// <param name="schema">Flat.</param>
    public ColumnDecoder(ParquetSchema schema)
    {
        _pages.Buffer.Append(ShapeOf(schema));
        _library = Wait(ParquetReader.CreateAsync(_pages.Buffer, leaveStreamOpen: true));
        _fields = _library.Schema.GetDataFields();
        foreach (var column in _library.RowGroups[0].RowGroup.Columns)
        {
            var metadata = column.MetaData!;
            (metadata.Codec, metadata.DataPageOffset, metadata.DictionaryPageOffset, metadata.Statistics) = (CompressionCodec.UNCOMPRESSED, PlainPages.Start,
                null, null);
        }
    }

    /// <summary>Fills <paramref name="values"/> with those that are not null, at its start.</summary>
    /// <param name="column">Of the schema.</param>
    /// <param name="chunk">Its pages as they are in the file.</param>
    /// <param name="levels">1: the row has a value. Null for a column that has no nulls by schema.</param>
    /// <exception cref="InvalidDataException">The chunk claims what cannot be. Damage of another kind throws whatever the libraries throw.</exception>
    public void Decode<T>(int column, ReadOnlySpan<byte> chunk, ParquetCodec codec, int rows, Memory<T> values, Memory<int>? levels)
        where T : struct
    {
        var group = _library.RowGroups[0];
        var metadata = group.RowGroup.Columns[column].MetaData!;
        _pages.Fill(chunk, codec, rows, typeof(T) == typeof(ReadOnlyMemory<char>), levels is not null);
        metadata.NumValues = rows;
        // The stream completes synchronously, so this never blocks.
        var read = group.ReadRawAsync(_fields[column], values, levels, null);
        read.GetAwaiter().GetResult();
    }

    public void Dispose()
    {
        var closed = _library.DisposeAsync();
        closed.GetAwaiter().GetResult();
        _pages.Dispose();
    }

    /// <summary>A file of that schema and one row.</summary>
    private static byte[] ShapeOf(ParquetSchema schema)
    {
        using var file = new MemoryStream();
        var writer = Wait(ParquetWriter.CreateAsync(schema, file, new ParquetOptions { CompressionMethod = CompressionMethod.None }));
        using (var group = writer.CreateRowGroup())
        {
            foreach (var field in schema.GetDataFields())
                WriteOne(group, field);
        }

        var written = writer.DisposeAsync();
        written.GetAwaiter().GetResult();
        return file.ToArray();
    }

    private static void WriteOne(ParquetRowGroupWriter group, DataField field)
    {
        if (field.ClrType == typeof(bool))
            WriteOne<bool>(group, field);
        else if (field.ClrType == typeof(sbyte))
            WriteOne<sbyte>(group, field);
        else if (field.ClrType == typeof(int))
            WriteOne<int>(group, field);
        else if (field.ClrType == typeof(long))
            WriteOne<long>(group, field);
        else
            WriteOne<ReadOnlyMemory<char>>(group, field);
    }

    private static void WriteOne<T>(ParquetRowGroupWriter group, DataField field)
        where T : struct
    {
        // Without the cast, null would become an empty memory through the conversion from arrays.
        var levels = field.IsNullable ? new[] { 1 }.AsMemory() : (ReadOnlyMemory<int>?)null;
        var written = group.WriteAllPartsAsync<T>(field, new T[1], levels, null, CancellationToken.None);
        written.GetAwaiter().GetResult();
    }

    private static T Wait<T>(Task<T> task) => task.GetAwaiter().GetResult();
}
