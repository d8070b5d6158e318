namespace Faultrec.Recorder.Symbols;

/// <summary>Look-up in what is sorted by a key.</summary>
internal static class Sorted
{
    /// <param name="items">By ascending key.</param>
    /// <returns>How many have this key or a lower one; the next begins behind it.</returns>
    public static int CountUntil<T, TKey>(ReadOnlySpan<T> items, TKey key, Func<T, TKey> keyOf)
        where TKey : IComparable<TKey>
    {
        var (low, high) = (0, items.Length);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (keyOf(items[middle]).CompareTo(key) <= 0)
                low = middle + 1;
            else
                high = middle;
        }

        return low;
    }
}
