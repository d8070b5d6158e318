using System.Runtime.InteropServices;

namespace Faultrec.Analyzer.Residency;

/// <summary>Faults on pages that had been given back.</summary>
/// <param name="Pages">Pages that became resident again; a huge page counts with all of its pages.</param>
internal readonly record struct TouchedAgain(long Pages, long Faults, long DurationNs);

/// <summary>A place in the program that gives memory back: one call at one stack, of regions with one name.</summary>
/// <param name="stack">Null: it was not recorded.</param>
internal sealed class ReleaseSite(string call, int? stack, string region)
{
    private readonly Dictionary<int, TouchedAgain> _again = [];

    public string Call => call;

    public int? Stack => stack;

    public string Region => region;

    /// <summary>Ranges that were given back.</summary>
    public long Ranges { get; set; }

    /// <summary>Pages in them that were resident, each time.</summary>
    public long Pages { get; set; }

    /// <summary>By the <see cref="PageOwner"/> that touched them again.</summary>
    public IReadOnlyDictionary<int, TouchedAgain> Again => _again;

    public void AddTouch(int owner, long pages, long faults, long durationNs)
    {
        ref var again = ref CollectionsMarshal.GetValueRefOrAddDefault(_again, owner, out _);
        again = new TouchedAgain(again.Pages + pages, again.Faults + faults, again.DurationNs + durationNs);
    }

    /// <summary>The window begins.</summary>
    public void Restart()
    {
        (Ranges, Pages) = (0, 0);
        _again.Clear();
    }
}
