namespace Faultrec.Analyzer.Residency;

/// <summary>Faults on pages that had been given back.</summary>
/// <param name="Pages">Pages that became resident again; a huge page counts with all of its pages.</param>
internal readonly record struct TouchedAgain(long Pages, long Faults, long DurationNs)
{
    public TouchedAgain And(in TouchedAgain other) => new(Pages + other.Pages, Faults + other.Faults, DurationNs + other.DurationNs);
}

/// <summary>A place in the program that gives memory back: one call at one stack, of regions with one name.</summary>
/// <param name="stack">Null: it was not recorded.</param>
internal sealed class ReleaseSite(string call, int? stack, string region)
{
    private readonly Dictionary<int, TouchedAgain> _again = [];

    // The same owner comes again and again: its touches are added up before they go into the dictionary.
    private int _lastOwner = -1;
    private TouchedAgain _last;

    public string Call => call;

    public int? Stack => stack;

    public string Region => region;

    /// <summary>Ranges that were given back.</summary>
    public long Ranges { get; set; }

    /// <summary>Pages in them that were resident, each time.</summary>
    public long Pages { get; set; }

    /// <summary>By the <see cref="PageOwner"/> that touched them again.</summary>
    public IReadOnlyDictionary<int, TouchedAgain> Again
    {
        get
        {
            AddLast();
            return _again;
        }
    }

    public void AddTouch(int owner, TouchedAgain again)
    {
        if (owner != _lastOwner)
        {
            AddLast();
            _lastOwner = owner;
        }

        _last = _last.And(again);
    }

    /// <summary>The window begins.</summary>
    public void Restart()
    {
        (Ranges, Pages) = (0, 0);
        _again.Clear();
        (_lastOwner, _last) = (-1, default);
    }

    private void AddLast()
    {
        if (_lastOwner >= 0)
            _again[_lastOwner] = _again.GetValueOrDefault(_lastOwner).And(_last);
        (_lastOwner, _last) = (-1, default);
    }
}
