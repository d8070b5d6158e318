namespace Faultrec.Analyzer.Measures;

/// <summary>Pages from one fault to the next, and the number of steps of this length.</summary>
internal readonly record struct Stride(long Pages, long Steps);

/// <summary>
/// Which steps are frequent, in bounded memory: exact for up to <see cref="Limit"/> different ones. With more it is the count of Misra and Gries
/// (Finding repeated elements, 1982): if a new step finds no room, all counts go down, so a count is too low by at most n / (Limit + 1) of n steps.
/// </summary>
internal sealed class StrideCounts
{
    public const int Limit = 1024;

    private const int FirstSlots = 4;

    // Open addressing, linear probing, a power of two of slots, at most half of them in use; steps 0 = empty slot.
    private Stride[] _slots = new Stride[FirstSlots];
    private int _used;

    public void Add(long pages, long steps)
    {
        while (steps > 0)
        {
            var slot = Slot(pages);
            if (_slots[slot].Steps == 0)
            {
                if (_used == Limit)
                {
                    steps -= MakeRoom(steps);
                    continue;
                }

                if (++_used * 2 > _slots.Length)
                {
                    Rebuild(_slots.Length * 2, 0);
                    slot = Slot(pages);
                }
            }

            _slots[slot] = new Stride(pages, _slots[slot].Steps + steps);
            return;
        }
    }

    /// <summary>Most frequent first, the shorter of equals.</summary>
    public List<Stride> Top(int most)
        => [.. _slots.Where(stride => stride.Steps > 0)
            .OrderByDescending(stride => stride.Steps).ThenBy(stride => Int128.Abs(stride.Pages)).ThenByDescending(stride => stride.Pages).Take(most)];

    private int Slot(long pages)
    {
        var mask = _slots.Length - 1;
        var slot = (int)((ulong)(pages * -7046029254386353131L) >> 32) & mask;
        while (_slots[slot].Steps != 0 && _slots[slot].Pages != pages)
            slot = (slot + 1) & mask;
        return slot;
    }

    /// <summary>Subtracts the smallest count, at most <paramref name="steps"/>, from every count.</summary>
    private long MakeRoom(long steps)
    {
        var taken = steps;
        foreach (var stride in _slots)
        {
            if (stride.Steps > 0)
                taken = Math.Min(taken, stride.Steps);
        }

        Rebuild(_slots.Length, taken);
        _used = _slots.Count(stride => stride.Steps > 0);
        return taken;
    }

    private void Rebuild(int slots, long taken)
    {
        var old = _slots;
        _slots = new Stride[slots];
        foreach (var stride in old)
        {
            if (stride.Steps > taken)
                _slots[Slot(stride.Pages)] = new Stride(stride.Pages, stride.Steps - taken);
        }
    }
}
