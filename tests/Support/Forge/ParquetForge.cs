using System.Globalization;
using System.Text;
using Faultrec.Traces.Files;

namespace Faultrec.Testing.Forge;

/// <summary>A page and its header, parquet.thrift's PageHeader.</summary>
internal sealed class ForgedPage(ThriftValue header, byte[] data)
{
    public ThriftValue Header { get; set; } = header;

    /// <summary>As it is in the file: compressed.</summary>
    public byte[] Data { get; set; } = data;
}

/// <param name="about">parquet.thrift's ColumnChunk, within the footer.</param>
internal sealed class ForgedChunk(ThriftValue about)
{
    public ThriftValue Metadata => about[3]!;

    public List<ForgedPage> Pages { get; } = [];
}

/// <summary>
/// A Parquet file taken apart, to be altered and put together again with right positions, sizes and checksums: what somebody makes who
/// wants to be believed. The header of a page is written as it is.
/// </summary>
internal sealed class ParquetForge
{
    private const string ChecksumsKey = "faultrec.checksums";
    private static readonly byte[] Magic = "PAR1"u8.ToArray();

    private ParquetForge(ThriftValue footer) => Footer = footer;

    /// <summary>parquet.thrift's FileMetaData.</summary>
    public ThriftValue Footer { get; }

    public List<ThriftValue> RowGroups => Footer[4]!.Items;

    /// <summary>By row group.</summary>
    public List<List<ForgedChunk>> Chunks { get; } = [];

    public static ParquetForge Open(ReadOnlySpan<byte> file)
    {
        var length = BitConverter.ToInt32(file[^8..]);
        var forge = new ParquetForge(ThriftValue.ReadStruct(file.Slice(file.Length - 8 - length, length), out _));
        foreach (var group in forge.RowGroups)
        {
            var chunks = new List<ForgedChunk>();
            foreach (var about in group[1]!.Items)
                chunks.Add(ReadChunk(file, about));
            forge.Chunks.Add(chunks);
        }

        return forge;
    }

    /// <summary>Appends one more of a row group that is there.</summary>
    public void Repeat(int group)
    {
        var copy = RowGroups[group].Copy();
        RowGroups.Add(copy);
        var chunks = new List<ForgedChunk>();
        for (var i = 0; i < Chunks[group].Count; i++)
        {
            var chunk = new ForgedChunk(copy[1]!.Items[i]);
            chunk.Pages.AddRange(Chunks[group][i].Pages);
            chunks.Add(chunk);
        }

        Chunks.Add(chunks);
    }

    public void Remove(int group)
    {
        RowGroups.RemoveAt(group);
        Chunks.RemoveAt(group);
    }

    public string? Text(string key) => KeyValue(key)?[2] is { } value ? Encoding.UTF8.GetString(value.Bytes) : null;

    public void SetText(string key, string value)
    {
        if (KeyValue(key) is not { } pair)
        {
            pair = new ThriftValue { Type = ThriftValue.Struct };
            pair.Set(1, Binary(key));
            Footer[5]!.Items.Add(pair);
        }

        pair.Set(2, Binary(value));
    }

    public byte[] Write()
    {
        using var file = new MemoryStream();
        file.Write(Magic);
        var checksums = new List<string>();
        foreach (var group in Chunks)
        {
            var text = new StringBuilder();
            foreach (var chunk in group)
                text.Append(CultureInfo.InvariantCulture, $"{WriteChunk(file, chunk):x8}");
            checksums.Add($"\"{text}\"");
        }

        if (KeyValue(ChecksumsKey) is not null)
            SetText(ChecksumsKey, $"[{string.Join(',', checksums)}]");
        var footer = Footer.Write();
        WriteTail(file, footer);
        return file.ToArray();
    }

    /// <summary>The same file with another footer, and its guard.</summary>
    public static byte[] WithFooter(ReadOnlySpan<byte> file, byte[] footer)
    {
        const int guardBytes = 16;
        var length = BitConverter.ToInt32(file[^8..]);
        using var changed = new MemoryStream();
        changed.Write(file[..(file.Length - 8 - length - guardBytes)]);
        WriteTail(changed, footer);
        return changed.ToArray();
    }

    public static ReadOnlySpan<byte> FooterOf(ReadOnlySpan<byte> file) => file[..^8][^BitConverter.ToInt32(file[^8..])..];

    private static void WriteTail(MemoryStream file, byte[] footer)
    {
        file.Write("faultrec"u8);
        file.Write(BitConverter.GetBytes(Crc32C.Append(0, footer)));
        file.Write(BitConverter.GetBytes(footer.Length));
        file.Write(footer);
        file.Write(BitConverter.GetBytes(footer.Length));
        file.Write(Magic);
    }

    private static ForgedChunk ReadChunk(ReadOnlySpan<byte> file, ThriftValue about)
    {
        var chunk = new ForgedChunk(about);
        var metadata = chunk.Metadata;
        var at = (int)(metadata[11]?.Number is > 0 and { } dictionary ? Math.Min(dictionary, metadata[9]!.Number) : metadata[9]!.Number);
        var end = at + (int)metadata[7]!.Number;
        while (at < end)
        {
            var header = ThriftValue.ReadStruct(file[at..end], out var length);
            var size = (int)header[3]!.Number;
            chunk.Pages.Add(new ForgedPage(header, file.Slice(at + length, size).ToArray()));
            at += length + size;
        }

        return chunk;
    }

    private static uint WriteChunk(MemoryStream file, ForgedChunk chunk)
    {
        var metadata = chunk.Metadata;
        var start = (int)file.Length;
        metadata.Remove(11);
        for (var i = 0; i < chunk.Pages.Count; i++)
        {
            var isDictionary = chunk.Pages[i].Header[1]?.Number == 2;
            if (isDictionary && i == 0)
                metadata.Set(11, file.Length, ThriftValue.I64);
            if (i == 0 || chunk.Pages[i - 1].Header[1]?.Number == 2)
                metadata.Set(9, file.Length, ThriftValue.I64);
            file.Write(chunk.Pages[i].Header.Write());
            file.Write(chunk.Pages[i].Data);
        }

        metadata.Set(7, file.Length - start, ThriftValue.I64);
        return Crc32C.Append(0, file.GetBuffer().AsSpan(start, (int)file.Length - start));
    }

    private ThriftValue? KeyValue(string key) => Footer[5]!.Items.Find(pair => pair[1] is { } name && Encoding.UTF8.GetString(name.Bytes) == key);

    private static ThriftValue Binary(string text) => new() { Type = ThriftValue.Binary, Bytes = Encoding.UTF8.GetBytes(text) };
}
