using System.Globalization;

namespace Faultrec.Cli.Output;

/// <summary>Sizes as people write them: 500MiB, 1GiB, 2000000.</summary>
internal static class SizeText
{
    private static readonly (string Suffix, long Bytes)[] Units =
    [
        ("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30), ("TiB", 1L << 40), ("KB", 1000), ("MB", 1000 * 1000), ("GB", 1000L * 1000 * 1000),
        ("K", 1L << 10), ("M", 1L << 20), ("G", 1L << 30), ("B", 1), ("", 1),
    ];

    public static long Parse(string option, string text)
    {
        foreach (var (suffix, bytes) in Units)
        {
            if (text.EndsWith(suffix, StringComparison.OrdinalIgnoreCase)
                && double.TryParse(text.AsSpan(0, text.Length - suffix.Length), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
                && number > 0 && number * bytes <= long.MaxValue / 2)
            {
                return (long)(number * bytes);
            }
        }

        throw TypedOption.Wrong(option, text, "a size such as 500MiB or 1GiB");
    }
}
