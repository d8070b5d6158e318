using System.Buffers.Binary;
using System.IO.Compression;
using K4os.Compression.LZ4;
using Snappier;
using ZstdSharp;

namespace Faultrec.Traces.Files;

/// <summary>
/// Decompresses a column chunk into pages for the Parquet library: it would take as much memory as a compressed page says of itself,
/// and as a delta block or a dictionary claims. What it gets from here has sizes and counts that were checked, in page headers of ours.
/// </summary>
internal sealed class PlainPages : IDisposable
{
    /// <summary>Writers use 128 to 2,048; the library takes memory for one.</summary>
    private const int MostValuesInADeltaBlock = 1 << 16;

    private const int MostTextBytes = 1 << 20;

    private const int WidestIndex = 32;

    private readonly Decompressor _zstd = new();

    /// <summary>Where the library is told that the first page begins; it takes 0 for no page.</summary>
    public const int Start = 4;

    public PageBuffer Buffer { get; } = new();

    /// <exception cref="InvalidDataException">A page claims what cannot be. Damage of another kind throws whatever a decompressor throws.</exception>
    public void Fill(ReadOnlySpan<byte> chunk, ParquetCodec codec, int rows, bool isText, bool isNullable)
    {
        Buffer.Clear();
        Buffer.Append(Start);
        var pages = new PageWalk(chunk, rows, isText);
        while (pages.Next())
        {
            var header = pages.Header;
            WriteHeader(header);
            var page = Buffer.Append(header.UncompressedSize);
            Decompress(pages.Data, header, codec, page);
            var values = page[ValuesOffset(header, page, isNullable)..];
            if (header.Type == PageType.Dictionary)
                CheckDictionary(header, values, isText);
            else
                CheckValues(header, values, isText);
        }
        // A page that decodes to fewer values than its header says makes the library look for another: it finds one that it refuses.
        WriteHeader(new PageHeader { Type = (PageType)1 });
    }

    public void Dispose() => _zstd.Dispose();

    private void Decompress(ReadOnlySpan<byte> data, in PageHeader header, ParquetCodec codec, Span<byte> page)
    {
        var plain = header.LevelsSize;
        data[..plain].CopyTo(page);
        var from = data[plain..];
        var to = page[plain..];
        var length = header.IsCompressed ? Decompress(from, codec, to) : Copy(from, to);
        if (length != to.Length)
            throw new InvalidDataException($"a page has {length} bytes when decompressed, but claims {to.Length}");
    }

    private int Decompress(ReadOnlySpan<byte> from, ParquetCodec codec, Span<byte> to) => codec switch
    {
        ParquetCodec.None => Copy(from, to),
        ParquetCodec.Zstd => _zstd.Unwrap(from, to),
        ParquetCodec.Snappy => Snappy.GetUncompressedLength(from) is var length && length == to.Length ? Snappy.Decompress(from, to) : length,
        ParquetCodec.Gzip => Gunzip(from, to),
        ParquetCodec.Brotli => BrotliDecoder.TryDecompress(from, to, out var written) ? written : -1,
        ParquetCodec.Lz4Raw => LZ4Codec.Decode(from, to),
        _ => throw new InvalidDataException($"its codec {(int)codec} is not supported"),
    };

    private static int Copy(ReadOnlySpan<byte> from, Span<byte> to)
    {
        if (from.Length == to.Length)
            from.CopyTo(to);
        return from.Length;
    }

    private static int Gunzip(ReadOnlySpan<byte> from, Span<byte> to)
    {
        using var gzip = new GZipStream(new MemoryStream(from.ToArray()), CompressionMode.Decompress);
        return gzip.ReadAtLeast(to, to.Length, throwOnEndOfStream: false);
    }

    /// <summary>Levels come before the values: in the first kind of page with their length, in the second the header has that.</summary>
    private static int ValuesOffset(in PageHeader header, ReadOnlySpan<byte> page, bool isNullable)
    {
        if (!isNullable && header.LevelsSize != 0)
            throw new InvalidDataException("a page claims levels where there are no nulls");
        if (header.Type != PageType.Data || !isNullable)
            return header.LevelsSize;
        if (page.Length < sizeof(int) || BinaryPrimitives.ReadInt32LittleEndian(page) is var length && (uint)length > page.Length - sizeof(int))
            throw new InvalidDataException("a page claims impossible levels");
        return sizeof(int) + length;
    }

    private static void CheckDictionary(in PageHeader header, ReadOnlySpan<byte> values, bool isText)
    {
        const int smallest = sizeof(int);
        if (header.Values > values.Length / smallest)
            throw new InvalidDataException($"a dictionary claims {header.Values} values in {values.Length} bytes");
        if (isText)
            CheckTexts(values);
    }

    private static void CheckValues(in PageHeader header, ReadOnlySpan<byte> values, bool isText)
    {
        switch (header.Encoding)
        {
            case PageEncoding.Plain when isText:
                CheckTexts(values);
                break;
            case PageEncoding.Plain:
                break;
            case PageEncoding.PlainDictionary or PageEncoding.RleDictionary:
                if (values is [> WidestIndex, ..])
                    throw new InvalidDataException($"a page's indices have {values[0]} bits");
                break;
            case PageEncoding.DeltaBinaryPacked when !isText:
            case PageEncoding.DeltaLengthByteArray when isText:
                CheckDelta(header, values);
                break;
            default:
                throw new InvalidDataException($"a page has encoding {(int)header.Encoding}, which is not supported");
        }
    }

    private static void CheckTexts(ReadOnlySpan<byte> values)
    {
        while (values.Length > 0)
        {
            var length = values.Length < sizeof(int) ? -1 : BinaryPrimitives.ReadInt32LittleEndian(values);
            if ((uint)length > Math.Min(MostTextBytes, values.Length - sizeof(int)))
                throw new InvalidDataException($"a text claims {(uint)length} bytes where {values.Length} are left, or more than {MostTextBytes}");
            values = values[(sizeof(int) + length)..];
        }
    }

    private static void CheckDelta(in PageHeader header, ReadOnlySpan<byte> values)
    {
        if (values.IsEmpty)
            return;
        var reader = new CompactReader(values);
        var (block, parts, count) = (reader.ReadVarint(), reader.ReadVarint(), reader.ReadVarint());
        if (block > MostValuesInADeltaBlock || parts < 1 || parts > block || count > (ulong)header.Values)
            throw new InvalidDataException($"a page claims {count} deltas in blocks of {block}");
    }

    private void WriteHeader(in PageHeader header)
    {
        Span<byte> bytes = stackalloc byte[64];
        var writer = new CompactWriter(bytes);
        writer.Integer(1, (int)header.Type);
        writer.Integer(2, header.UncompressedSize);
        writer.Integer(3, header.UncompressedSize);
        if (header.Type == PageType.DataV2)
        {
            writer.Begin(8);
            writer.Integer(1, header.Values);
            writer.Integer(2, header.Nulls);
            writer.Integer(3, header.Values);
            writer.Integer(4, (int)header.Encoding);
            writer.Integer(5, header.LevelsSize);
            writer.Integer(6, 0);
            writer.False(7);
            writer.End();
        }
        else if (header.Type is PageType.Data or PageType.Dictionary)
        {
            const int rle = 3;
            var isData = header.Type == PageType.Data;
            writer.Begin(isData ? 5 : 7);
            writer.Integer(1, header.Values);
            writer.Integer(2, isData ? (int)header.Encoding : (int)PageEncoding.Plain);
            if (isData)
            {
                writer.Integer(3, rle);
                writer.Integer(4, rle);
            }

            writer.End();
        }

        writer.End();
        Buffer.Append(writer.Written);
    }
}
