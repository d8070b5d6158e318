using System.Runtime.CompilerServices;

namespace Faultrec.Analyzer.Measures;

/// <summary>
/// A value for each page of one region, created when it is first used. Like <see cref="PfnMap"/> it begins as a hash table and soon becomes
/// an array over the region.
/// </summary>
internal sealed class PageMap<T>
    where T : unmanaged
{
    private const int FirstSlots = 8;

    // Up to this many times the table's size an array is still better: it needs no search.
    private const int DenseFactor = 4;

    private readonly long _firstPage;
    private readonly long _pages;
    private T[]? _dense;

    // Open addressing, linear probing, a power-of-two number of slots: page + 1, 0 = empty.
    private long[] _keys = new long[FirstSlots];
    private T[] _values = new T[FirstSlots];
    private int _used;

    /// <param name="pages">Pages of the region; 0 when it has no known range. Pages outside are kept too.</param>
    public PageMap(long firstPage, long pages)
    {
        _firstPage = firstPage;
        _pages = pages;
        if (pages is > 0 and <= FirstSlots * 2)
            _dense = new T[pages];
    }

    /// <summary>The page's value, default(T) at first; valid until the next call.</summary>
    public ref T this[long page]
    {
        get
        {
            var place = page - _firstPage;
            if (_dense is { } dense && (ulong)place < (ulong)dense.Length)
                return ref dense[place];
            var slot = Slot(page + 1);
            if (_keys[slot] == page + 1)
                return ref _values[slot];
            if (_used * 4 >= _keys.Length * 3)
            {
                Grow();
                return ref this[page];
            }

            _keys[slot] = page + 1;
            _used++;
            return ref _values[slot];
        }
    }

    private int Slot(long key)
    {
        var mask = _keys.Length - 1;
        var slot = (int)((ulong)(key * -7046029254386353131L) >> 32) & mask;
        while (_keys[slot] != 0 && _keys[slot] != key)
            slot = (slot + 1) & mask;
        return slot;
    }

    private void Grow()
    {
        var slots = _keys.Length * 2;
        if (_dense is null && _pages > 0 && (long)slots * (sizeof(long) + Unsafe.SizeOf<T>()) * DenseFactor >= _pages * Unsafe.SizeOf<T>())
            _dense = new T[_pages];
        var (keys, values) = (_keys, _values);
        (_keys, _values, _used) = (new long[slots], new T[slots], 0);
        for (var i = 0; i < keys.Length; i++)
        {
            if (keys[i] != 0)
                this[keys[i] - 1] = values[i];
        }

        if (_dense is not null && _used == 0)
            (_keys, _values) = (new long[FirstSlots], new T[FirstSlots]);
    }
}
