using Faultrec.Testing.Forge;
using ZstdSharp;

namespace Faultrec.Fuzz.Inputs;

/// <summary>Traces, and other Parquet files, altered where readers decide by what they find.</summary>
internal static class TraceMutation
{
    private const int Snappy = 1, Zstd = 6;
    private const int MostPageBytes = 1 << 22;

    public static byte[] Mutate(byte[] original, Dice dice)
    {
        switch (dice.Below(12))
        {
            case 0:
                return Bytes.Mutate(original, dice);
            case 1:
                return ParquetForge.WithFooter(original, Bytes.Mutate(ParquetForge.FooterOf(original).ToArray(), dice));
            default:
                var forge = ParquetForge.Open(original);
                for (var left = dice.Few(); left > 0; left--)
                    Change(forge, dice);
                return forge.Write();
        }
    }

    private static void Change(ParquetForge forge, Dice dice)
    {
        if (forge.Chunks.Count == 0)
            return;
        var group = dice.Below(forge.Chunks.Count);
        var chunk = dice.Of(forge.Chunks[group]);
        switch (dice.Below(14))
        {
            case 0 or 1 or 2 or 3: ChangeText(forge, dice); break;
            case 4: ChangeNumber(chunk.Metadata, dice); break;
            case 5: ChangeNumber(forge.Footer, dice); break;
            case 6: ChangeGroups(forge, group, dice); break;
            case 7: ChangeBounds(chunk, dice); break;
            case 8: ChangePages(chunk, dice); break;
            case 9 when chunk.Pages.Count > 0: ChangeNumber(dice.Of(chunk.Pages).Header, dice); break;
            default: ChangeValues(chunk, dice); break;
        }
    }

    private static void ChangeText(ParquetForge forge, Dice dice)
    {
        if (forge.Footer[5] is not { Items: { Count: > 0 } pairs })
            return;
        var pair = dice.Of(pairs);
        if (dice.OneIn(20))
            pairs.Remove(pair);
        else if (pair[2] is { } value)
            value.Bytes = System.Text.Encoding.UTF8.GetBytes(JsonMutation.Mutate(System.Text.Encoding.UTF8.GetString(value.Bytes), dice));
    }

    private static void ChangeNumber(ThriftValue root, Dice dice)
    {
        List<ThriftValue> numbers = [.. root.All().Where(value => value.Type is ThriftValue.I8 or ThriftValue.I16 or ThriftValue.I32 or ThriftValue.I64)];
        if (numbers.Count == 0)
            return;
        var number = dice.Of(numbers);
        number.Number = dice.OneIn(3) ? number.Number + dice.Below(5) - 2 : dice.Extreme();
    }

    private static void ChangeGroups(ParquetForge forge, int group, Dice dice)
    {
        if (dice.OneIn(3))
        {
            forge.Remove(group);
        }
        else
        {
            for (var times = dice.OneIn(10) ? dice.Below(1200) : 1; times > 0; times--)
                forge.Repeat(group);
        }

        if (!dice.OneIn(4))
            forge.Footer.Set(3, forge.RowGroups.Aggregate(0L, (sum, of) => unchecked(sum + (of[3]?.Number ?? 0))), ThriftValue.I64);
    }

    private static void ChangeBounds(ForgedChunk chunk, Dice dice)
    {
        if (chunk.Metadata[12] is not { } bounds || dice.OneIn(4))
        {
            chunk.Metadata.Remove(12);
            return;
        }

        var bound = new ThriftValue
        {
            Type = ThriftValue.Binary,
            Bytes = dice.OneIn(3) ? Bytes.Mutate(BitConverter.GetBytes(dice.Extreme()), dice) : BitConverter.GetBytes(dice.Extreme())
        };
        bounds.Set(5, bound);
        if (dice.OneIn(2))
            bounds.Set(6, bound);
        if (dice.OneIn(3))
            bounds.Set(3, dice.Extreme(), ThriftValue.I64);
    }

    private static void ChangePages(ForgedChunk chunk, Dice dice)
    {
        if (chunk.Pages.Count == 0)
            return;
        var page = dice.Of(chunk.Pages);
        switch (dice.Below(4))
        {
            case 0: chunk.Pages.Remove(page); break;
            case 1: chunk.Pages.Insert(0, page); break;
            case 2: chunk.Metadata.Set(4, dice.Below(9)); break;
            default: page.Data = Bytes.Mutate(page.Data, dice); break;
        }
    }

    /// <summary>What a page holds, before it was compressed, with sizes that are right again.</summary>
    private static void ChangeValues(ForgedChunk chunk, Dice dice)
    {
        if (chunk.Pages.Count == 0)
            return;
        var page = dice.Of(chunk.Pages);
        var codec = (int)(chunk.Metadata[4]?.Number ?? 0);
        if (page.Header[2]?.Number is not (> 0 and <= MostPageBytes) || Decompress(page.Data, codec, (int)page.Header[2]!.Number) is not { } plain)
            return;
        plain = dice.OneIn(8) ? [.. Enumerable.Repeat(plain, 1 + dice.Below(4)).SelectMany(part => part)] : Bytes.Mutate(plain, dice);
        page.Data = codec switch
        {
            Snappy => Snappier.Snappy.CompressToArray(plain),
            Zstd => Compress(plain),
            _ => plain,
        };
        page.Header.Set(2, plain.Length);
        page.Header.Set(3, page.Data.Length);
    }

    private static byte[]? Decompress(byte[] data, int codec, int size)
    {
        try
        {
            var plain = new byte[size];
            using var zstd = new Decompressor();
            var length = codec switch
            {
                0 => data.Length,
                Snappy => Snappier.Snappy.Decompress(data, plain),
                Zstd => zstd.Unwrap(data, plain),
                _ => -1,
            };
            return length < 0 ? null : codec == 0 ? data : plain[..length];
        }
        catch (Exception e) when (e is InvalidDataException or ArgumentException or ZstdException)
        {
            return null; // an earlier change broke it
        }
    }

    private static byte[] Compress(byte[] plain)
    {
        using var zstd = new Compressor(1);
        return zstd.Wrap(plain).ToArray();
    }
}
