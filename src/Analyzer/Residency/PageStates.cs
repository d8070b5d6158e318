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
    private const int BlockShift = 14;
    private const int BlockPages = 1 << BlockShift;
    private const int FirstSlots = 16;

    // Open addressing, linear probing, a power-of-two number of slots.
    private Slot[] _slots = new Slot[FirstSlots];
    private int _used;
    private int[][] _blocks = [];

    // Faults come in runs: most find the group of the one before.
    private long _lastGroup = -1;
    private int _lastPlace;

    /// <summary>The page's state.</summary>
    public ref int this[long page] => ref At(PlaceOf(page));

    /// <summary>The state of the page with this place.</summary>
    public ref int At(int place) => ref _blocks[place >> BlockShift][place & (BlockPages - 1)];

    /// <summary>Where the page's state is, until <see cref="Clear"/>.</summary>
    public int PlaceOf(long page)
    {
        var group = page >> GroupShift;
        if (group != _lastGroup)
        {
            _lastPlace = PlaceOfGroup(group);
            _lastGroup = group;
        }

        return _lastPlace + ((int)page & (GroupPages - 1));
    }

    /// <summary>All pages of groups that are in use and in the range, in no order of groups.</summary>
    /// <param name="pages">Length of the range; the sum with <paramref name="first"/> fits.</param>
    public void Visit<TVisitor>(long first, long pages, ref TVisitor visitor)
        where TVisitor : struct, IPageVisitor
    {
        if (pages <= 0)
            return;
        var (firstGroup, lastGroup) = (first >> GroupShift, (first + pages - 1) >> GroupShift);
        if (lastGroup - firstGroup < _slots.Length)
        {
            for (var group = firstGroup; group <= lastGroup; group++)
            {
                if (SlotOf(group) is { Key: not 0 } slot)
                    VisitGroup(group, slot.Place, first, pages, ref visitor);
            }

            return;
        }

        foreach (var slot in _slots)
        {
            if (slot.Key - 1 is >= 0 and var group && group >= firstGroup && group <= lastGroup)
                VisitGroup(group, slot.Place, first, pages, ref visitor);
        }
    }

    public void Clear()
    {
        (_slots, _used) = (new Slot[FirstSlots], 0);
        (_blocks, _lastGroup) = ([], -1);
    }

    private void VisitGroup<TVisitor>(long group, int place, long first, long pages, ref TVisitor visitor)
        where TVisitor : struct, IPageVisitor
    {
        var start = group << GroupShift;
        var (from, to) = ((int)Math.Max(first - start, 0), (int)Math.Min(first + pages - start, GroupPages));
        for (var i = from; i < to; i++)
            visitor.See(start + i, ref At(place + i));
    }

    private int PlaceOfGroup(long group)
    {
        ref var slot = ref SlotOf(group);
        if (slot.Key != 0)
            return slot.Place;
        if (_used * 4 >= _slots.Length * 3)
        {
            Grow();
            slot = ref SlotOf(group);
        }

        var place = _used++ << GroupShift;
        if (place >> BlockShift == _blocks.Length)
            _blocks = [.. _blocks, new int[BlockPages]];
        slot = new Slot(group + 1, place);
        return place;
    }

    private ref Slot SlotOf(long group)
    {
        var slots = _slots;
        var at = (int)((ulong)(group * -7046029254386353131L) >> 32) & (slots.Length - 1);
        while (slots[at].Key != 0 && slots[at].Key != group + 1)
            at = (at + 1) & (slots.Length - 1);
        return ref slots[at];
    }

    private void Grow()
    {
        var old = _slots;
        _slots = new Slot[old.Length * 2];
        foreach (var slot in old)
        {
            if (slot.Key != 0)
                SlotOf(slot.Key - 1) = slot;
        }
    }

    /// <param name="Key">Number of the group + 1; 0: the slot is empty.</param>
    /// <param name="Place">Of its first page.</param>
    private readonly record struct Slot(long Key, int Place);
}
