namespace Faultrec.Recorder.Finalize;

/// <summary>
/// Puts a stream that is almost in order of time into order: items are added as they come and taken up to a watermark before
/// which nothing more can come.
/// </summary>
internal sealed class TimeWindow<T>
{
    private long[] _keys = new long[1024];
    private int[] _order = new int[1024];
    private T[] _items = new T[1024];
    private int _sorted;
    private int _taken;

    public int Count { get; private set; }

    public void Add(long timeNs, in T item)
    {
        if (Count == _items.Length)
            Grow();
        _keys[Count] = timeNs;
        _items[Count] = item;
        Count++;
    }

    /// <summary>Sorts what was added. Until the next <see cref="Compact"/>, <see cref="TryTake"/> gives items in order.</summary>
    public void Sort()
    {
        for (var i = 0; i < Count; i++)
            _order[i] = i;
        if (!IsSorted())
            Array.Sort(_keys, _order, 0, Count);
        (_sorted, _taken) = (Count, 0);
    }

    /// <summary>Time of the next item, or <see cref="long.MaxValue"/>.</summary>
    public long NextTimeNs => _taken < _sorted ? _keys[_taken] : long.MaxValue;

    public ref readonly T Take() => ref _items[_order[_taken++]];

    /// <summary>Forgets what was taken and keeps the rest, in order.</summary>
    public void Compact()
    {
        var rest = Count - _taken;
        var kept = new T[rest];
        for (var i = 0; i < rest; i++)
            kept[i] = _items[_order[_taken + i]];
        Array.Copy(_keys, _taken, _keys, 0, rest);
        if (Count > rest)
            Array.Clear(_items, rest, Count - rest);
        kept.CopyTo(_items, 0);
        (Count, _sorted, _taken) = (rest, 0, 0);
    }

    private bool IsSorted()
    {
        for (var i = 1; i < Count; i++)
        {
            if (_keys[i] < _keys[i - 1])
                return false;
        }
        return true;
    }

    private void Grow()
    {
        Array.Resize(ref _keys, Count * 2);
        Array.Resize(ref _order, Count * 2);
        Array.Resize(ref _items, Count * 2);
    }
}
