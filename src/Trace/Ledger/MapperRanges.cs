namespace Faultrec.Traces.Ledger;

/// <summary>A part of an address space that one system call reserved.</summary>
/// <param name="Stack">Node of the call's stack; null: it has none.</param>
/// <param name="IsInaccessible">Reserved with PROT_NONE: whoever makes it accessible is the one who takes it into use.</param>
internal readonly record struct MapperRange(ulong Start, ulong End, int? Stack, bool IsInaccessible);

/// <summary>
/// Who reserved which part of an address space. Kept by address and not by region, because the kernel makes one mapping of neighbours
/// that different code has asked for: a heap is one region, and each brk(2) added a part of it. Neighbours with the same stack are one
/// range, so that a loop that grows the heap a hundred thousand times has one.
/// </summary>
internal sealed class MapperRanges
{
    /// <summary>Beyond it new ranges are not remembered: 1.5 MB a process at most.</summary>
    private const int MaxRanges = 65_536;

    private readonly List<MapperRange> _ranges = []; // sorted by Start, disjoint

    /// <summary>Ranges that found no room.</summary>
    public long Forgotten { get; private set; }

    public IReadOnlyList<MapperRange> All => _ranges;

    /// <returns>Null: nobody that is known.</returns>
    public int? At(ulong address) => IndexAt(address) is >= 0 and var index ? _ranges[index].Stack : null;

    public void Set(ulong start, ulong end, int? stack, bool isInaccessible = false)
    {
        if (start >= end)
            return;
        Clear(start, end);
        if (stack is null && !isInaccessible)
            return;
        if (_ranges.Count >= MaxRanges)
        {
            Forgotten++;
            return;
        }

        var at = FirstEndingBehind(start);
        var range = new MapperRange(start, end, stack, isInaccessible);
        if (at < _ranges.Count && IsContinued(range, _ranges[at]))
        {
            range = range with { End = _ranges[at].End };
            _ranges.RemoveAt(at);
        }

        if (at > 0 && IsContinued(_ranges[at - 1], range))
            _ranges[at - 1] = _ranges[at - 1] with { End = range.End };
        else
            _ranges.Insert(at, range);
    }

    /// <summary>mprotect(2) gave access: what was reserved without it comes into use.</summary>
    public void TakeIntoUse(ulong start, ulong end, int? stack)
    {
        var reserved = new List<MapperRange>();
        for (var i = FirstEndingBehind(start); i < _ranges.Count && _ranges[i].Start < end; i++)
        {
            if (_ranges[i].IsInaccessible)
                reserved.Add(_ranges[i]);
        }

        foreach (var range in reserved)
            Set(Math.Max(range.Start, start), Math.Min(range.End, end), stack);
    }

    public void Clear(ulong start, ulong end)
    {
        if (start >= end)
            return;
        var first = FirstEndingBehind(start);
        var last = first;
        MapperRange? left = null, right = null;
        for (; last < _ranges.Count && _ranges[last].Start < end; last++)
        {
            if (_ranges[last].Start < start)
                left = _ranges[last] with { End = start };
            if (_ranges[last].End > end)
                right = _ranges[last] with { Start = end };
        }

        _ranges.RemoveRange(first, last - first);
        if (right is { } r)
            _ranges.Insert(first, r);
        if (left is { } l)
            _ranges.Insert(first, l);
    }

    public void ClearAll()
    {
        _ranges.Clear();
        _ranges.TrimExcess();
    }

    public void CopyTo(MapperRanges other)
    {
        other.ClearAll();
        other._ranges.AddRange(_ranges);
    }

    private static bool IsContinued(MapperRange range, MapperRange next)
        => range.End == next.Start && range.Stack == next.Stack && range.IsInaccessible == next.IsInaccessible;

    private int IndexAt(ulong address)
    {
        var index = FirstEndingBehind(address);
        return index < _ranges.Count && _ranges[index].Start <= address ? index : -1;
    }

    private int FirstEndingBehind(ulong address)
    {
        var (low, high) = (0, _ranges.Count);
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (_ranges[middle].End <= address)
                low = middle + 1;
            else
                high = middle;
        }

        return low;
    }
}
