using System.Runtime.InteropServices;

namespace Faultrec.Analyzer;

/// <summary>Pages from one fault to the next, and how many steps were so long.</summary>
public readonly record struct Stride(long Pages, long Steps);

/// <summary>
/// Which steps are frequent, in bounded memory: exact for up to <see cref="Limit"/> different ones. With more it is the count of Misra and Gries
/// (Finding repeated elements, 1982): when a new step finds no room all counts go down by one, so that a step is at most n / (Limit + 1) of n steps too low.
/// </summary>
public sealed class StrideCounts
{
    public const int Limit = 4096;

    private readonly Dictionary<long, long> _counts = [];

    public void Add(long pages, long steps)
    {
        while (steps > 0)
        {
            if (_counts.Count < Limit || _counts.ContainsKey(pages))
            {
                CollectionsMarshal.GetValueRefOrAddDefault(_counts, pages, out _) += steps;
                return;
            }

            steps -= MakeRoom(steps);
        }
    }

    /// <summary>Most frequent first, the shorter of equals.</summary>
    public List<Stride> Top(int most)
        => [.. _counts.Select(count => new Stride(count.Key, count.Value))
            .OrderByDescending(stride => stride.Steps).ThenBy(stride => Int128.Abs(stride.Pages)).ThenByDescending(stride => stride.Pages).Take(most)];

    /// <summary>Takes as much off every count as the smallest has, at most <paramref name="steps"/>.</summary>
    private long MakeRoom(long steps)
    {
        var taken = Math.Min(steps, _counts.Values.Min());
        foreach (var pages in _counts.Keys.ToArray())
        {
            ref var count = ref CollectionsMarshal.GetValueRefOrNullRef(_counts, pages);
            count -= taken;
            if (count == 0)
                _counts.Remove(pages);
        }

        return taken;
    }
}
