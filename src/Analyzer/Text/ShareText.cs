using System.Globalization;

namespace Faultrec.Analyzer.Text;

/// <summary>Shares as people write them: "5%", "0.5%".</summary>
internal static class ShareText
{
    private const decimal LargestPercent = 1_000_000;

    /// <summary>Null: not a share.</summary>
    public static double? Parse(string text)
        => text.EndsWith('%') && decimal.TryParse(text.AsSpan()[..^1], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var percent)
            && percent <= LargestPercent
            ? (double)(percent / 100)
            : null;

    public static string Format(double share) => string.Create(CultureInfo.InvariantCulture, $"{share * 100:0.####} %");
}
