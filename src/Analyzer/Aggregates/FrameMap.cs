namespace Faultrec.Analyzer;

/// <summary>
/// Physical frame of each page of one region, mergeable. As <see cref="PageSet"/> it starts as a hash table and becomes a plain array
/// soon: at most four bytes a page of the region, and less than a hundred a page that has a frame. A page that had several frames
/// keeps the one with the highest number, so that the order in which faults come does not matter.
/// </summary>
internal sealed class FrameMap
{
    private const int FirstSlots = 4;
    private const int FrameBits = 32;

    // An array of so many times the table's size is still the better of the two: it needs no search.
    private const int DenseFactor = 4;

    private readonly long _firstPage;
    private readonly long _pages;

    // Frame + 1 by page of the region; 0: none.
    private uint[]? _dense;

    // Open addressing, linear probing: page of the region in the high half, frame + 1 in the low one; 0 = empty slot.
    private ulong[] _slots = [];
    private int _used;

    /// <param name="pages">Pages of the region; what lies outside is not kept.</param>
    public FrameMap(long firstPage, long pages)
    {
        _firstPage = firstPage;
        _pages = Math.Min(pages, uint.MaxValue);
        if (_pages is > 0 and <= FirstSlots * 2)
            _dense = new uint[_pages];
    }

    /// <param name="frame">Not negative; above 2^32 − 2 (16 TiB of memory) it is not kept.</param>
    public void Add(long page, long frame)
    {
        var relative = page - _firstPage;
        if ((ulong)relative >= (ulong)_pages || frame >= uint.MaxValue)
            return;
        var value = (uint)frame + 1;
        if (_dense is not { } dense)
            AddToTable((uint)relative, value);
        else if (value > dense[relative])
            dense[relative] = value;
    }

    public void Merge(FrameMap other)
    {
        other.ForEach(this, static (map, page, frame) => map.Add(page, frame));
    }

    /// <summary>Calls <paramref name="action"/> with page and frame of each page that has one, by page.</summary>
    public void ForEach<TState>(TState state, Action<TState, long, long> action)
    {
        if (_dense is not null)
        {
            for (var i = 0; i < _dense.Length; i++)
            {
                if (_dense[i] != 0)
                    action(state, _firstPage + i, _dense[i] - 1L);
            }

            return;
        }

        var sorted = Array.FindAll(_slots, slot => slot != 0);
        Array.Sort(sorted);
        foreach (var slot in sorted)
            action(state, _firstPage + (long)(slot >> FrameBits), (uint)slot - 1L);
    }

    private void AddToTable(uint page, uint value)
    {
        if (_used * 4 >= _slots.Length * 3 && Grow())
        {
            _dense![page] = Math.Max(_dense[page], value);
            return;
        }

        var slot = Slot(page);
        if (_slots[slot] == 0)
            _used++;
        _slots[slot] = Math.Max(_slots[slot], ((ulong)page << FrameBits) | value);
    }

    private int Slot(uint page)
    {
        var mask = _slots.Length - 1;
        var slot = (int)(page * 2654435769u >> 1) & mask;
        while (_slots[slot] != 0 && _slots[slot] >> FrameBits != page)
            slot = (slot + 1) & mask;
        return slot;
    }

    /// <returns>True when the frames moved to the array.</returns>
    private bool Grow()
    {
        var slots = Math.Max(FirstSlots, _slots.Length * 2);
        var old = _slots;
        var toDense = (long)slots * sizeof(ulong) * DenseFactor >= _pages * sizeof(uint);
        if (toDense)
            (_dense, _slots) = (new uint[_pages], []);
        else
            (_slots, _used) = (new ulong[slots], 0);
        foreach (var slot in old)
        {
            if (slot == 0)
                continue;
            var (page, value) = ((uint)(slot >> FrameBits), (uint)slot);
            if (toDense)
                _dense![page] = value;
            else
                AddToTable(page, value);
        }

        return toDense;
    }
}
