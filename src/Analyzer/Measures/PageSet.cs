using System.Numerics;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Measures;

/// <summary>
/// Exact set of page numbers of one region, one bit per page, mergeable. It starts as a hash table of 64-page words, so that a few
/// pages of a huge mapping cost little, and turns into a plain bitmap over the region once that is smaller: memory
/// is bounded by distinct pages, never by faults, and by one bit per page of the region.
/// </summary>
internal sealed class PageSet
{
    private const int WordShift = 6;
    private const int FirstSlots = 4;
    private const int BytesPerSlot = 2 * sizeof(long);

    private readonly long _baseWord;
    private readonly long _rangeWords;
    private ulong[]? _dense;

    // Open addressing, linear probing, a power-of-two number of slots; bits 0 = empty slot.
    private long[] _keys = [];
    private ulong[] _bits = [];
    private int _used;

    /// <param name="firstPage">First page number of the region.</param>
    /// <param name="pages">Pages of the region; 0 when it has no known range. Pages outside are kept too.</param>
    public PageSet(long firstPage, long pages)
    {
        _baseWord = firstPage >> WordShift;
        _rangeWords = pages <= 0 ? 0 : ((firstPage + pages - 1) >> WordShift) - _baseWord + 1;
        if (_rangeWords is > 0 and <= FirstSlots * 2)
            _dense = new ulong[_rangeWords];
    }

    /// <summary>For pages of this region; null: no known mapping.</summary>
    public static PageSet Of(Region? region, int pageShift)
        => region is not null && region.End > region.Start
            ? new PageSet((long)(region.Start >> pageShift), (long)((region.End - region.Start) >> pageShift))
            : new PageSet(0, 0);

    /// <summary>Distinct pages added.</summary>
    public long Count { get; private set; }

    /// <summary>Smallest page added; meaningless when empty, as <see cref="Last"/> is.</summary>
    public long First { get; private set; } = long.MaxValue;

    public long Last { get; private set; } = long.MinValue;

    /// <returns>False if the page was already in the set.</returns>
    public bool Add(long page)
    {
        var word = page >> WordShift;
        ref var bits = ref Word(word);
        var bit = 1UL << (int)(page & 63);
        if ((bits & bit) != 0)
            return false;
        bits |= bit;
        Count++;
        if (page < First)
            First = page;
        if (page > Last)
            Last = page;
        return true;
    }

    /// <summary>64 pages at a time: number of the first page, and one bit per page, lowest first. In no order.</summary>
    public IEnumerable<(long FirstPage, ulong Pages)> Words()
    {
        for (var i = 0; i < (_dense?.Length ?? 0); i++)
        {
            if (_dense![i] != 0)
                yield return ((_baseWord + i) << WordShift, _dense[i]);
        }

        for (var i = 0; i < _bits.Length; i++)
        {
            if (_bits[i] != 0)
                yield return (_keys[i] << WordShift, _bits[i]);
        }
    }

    public void Merge(PageSet other)
    {
        if (other._dense is not null)
        {
            for (var i = 0; i < other._dense.Length; i++)
                AddWord(other._baseWord + i, other._dense[i]);
        }

        for (var i = 0; i < other._bits.Length; i++)
            AddWord(other._keys[i], other._bits[i]);
        First = Math.Min(First, other.First);
        Last = Math.Max(Last, other.Last);
    }

    private void AddWord(long word, ulong added)
    {
        if (added == 0)
            return;
        ref var bits = ref Word(word);
        Count += BitOperations.PopCount(added & ~bits);
        bits |= added;
    }

    // The caller must set a bit in the word it gets: a slot without bits counts as empty.
    private ref ulong Word(long word)
    {
        var relative = (ulong)(word - _baseWord);
        if (_dense is not null && relative < (ulong)_dense.Length)
            return ref _dense[relative];
        if (_used * 4 >= _keys.Length * 3 && Grow() && relative < (ulong)_rangeWords)
            return ref _dense![relative];
        var slot = Slot(word);
        if (_bits[slot] == 0)
        {
            _keys[slot] = word;
            _used++;
        }

        return ref _bits[slot];
    }

    private int Slot(long word)
    {
        var mask = _keys.Length - 1;
        var slot = (int)((ulong)(word * -7046029254386353131L) >> 32) & mask;
        while (_bits[slot] != 0 && _keys[slot] != word)
            slot = (slot + 1) & mask;
        return slot;
    }

    /// <returns>True when the words of the region moved to the bitmap.</returns>
    private bool Grow()
    {
        var slots = Math.Max(FirstSlots, _keys.Length * 2);
        var toDense = _dense is null && _rangeWords > 0 && (long)slots * BytesPerSlot >= _rangeWords * sizeof(ulong);
        if (toDense)
            _dense = new ulong[_rangeWords];
        var (keys, bits) = (_keys, _bits);
        (_keys, _bits, _used) = (new long[slots], new ulong[slots], 0);
        for (var i = 0; i < keys.Length; i++)
        {
            if (bits[i] != 0)
                Word(keys[i]) = bits[i];
        }

        if (toDense && _used == 0)
            (_keys, _bits) = (new long[FirstSlots], new ulong[FirstSlots]);
        return toDense;
    }
}
