using System.Globalization;

namespace Faultrec.Analyzer.Text;

/// <summary>The 64 heat buckets of a region as text.</summary>
internal static class HeatRow
{
    private const string Blocks = "▁▂▃▄▅▆▇█";

    /// <summary>Numbers with spaces between: how heat travels in a table's cell.</summary>
    public static string Join(IReadOnlyList<long> heat)
        => string.Join(' ', heat);

    /// <summary>One character a bucket, linear to the fullest; blank only for none.</summary>
    /// <param name="joined">What <see cref="Join"/> made.</param>
    /// <param name="fullest">What a full character stands for; null: the fullest bucket of these.</param>
    public static string Spark(string joined, long? fullest = null)
    {
        var heat = Array.ConvertAll(joined.Split(' '), text => long.Parse(text, CultureInfo.InvariantCulture));
        var max = fullest ?? heat.Max();
        return string.Create(heat.Length, (heat, max), static (span, state) =>
        {
            for (var i = 0; i < span.Length; i++)
                span[i] = state.heat[i] == 0 ? ' ' : Blocks[(int)Math.Ceiling(state.heat[i] * (double)Blocks.Length / state.max) - 1];
        });
    }
}
