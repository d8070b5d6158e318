namespace Faultrec.Analyzer.Residency;

/// <summary>Sees pages one by one, and may change their state.</summary>
internal interface IPageVisitor
{
    void See(long page, ref int state);
}

/// <summary>
/// A number for each page of an address space, 0 at first. Pages lie in groups of 64, which a hash table finds: dense memory takes 4 to 5 bytes a
/// page, a page without neighbours 300.
/// </summary>
internal sealed class PageStates
{
    private const int GroupShift = 6;
    private const int GroupPages = 1 << GroupShift;
    private const int BlockGroups = 256;
    private const int FirstSlots = 16;

    // Open addressing, linear probing, a power-of-two number of slots: number of the group + 1, 0 = empty; and its place in the blocks.
    private long[] _keys = new long[FirstSlots];
    private int[] _places = new int[FirstSlots];
    private int _used;
    private List<int[]> _blocks = [];

    // Faults come in runs: most find the group of the one before.
    private long _lastGroup = -1;
    private int _lastPlace;

    /// <summary>The page's state; valid until the next new page.</summary>
    public ref int this[long page]
    {
        get
        {
            var group = page >> GroupShift;
            if (group != _lastGroup)
            {
                _lastPlace = PlaceOf(group);
                _lastGroup = group;
            }

            return ref StateAt(_lastPlace, (int)page & (GroupPages - 1));
        }
    }

    /// <summary>All pages of groups that are in use and in the range, in no order of groups.</summary>
    /// <param name="pages">Length of the range; the sum with <paramref name="first"/> fits.</param>
    public void Visit<TVisitor>(long first, long pages, ref TVisitor visitor)
        where TVisitor : struct, IPageVisitor
    {
        if (pages <= 0)
            return;
        var (firstGroup, lastGroup) = (first >> GroupShift, (first + pages - 1) >> GroupShift);
        if (lastGroup - firstGroup < _keys.Length)
        {
            for (var group = firstGroup; group <= lastGroup; group++)
            {
                if (_keys[Slot(group)] != 0)
                    VisitGroup(group, _places[Slot(group)], first, pages, ref visitor);
            }

            return;
        }

        for (var slot = 0; slot < _keys.Length; slot++)
        {
            if (_keys[slot] - 1 is >= 0 and var group && group >= firstGroup && group <= lastGroup)
                VisitGroup(group, _places[slot], first, pages, ref visitor);
        }
    }

    public void Clear()
    {
        (_keys, _places, _used) = (new long[FirstSlots], new int[FirstSlots], 0);
        (_blocks, _lastGroup) = ([], -1);
    }

    private void VisitGroup<TVisitor>(long group, int place, long first, long pages, ref TVisitor visitor)
        where TVisitor : struct, IPageVisitor
    {
        var start = group << GroupShift;
        var (from, to) = ((int)Math.Max(first - start, 0), (int)Math.Min(first + pages - start, GroupPages));
        for (var i = from; i < to; i++)
            visitor.See(start + i, ref StateAt(place, i));
    }

    private ref int StateAt(int place, int page) => ref _blocks[place / BlockGroups][((place % BlockGroups) << GroupShift) + page];

    private int PlaceOf(long group)
    {
        var slot = Slot(group);
        if (_keys[slot] != 0)
            return _places[slot];
        if (_used * 4 >= _keys.Length * 3)
        {
            Grow();
            slot = Slot(group);
        }

        if (_used == _blocks.Count * BlockGroups)
            _blocks.Add(new int[BlockGroups << GroupShift]);
        (_keys[slot], _places[slot]) = (group + 1, _used);
        return _used++;
    }

    private int Slot(long group)
    {
        var mask = _keys.Length - 1;
        var slot = (int)((ulong)(group * -7046029254386353131L) >> 32) & mask;
        while (_keys[slot] != 0 && _keys[slot] != group + 1)
            slot = (slot + 1) & mask;
        return slot;
    }

    private void Grow()
    {
        var (keys, places) = (_keys, _places);
        (_keys, _places) = (new long[keys.Length * 2], new int[keys.Length * 2]);
        for (var i = 0; i < keys.Length; i++)
        {
            if (keys[i] == 0)
                continue;
            var slot = Slot(keys[i] - 1);
            (_keys[slot], _places[slot]) = (keys[i], places[i]);
        }
    }
}
