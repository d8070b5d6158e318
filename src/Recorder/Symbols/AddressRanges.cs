using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Symbols;

/// <summary>Which DIE covers an address: compile units of a file, or functions of a unit.</summary>
internal sealed class AddressRanges
{
    /// <summary>No real program has more.</summary>
    private const int MaxRanges = 4 << 20;

    /// <summary>Most ranges examined for one address; valid ones overlap only if a function lies in another.</summary>
    private const int MaxSteps = 64;

    private readonly List<(ulong Start, ulong End, ulong Die)> _ranges = [];
    private ulong[]? _highestEnds;

    public bool IsFull => _ranges.Count >= MaxRanges;

    /// <summary>Adds all ranges of a DIE; none if it has no address.</summary>
    /// <param name="isCode">What a linker threw away has addresses that no code has.</param>
    // SAFETY: the DIE is a local of the caller, whose Dwarf is open; libdw writes into locals.
    public unsafe void Add(Libdw.Die* die, Func<ulong, bool> isCode)
    {
        ulong rangeBase, start, end;
        nint offset = 0;
        while (!IsFull && (offset = Libdw.Ranges(die, offset, &rangeBase, &start, &end)) > 0)
        {
            if (start < end && isCode(start))
                _ranges.Add((start, end, Libdw.DieOffset(die)));
        }
    }

    /// <summary>To be called after the last range was added.</summary>
    /// <returns>Offset in .debug_info of the DIE whose range begins nearest before the address and covers it; null: there is none.</returns>
    public ulong? Find(ulong address)
    {
        var highestEnds = _highestEnds ??= Sort();
        var low = CountUntil(address);
        for (var i = low - 1; i >= 0 && i >= low - MaxSteps && highestEnds[i] > address; i--)
        {
            if (_ranges[i].End > address)
                return _ranges[i].Die;
        }

        return null;
    }

    /// <summary>To be called after the last range was added.</summary>
    /// <returns>Whether any range has an address in common with this one, which is not empty.</returns>
    public bool Overlap(ulong start, ulong end)
    {
        var highestEnds = _highestEnds ??= Sort();
        return CountUntil(end - 1) is > 0 and var count && highestEnds[count - 1] > start;
    }

    /// <returns>How many ranges start at or before the address.</returns>
    private int CountUntil(ulong address) => Sorted.CountUntil(CollectionsMarshal.AsSpan(_ranges), address, range => range.Start);

    private ulong[] Sort()
    {
        _ranges.Sort();
        var highestEnds = new ulong[_ranges.Count];
        var highest = 0UL;
        for (var i = 0; i < highestEnds.Length; i++)
            highestEnds[i] = highest = Math.Max(highest, _ranges[i].End);
        return highestEnds;
    }
}
