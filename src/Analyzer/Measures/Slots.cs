namespace Faultrec.Analyzer.Measures;

/// <summary>Counters of an aggregate in an array by number (a region's id, a bucket of time); null: nothing was seen.</summary>
internal static class Slots
{
    /// <param name="merge">Adds the second to the first, if both sides have one.</param>
    public static void Merge<T>(T?[] ours, T?[] theirs, Action<T, T> merge)
        where T : class
    {
        for (var i = 0; i < ours.Length; i++)
        {
            if (theirs[i] is not { } added)
                continue;
            if (ours[i] is { } mine)
                merge(mine, added);
            else
                ours[i] = added;
        }
    }
}
