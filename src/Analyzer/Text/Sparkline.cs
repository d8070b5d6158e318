namespace Faultrec.Analyzer.Text;

/// <summary>The 64 heat buckets of a region as text.</summary>
internal static class Sparkline
{
    private const string Blocks = "▁▂▃▄▅▆▇█";

    /// <summary>One character per bucket, scaled linearly to the fullest; a blank means none.</summary>
    /// <param name="fullest">The value of a full character; null: the fullest of these buckets.</param>
    public static string Of(IReadOnlyList<long> heat, long? fullest = null)
    {
        var max = fullest ?? heat.Max();
        return string.Create(heat.Count, (heat, max), static (span, state) =>
        {
            for (var i = 0; i < span.Length; i++)
                span[i] = state.heat[i] == 0 ? ' ' : Blocks[(int)Math.Ceiling(state.heat[i] * (double)Blocks.Length / state.max) - 1];
        });
    }
}
