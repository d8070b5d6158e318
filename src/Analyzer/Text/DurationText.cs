namespace Faultrec.Analyzer.Text;

/// <summary>Durations as the command line takes them: a decimal number and a unit.</summary>
internal static class DurationText
{
    /// <summary>What <see cref="TryParse"/> accepts, for messages.</summary>
    public const string Expected = "a number with a unit ns, us, ms, s, m or h, such as 1.5s or 200ms";

    /// <returns>False for anything but <see cref="Expected"/>, also for negative and for too large ones.</returns>
    public static bool TryParse(string text, out long ns)
    {
        ns = 0;
        if (!UnitText.TrySplit(text, out var number, out var name))
            return false;
        decimal unit = name switch
        {
            "ns" => 1,
            "us" or "µs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => 0,
        };
        if (unit == 0 || number > long.MaxValue / unit)
            return false;
        ns = (long)(number * unit);
        return true;
    }
}
