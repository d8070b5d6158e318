namespace Faultrec.Traces.Files;

/// <summary>parquet.thrift's PageType; index pages are not read.</summary>
internal enum PageType
{
    Data = 0,
    Dictionary = 2,
    DataV2 = 3,
}

/// <summary>parquet.thrift's Encoding; those that are not here are not read.</summary>
internal enum PageEncoding
{
    Plain = 0,
    PlainDictionary = 2,
    DeltaBinaryPacked = 5,
    DeltaLengthByteArray = 6,
    RleDictionary = 8,
}

/// <summary>A page header whose sizes and counts the chunk can hold.</summary>
internal record struct PageHeader
{
    public PageType Type;
    public PageEncoding Encoding;

    /// <summary>Nulls included; of a dictionary its entries.</summary>
    public int Values;

    public int CompressedSize;
    public int UncompressedSize;

    /// <summary>Of a <see cref="PageType.DataV2"/> page only: bytes before its values, which are never compressed.</summary>
    public int LevelsSize;

    public int Nulls;
    public bool IsCompressed;
}

/// <summary>
/// Goes through the pages of a column chunk and believes none that claims more than the chunk's rows, type and size justify: what a
/// page says of itself decides how much memory is taken for it.
/// </summary>
internal ref struct PageWalk
{
    private const int FreeBytes = 64 << 10;

    /// <summary>Eight of a value, two of its level, up to four of its place in a dictionary.</summary>
    private const int BytesForANumber = 16;

    private const int BytesForAText = 64;

    /// <summary>Texts may be of any length. This much compression makes of names, and of most stacks…</summary>
    private const long TextBytesForAByte = 64;

    /// <summary>… and this of the stacks of a recursion, which begin alike for thousands of characters.</summary>
    private const long MostTextBytesForAByte = 1024;

    private const long FreeTextBytes = 128 << 20;

    private ReadOnlySpan<byte> _rest;
    private readonly int _rows;
    private long _bytesLeft;
    private int _rowsLeft;
    private bool _hasDictionary;

    public PageWalk(ReadOnlySpan<byte> chunk, int rows, bool isText)
    {
        _rest = chunk;
        _rows = _rowsLeft = rows;
        _bytesLeft = FreeBytes + (isText ? OfTexts(chunk.Length) + (long)BytesForAText * rows : (long)BytesForANumber * rows);
    }

    public PageHeader Header { get; private set; }

    /// <summary>As it is in the file.</summary>
    public ReadOnlySpan<byte> Data { get; private set; }

    /// <returns>False when all rows were met.</returns>
    /// <exception cref="FormatException">A header is damaged.</exception>
    /// <exception cref="InvalidDataException">A page claims too much.</exception>
    public bool Next()
    {
        if (_rowsLeft == 0)
            return false;
        var reader = new CompactReader(_rest);
        var header = ParseHeader(ref reader);
        if (header.CompressedSize < 0 || header.CompressedSize > reader.Rest.Length)
            throw new InvalidDataException($"a page claims {header.CompressedSize} bytes where {reader.Rest.Length} are left");
        if (header.UncompressedSize < 0 || header.UncompressedSize > _bytesLeft)
        {
            throw new InvalidDataException(
                $"a page claims {header.UncompressedSize} bytes when decompressed, too many for {_rows} rows in {_rest.Length} bytes");
        }

        Count(header);
        _bytesLeft -= header.UncompressedSize;
        Header = header;
        Data = reader.Rest[..header.CompressedSize];
        _rest = reader.Rest[header.CompressedSize..];
        return true;
    }

    private static long OfTexts(long compressed) => Math.Max(TextBytesForAByte * compressed, Math.Min(MostTextBytesForAByte * compressed, FreeTextBytes));

    private void Count(in PageHeader header)
    {
        if (header.Type == PageType.Dictionary)
        {
            if (_hasDictionary)
                throw new InvalidDataException("it has two dictionaries");
            if (header.Values < 0 || header.Values > _rows)
                throw new InvalidDataException($"a dictionary claims {header.Values} values for {_rows} rows");
            _hasDictionary = true;
            return;
        }

        if (header.Type is not (PageType.Data or PageType.DataV2))
            throw new InvalidDataException($"a page has type {(int)header.Type}, which is not supported");
        if (header.Values < 1 || header.Values > _rowsLeft)
            throw new InvalidDataException($"a page claims {header.Values} values where {_rowsLeft} are left");
        if (header.LevelsSize < 0 || header.LevelsSize > Math.Min(header.CompressedSize, header.UncompressedSize) || header.Nulls < 0
            || header.Nulls > header.Values)
        {
            throw new InvalidDataException("a page claims impossible levels");
        }

        if (header.Encoding is PageEncoding.PlainDictionary or PageEncoding.RleDictionary && !_hasDictionary)
            throw new InvalidDataException("a page needs a dictionary and there is none");
        _rowsLeft -= header.Values;
    }

    private static PageHeader ParseHeader(ref CompactReader reader)
    {
        var header = new PageHeader { IsCompressed = true, Values = -1, CompressedSize = -1, UncompressedSize = -1 };
        for (var id = 0; reader.ReadField(ref id, out var type);)
        {
            switch (id)
            {
                case 1: header.Type = (PageType)reader.ReadInteger(WireType.I32, type); break;
                case 2: header.UncompressedSize = (int)reader.ReadInteger(WireType.I32, type); break;
                case 3: header.CompressedSize = (int)reader.ReadInteger(WireType.I32, type); break;
                case 5 or 7: ParseData(ref reader, type, ref header); break;
                case 8: ParseDataV2(ref reader, type, ref header); break;
                default: reader.Skip(type, depth: 0); break;
            }
        }

        return header;
    }

    // DataPageHeader and DictionaryPageHeader begin alike.
    private static void ParseData(ref CompactReader reader, WireType structType, ref PageHeader header)
    {
        reader.Require(WireType.Struct, structType);
        for (var id = 0; reader.ReadField(ref id, out var type);)
        {
            switch (id)
            {
                case 1: header.Values = (int)reader.ReadInteger(WireType.I32, type); break;
                case 2: header.Encoding = (PageEncoding)reader.ReadInteger(WireType.I32, type); break;
                default: reader.Skip(type, depth: 0); break;
            }
        }
    }

    private static void ParseDataV2(ref CompactReader reader, WireType structType, ref PageHeader header)
    {
        var repetitions = 0;
        reader.Require(WireType.Struct, structType);
        for (var id = 0; reader.ReadField(ref id, out var type);)
        {
            switch (id)
            {
                case 1: header.Values = (int)reader.ReadInteger(WireType.I32, type); break;
                case 2: header.Nulls = (int)reader.ReadInteger(WireType.I32, type); break;
                case 4: header.Encoding = (PageEncoding)reader.ReadInteger(WireType.I32, type); break;
                case 5: header.LevelsSize = (int)reader.ReadInteger(WireType.I32, type); break;
                case 6: repetitions = (int)reader.ReadInteger(WireType.I32, type); break;
                case 7: header.IsCompressed = type != WireType.False; break;
                default: reader.Skip(type, depth: 0); break;
            }
        }

        if (repetitions != 0)
            throw new InvalidDataException("a page claims lists where there are none");
    }
}
