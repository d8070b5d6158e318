namespace Faultrec.Analyzer.Text;

/// <summary>Amounts of memory as the command line takes them: a decimal number and a unit, in capitals or not. Without a unit they are bytes.</summary>
internal static class SizeText
{
    private static readonly (string Name, long Bytes)[] Sizes =
    [
        ("", 1), ("B", 1), ("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30), ("TiB", 1L << 40), ("K", 1L << 10), ("M", 1L << 20), ("G", 1L << 30),
        ("KB", 1000), ("MB", 1000 * 1000), ("GB", 1000L * 1000 * 1000),
    ];

    /// <param name="unit">As it was written; empty: there is none.</param>
    /// <returns>False for anything else, also for negative and for too large ones.</returns>
    public static bool TryParse(string text, out long bytes, out string unit)
    {
        bytes = 0;
        if (!UnitText.TrySplit(text, out var number, out unit))
            return false;
        var name = unit;
        var index = Array.FindIndex(Sizes, size => size.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
        // Half of what a number can be, so that sums of two are numbers.
        if (index < 0 || number > long.MaxValue / 2 / Sizes[index].Bytes)
            return false;
        bytes = (long)(number * Sizes[index].Bytes);
        return true;
    }
}
