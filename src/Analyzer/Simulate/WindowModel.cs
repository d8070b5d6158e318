using System.Numerics;

namespace Faultrec.Analyzer.Simulate;

/// <summary>
/// One region with a larger unit of mapping: the first fault that finds nothing in an aligned window maps the whole window, and the
/// other faults that found nothing there do not happen. A page that faults again was given back, and its window is assumed to be given
/// back with it. Memory: one bit per page of the touched windows.
/// </summary>
/// <param name="windowShift">log2 of the window's pages.</param>
internal sealed class WindowModel(int windowShift)
{
    private const int WordPages = 64;

    private readonly Dictionary<long, ulong[]> _windows = [];

    /// <summary>Windows that were ever mapped.</summary>
    public long Windows => _windows.Count;

    /// <summary>Distinct pages that faulted in them, since each was last given back.</summary>
    public long Pages => _windows.Values.Sum(words => words.Sum(word => (long)BitOperations.PopCount(word)));

    /// <returns>Whether the fault happens.</returns>
    public bool Touch(long page)
    {
        var index = (int)(page & ((1 << windowShift) - 1));
        var bit = 1UL << (index % WordPages);
        if (!_windows.TryGetValue(page >> windowShift, out var words))
        {
            words = new ulong[Math.Max(1, (1 << windowShift) / WordPages)];
            words[index / WordPages] = bit;
            _windows.Add(page >> windowShift, words);
            return true;
        }

        if ((words[index / WordPages] & bit) == 0)
        {
            words[index / WordPages] |= bit;
            return false;
        }

        Array.Clear(words);
        words[index / WordPages] = bit;
        return true;
    }
}
