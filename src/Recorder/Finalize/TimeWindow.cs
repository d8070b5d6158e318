namespace Faultrec.Recorder.Finalize;

/// <summary>
/// Sorts a stream that is almost in order of time: items are added as they come and taken up to a watermark before
/// which nothing more can come. Items of the same time keep the order in which they were added.
/// </summary>
/// <remarks>
/// The input is a few ascending runs (one per CPU's ring), so sorting means merging runs, and items already sorted are touched only
/// from where the new ones begin.
/// </remarks>
internal sealed class TimeWindow<T>
{
    /// <summary>Faults are ordered by their start but arrive by their end: one that slept comes after some dozens that did not.</summary>
    private const int MaxJoinDistance = 128;

    private readonly List<int> _runs = [];
    private Entry[] _entries = new Entry[1024];
    private Entry[] _scratch = [];
    private int _sorted;
    private int _taken;
    private int _end;

    private struct Entry(long timeNs, in T item)
    {
        public long TimeNs = timeNs;
        public T Item = item;
    }

    /// <summary>Items added but not taken yet.</summary>
    public int Count => _end - _taken;

    /// <summary>Of them, those that came since the last <see cref="Sort"/>.</summary>
    public int Unsorted => _end - _sorted;

    /// <summary>Time of the next item, or <see cref="long.MaxValue"/>.</summary>
    public long NextTimeNs => _taken < _sorted ? _entries[_taken].TimeNs : long.MaxValue;

    public void Add(long timeNs, in T item)
    {
        if (_end == _entries.Length)
            MakeRoom();
        _entries[_end++] = new Entry(timeNs, item);
    }

    /// <summary>Makes everything that was added available to <see cref="Take"/>, in order.</summary>
    public void Sort()
    {
        SortRuns(_sorted, _end);
        if (_taken < _sorted && _sorted < _end)
            Merge(FirstAfter(_entries[_sorted].TimeNs), _sorted, _end);
        _sorted = _end;
    }

    /// <summary>The item of <see cref="NextTimeNs"/>, which must not be the last. Valid until the next <see cref="Add"/>.</summary>
    public ref readonly T Take() => ref _entries[_taken++].Item;

    /// <summary>Natural merge sort: each level halves the ascending runs of [from, to).</summary>
    private void SortRuns(int from, int to)
    {
        FindRuns(from, to);
        while (_runs.Count > 1)
        {
            var kept = 0;
            for (var i = 0; i < _runs.Count; i += 2)
            {
                if (i + 1 < _runs.Count)
                    Merge(_runs[i], _runs[i + 1], i + 2 < _runs.Count ? _runs[i + 2] : to);
                _runs[kept++] = _runs[i];
            }

            _runs.RemoveRange(kept, _runs.Count - kept);
        }
    }

    /// <summary>Where ascending runs begin. An item that is only a little late joins the run that it interrupts.</summary>
    private void FindRuns(int from, int to)
    {
        _runs.Clear();
        for (var i = from; i < to; i++)
        {
            if (_runs.Count > 0 && (_entries[i].TimeNs >= _entries[i - 1].TimeNs || TryJoin(_runs[^1], i)))
                continue;
            _runs.Add(i);
        }
    }

    private bool TryJoin(int run, int index)
    {
        var timeNs = _entries[index].TimeNs;
        var lowest = Math.Max(run, index - MaxJoinDistance);
        if (_entries[lowest].TimeNs > timeNs)
            return false;
        var place = index;
        while (_entries[place - 1].TimeNs > timeNs)
            place--;
        var entry = _entries[index];
        Array.Copy(_entries, place, _entries, place + 1, index - place);
        _entries[place] = entry;
        return true;
    }

    /// <summary>Merges the ascending [left, middle) and [middle, right).</summary>
    private void Merge(int left, int middle, int right)
    {
        var length = middle - left;
        if (_scratch.Length < length)
            _scratch = new Entry[Math.Max(length, 2 * _scratch.Length)];
        Array.Copy(_entries, left, _scratch, 0, length);
        var (first, second) = (0, middle);
        for (var to = left; first < length; to++)
        {
            var isSecond = second < right && _entries[second].TimeNs < _scratch[first].TimeNs;
            _entries[to] = isSecond ? _entries[second++] : _scratch[first++];
        }
    }

    /// <summary>Index of the first sorted entry that is later than <paramref name="timeNs"/>.</summary>
    private int FirstAfter(long timeNs)
    {
        var (low, high) = (_taken, _sorted);
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (_entries[middle].TimeNs <= timeNs)
                low = middle + 1;
            else
                high = middle;
        }

        return low;
    }

    /// <summary>Drops the items that were taken, or grows if that would free little.</summary>
    private void MakeRoom()
    {
        var rest = Count;
        var entries = rest > _entries.Length / 2 ? new Entry[_entries.Length * 2] : _entries;
        Array.Copy(_entries, _taken, entries, 0, rest);
        if (entries == _entries)
            Array.Clear(_entries, rest, _end - rest);
        (_entries, _sorted, _taken, _end) = (entries, _sorted - _taken, 0, rest);
    }
}
