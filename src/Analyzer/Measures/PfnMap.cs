namespace Faultrec.Analyzer.Measures;

/// <summary>
/// Physical frame of each page of one region, as one thread of a scan sees it. Like <see cref="PageSet"/> it starts as a hash table
/// and soon becomes a plain array, which all threads share: at most four bytes per page of the region, and less than three hundred per
/// page that has a frame. A page that had several frames keeps the one with the highest number, so that the order
/// of faults does not matter.
/// </summary>
internal sealed class PfnMap
{
    private const int FirstSlots = 4;
    private const int FrameBits = 32;
    private const int BlockPages = 512;

    // Up to this many times the table's size an array is still better: it needs no search and no sorting, and there is only one.
    private const int DenseFactor = 16;

    private readonly PfnArray _shared;

    // The shared one, once this thread writes into it.
    private uint[]? _dense;

    // Open addressing, linear probing: page of the region in the high half, frame + 1 in the low one; 0 = empty slot.
    private ulong[] _slots = [];
    private int _used;

    public PfnMap(PfnArray shared)
    {
        _shared = shared;
        if (shared.Pages <= FirstSlots * 2)
            _dense = shared.Open();
    }

    /// <param name="frame">Not negative; above 2^32 − 2 (16 TiB of memory) it is not kept.</param>
    public void Add(long page, long frame)
    {
        var relative = page - _shared.FirstPage;
        if ((ulong)relative >= (ulong)_shared.Pages || frame >= uint.MaxValue)
            return;
        var value = (uint)frame + 1;
        if (_dense is { } dense)
            PfnArray.Raise(ref dense[relative], value);
        else
            AddToTable((uint)relative, value);
    }

    /// <param name="other">Of the same region and the same array.</param>
    public void Merge(PfnMap other)
    {
        if (other._dense is not null && _dense is null)
            BecomeDense();
        foreach (var slot in other._slots)
        {
            if (slot != 0)
                Add(_shared.FirstPage + (long)(slot >> FrameBits), (uint)slot - 1L);
        }
    }

    /// <summary>Calls <paramref name="action"/> with page and frame of each page that has one, by page; after all threads are merged.</summary>
    public void ForEach<TState>(TState state, Action<TState, long, long> action)
    {
        if (_dense is not null)
        {
            // With a filter, few pages of a large region remain.
            for (var block = 0; block < _dense.Length; block += BlockPages)
            {
                var end = Math.Min(block + BlockPages, _dense.Length);
                if (!_dense.AsSpan(block, end - block).ContainsAnyExcept(0u))
                    continue;
                for (var i = block; i < end; i++)
                {
                    if (_dense[i] != 0)
                        action(state, _shared.FirstPage + i, _dense[i] - 1L);
                }
            }

            return;
        }

        var sorted = Array.FindAll(_slots, slot => slot != 0);
        Array.Sort(sorted);
        foreach (var slot in sorted)
            action(state, _shared.FirstPage + (long)(slot >> FrameBits), (uint)slot - 1L);
    }

    private void AddToTable(uint page, uint value)
    {
        if (_used * 4 >= _slots.Length * 3 && Grow())
        {
            PfnArray.Raise(ref _dense![page], value);
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
        if (_shared.Pages <= Array.MaxLength && (long)slots * sizeof(ulong) * DenseFactor >= _shared.Pages * sizeof(uint))
        {
            BecomeDense();
            return true;
        }

        var old = _slots;
        (_slots, _used) = (new ulong[slots], 0);
        foreach (var slot in old)
        {
            if (slot != 0)
                AddToTable((uint)(slot >> FrameBits), (uint)slot);
        }

        return false;
    }

    private void BecomeDense()
    {
        _dense = _shared.Open();
        foreach (var slot in _slots)
        {
            if (slot != 0)
                PfnArray.Raise(ref _dense[slot >> FrameBits], (uint)slot);
        }

        _slots = [];
    }
}

/// <summary>Frame + 1 by page of one region, 0 if none is known: created when the first thread of a scan needs it, and written by all.</summary>
/// <param name="pages">Pages of the region; beyond 2^32 they are not kept.</param>
internal sealed class PfnArray(long firstPage, long pages)
{
    private readonly Lock _gate = new();
    private uint[]? _frames;

    public long FirstPage => firstPage;

    public long Pages { get; } = Math.Min(pages, uint.MaxValue);

    public uint[] Open()
    {
        // Two threads must not both create one: it can be most of the memory of a report.
        lock (_gate)
            return _frames ??= new uint[Pages];
    }

    /// <summary>Writes <paramref name="value"/> if it is the largest so far; another thread may do the same.</summary>
    public static void Raise(ref uint slot, uint value)
    {
        var seen = Volatile.Read(ref slot);
        while (value > seen)
        {
            var found = Interlocked.CompareExchange(ref slot, value, seen);
            if (found == seen)
                return;
            seen = found;
        }
    }
}
