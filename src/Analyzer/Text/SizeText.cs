namespace Faultrec.Analyzer.Text;

/// <summary>Amounts of memory as the command line takes them: a decimal number and a unit.</summary>
internal static class SizeText
{
    /// <summary>What <see cref="TryParse"/> accepts, for messages.</summary>
    public const string Expected = "a number with a unit B, KiB, MiB, GiB or TiB, such as 200MiB or 1.5GiB";

    /// <returns>False for anything but <see cref="Expected"/>, also for negative and for too large ones.</returns>
    public static bool TryParse(string text, out long bytes)
    {
        bytes = 0;
        if (!UnitText.TrySplit(text, out var number, out var name))
            return false;
        var shift = Array.IndexOf(["B", "KiB", "MiB", "GiB", "TiB"], name) * 10;
        if (shift < 0 || number > long.MaxValue >> shift)
            return false;
        bytes = (long)(number * (1L << shift));
        return true;
    }
}
