using System.Buffers.Binary;
using System.Text;

namespace Faultrec.Traces.Files;

/// <summary>
/// What a Parquet footer (a Thrift compact-protocol FileMetaData, parquet-format's parquet.thrift) says of flat columns. Read by code of
/// our own: the Parquet library trusts wire types and list sizes, loops for ever at the end of its input, recurses as deep as the file
/// asks and takes 40 KB for a row group.
/// </summary>
internal sealed class Footer
{
    /// <summary>A short file with more row groups costs more to open than its rows are worth.</summary>
    public const int FreeRowGroups = 1024;

    /// <summary>Beyond <see cref="FreeRowGroups"/> row groups hold so many rows on average; faultrec writes ten times as many.</summary>
    private const int RowsForAnotherGroup = 25_000;

    /// <summary>A row whose every value is that of the row before takes 1/40 byte at least.</summary>
    private const int MostRowsForAByte = 64;

    private const int FreeRows = 1 << 20;

    private readonly long _fileLength;

    private Footer(long fileLength) => _fileLength = fileLength;

    /// <summary>Key-value metadata as UTF-8; of a repeated key the last.</summary>
    public Dictionary<string, byte[]> KeyValues { get; } = [];

    /// <summary>Depth first, the root included.</summary>
    public List<FooterColumn> Schema { get; } = [];

    public List<FooterRowGroup> RowGroups { get; } = [];

    public long Rows { get; private set; }

    /// <param name="fileLength">Bounds the rows that can be believed.</param>
    /// <exception cref="FormatException">The footer is damaged.</exception>
    public static Footer Parse(ReadOnlySpan<byte> bytes, long fileLength)
    {
        var footer = new Footer(fileLength);
        var reader = new CompactReader(bytes);
        footer.ParseFile(ref reader);
        return footer;
    }

    private void ParseFile(ref CompactReader reader)
    {
        for (var id = 0; reader.ReadField(ref id, out var type);)
        {
            switch (id)
            {
                case 2:
                    for (var left = reader.ReadListOf(WireType.Struct, type); left > 0; left--)
                        Schema.Add(ParseColumn(ref reader));
                    break;
                case 3:
                    Rows = reader.ReadInteger(WireType.I64, type);
                    if (Rows < 0 || Rows > FreeRows + MostRowsForAByte * _fileLength)
                        throw new FormatException($"it claims {Rows} rows in a file of {_fileLength} bytes");
                    break;
                case 4:
                    ParseRowGroups(ref reader, type);
                    break;
                case 5:
                    for (var left = reader.ReadListOf(WireType.Struct, type); left > 0; left--)
                        ParseKeyValue(ref reader);
                    break;
                default:
                    reader.Skip(type, depth: 0);
                    break;
            }
        }
    }

    // Its number of rows stands before its row groups: writers keep the order of the fields.
    private void ParseRowGroups(ref CompactReader reader, WireType type)
    {
        var count = reader.ReadListOf(WireType.Struct, type);
        if (RowGroups.Count + (long)count > FreeRowGroups + Rows / RowsForAnotherGroup)
            throw new FormatException($"it claims {count} row groups of {Rows} rows; a trace has {FreeRowGroups} and one per {RowsForAnotherGroup} rows");
        for (var i = 0; i < count; i++)
            RowGroups.Add(ParseRowGroup(ref reader));
    }

    private static FooterColumn ParseColumn(ref CompactReader reader)
    {
        var column = new FooterColumn("", null, null, null, null);
        for (var id = 0; reader.ReadField(ref id, out var type);)
        {
            switch (id)
            {
                case 1: column = column with { PhysicalType = (int)reader.ReadInteger(WireType.I32, type) }; break;
                case 3: column = column with { Repetition = (int)reader.ReadInteger(WireType.I32, type) }; break;
                case 4: column = column with { Name = Encoding.UTF8.GetString(reader.ReadBinary(type)) }; break;
                case 5: column = column with { Children = (int)reader.ReadInteger(WireType.I32, type) }; break;
                case 6: column = column with { ConvertedType = (int)reader.ReadInteger(WireType.I32, type) }; break;
                default: reader.Skip(type, depth: 0); break;
            }
        }

        return column;
    }

    private void ParseKeyValue(ref CompactReader reader)
    {
        ReadOnlySpan<byte> key = default, value = default;
        for (var id = 0; reader.ReadField(ref id, out var type);)
        {
            switch (id)
            {
                case 1: key = reader.ReadBinary(type); break;
                case 2: value = reader.ReadBinary(type); break;
                default: reader.Skip(type, depth: 0); break;
            }
        }

        KeyValues[Encoding.UTF8.GetString(key)] = value.ToArray();
    }

    private FooterRowGroup ParseRowGroup(ref CompactReader reader)
    {
        FooterChunk[] chunks = [];
        long rows = 0;
        for (var id = 0; reader.ReadField(ref id, out var type);)
        {
            switch (id)
            {
                case 1:
                    chunks = new FooterChunk[ReadChunkCount(ref reader, type)];
                    for (var i = 0; i < chunks.Length; i++)
                        chunks[i] = ParseChunk(ref reader, NameOf(i));
                    break;
                case 3: rows = reader.ReadInteger(WireType.I64, type); break;
                default: reader.Skip(type, depth: 0); break;
            }
        }

        return new FooterRowGroup(rows, chunks);
    }

    // What a list claims costs memory before its items prove it.
    private int ReadChunkCount(ref CompactReader reader, WireType type)
    {
        var count = reader.ReadListOf(WireType.Struct, type);
        return count <= Schema.Count ? count : throw new FormatException($"a row group claims {count} columns of {Schema.Count - 1}");
    }

    private string NameOf(int chunk) => chunk + 1 < Schema.Count ? Schema[chunk + 1].Name : "";

    private static FooterChunk ParseChunk(ref CompactReader reader, string name)
    {
        var chunk = default(FooterChunk);
        for (var id = 0; reader.ReadField(ref id, out var type);)
        {
            if (id == 3)
                ParseMetadata(ref reader, type, name, ref chunk);
            else
                reader.Skip(type, depth: 0);
        }

        return chunk;
    }

    private static void ParseMetadata(ref CompactReader reader, WireType structType, string name, ref FooterChunk chunk)
    {
        long dictionary = 0;
        reader.Require(WireType.Struct, structType);
        for (var id = 0; reader.ReadField(ref id, out var type);)
        {
            switch (id)
            {
                case 3: chunk.Name = ReadName(ref reader, type, name); break;
                case 4: chunk.Codec = (ParquetCodec)reader.ReadInteger(WireType.I32, type); break;
                case 5: chunk.Values = reader.ReadInteger(WireType.I64, type); break;
                case 7: chunk.Length = reader.ReadInteger(WireType.I64, type); break;
                case 9: chunk.Start = reader.ReadInteger(WireType.I64, type); break;
                case 11: dictionary = reader.ReadInteger(WireType.I64, type); break;
                case 12: ParseStatistics(ref reader, type, ref chunk); break;
                default: reader.Skip(type, depth: 0); break;
            }
        }

        if (dictionary > 0 && dictionary < chunk.Start)
            chunk.Start = dictionary;
    }

    /// <returns>The expected name itself where it is that one, so that row groups share it; null for a column within another.</returns>
    private static string? ReadName(ref CompactReader reader, WireType type, string expected)
    {
        string? name = null;
        var count = reader.ReadListOf(WireType.Binary, type);
        for (var i = 0; i < count; i++)
        {
            var part = Encoding.UTF8.GetString(reader.ReadBinary());
            name = part == expected ? expected : part;
        }

        return count == 1 ? name : null;
    }

    private static void ParseStatistics(ref CompactReader reader, WireType structType, ref FooterChunk chunk)
    {
        ReadOnlySpan<byte> min = default, max = default;
        bool hasMin = false, hasMax = false, areExact = true;
        reader.Require(WireType.Struct, structType);
        for (var id = 0; reader.ReadField(ref id, out var type);)
        {
            switch (id)
            {
                case 3: chunk.Nulls = reader.ReadInteger(WireType.I64, type); break;
                case 5:
                    max = reader.ReadBinary(type);
                    hasMax = true;
                    break;
                case 6:
                    min = reader.ReadBinary(type);
                    hasMin = true;
                    break;
                case 7 or 8: areExact &= type != WireType.False; break;
                default: reader.Skip(type, depth: 0); break;
            }
        }

        chunk.Min = hasMin ? Number(min) : null;
        chunk.Max = hasMax ? Number(max) : null;
        chunk.OnlyValue = hasMin && hasMax && areExact && min.SequenceEqual(max) ? min.ToArray() : null;
    }

    private static long? Number(ReadOnlySpan<byte> bound) => bound.Length switch
    {
        sizeof(long) => BinaryPrimitives.ReadInt64LittleEndian(bound),
        sizeof(int) => BinaryPrimitives.ReadInt32LittleEndian(bound),
        _ => null,
    };
}

/// <summary>A schema element of the footer; numbers are parquet.thrift's enum values, null where the footer has none.</summary>
internal sealed record FooterColumn(string Name, int? PhysicalType, int? Repetition, int? Children, int? ConvertedType);

/// <param name="Chunks">In the order of the schema, if the file is as it should be.</param>
internal sealed record FooterRowGroup(long Rows, FooterChunk[] Chunks);

/// <summary>parquet.thrift's CompressionCodec; those that are not here are not read.</summary>
internal enum ParquetCodec
{
    None = 0,
    Snappy = 1,
    Gzip = 2,
    Brotli = 4,
    Zstd = 6,
    Lz4Raw = 7,
}

/// <summary>A column chunk as the footer tells of it; nothing of it is checked.</summary>
internal struct FooterChunk
{
    /// <summary>Null: not a column of the first level.</summary>
    public string? Name;

    /// <summary>Of the first page, a dictionary included.</summary>
    public long Start;

    /// <summary>Bytes in the file.</summary>
    public long Length;

    /// <summary>Nulls included.</summary>
    public long Values;

    public long? Nulls;

    /// <summary>Bounds of integers, inclusive; null where there are none, or of another type.</summary>
    public long? Min;

    public long? Max;

    /// <summary>The one value, as plain bytes, that all rows have which are not null; null where they differ, or where it is not known.</summary>
    public byte[]? OnlyValue;

    public ParquetCodec Codec;
}
