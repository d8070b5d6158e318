namespace Faultrec.Replay;

/// <summary>A range of the engine's memory and the region that it stands for.</summary>
/// <param name="End">Exclusive.</param>
internal readonly record struct Piece(ulong Start, ulong End, ReplayedRegion Region);

/// <summary>The regions of one process as the engine has them mapped: pieces in order, without overlaps.</summary>
internal sealed class AddressMap
{
    private readonly List<Piece> _pieces = [];
    private int _last;

    public IReadOnlyList<Piece> Pieces => _pieces;

    public AddressMap Fork()
    {
        var child = new AddressMap();
        child._pieces.AddRange(_pieces);
        return child;
    }

    public Piece? At(ulong address)
    {
        if (_last < _pieces.Count && Holds(_pieces[_last], address))
            return _pieces[_last];
        var index = FirstEndingAfter(address);
        if (index == _pieces.Count || !Holds(_pieces[index], address))
            return null;
        _last = index;
        return _pieces[index];
    }

    /// <summary>Whole pieces that overlap the range.</summary>
    public List<Piece> Within(ulong start, ulong end)
    {
        var index = FirstEndingAfter(start);
        var count = 0;
        while (index + count < _pieces.Count && _pieces[index + count].Start < end)
            count++;
        return _pieces.GetRange(index, count);
    }

    /// <summary>Puts a piece over whatever was there; null: removes it.</summary>
    public void Set(ulong start, ulong end, ReplayedRegion? region)
    {
        var index = FirstEndingAfter(start);
        var over = Within(start, end);
        _pieces.RemoveRange(index, over.Count);
        var left = new List<Piece>(3);
        if (over.Count > 0 && over[0].Start < start)
            left.Add(over[0] with { End = start });
        if (region is not null)
            left.Add(new Piece(start, end, region));
        if (over.Count > 0 && over[^1].End > end)
            left.Add(over[^1] with { Start = end });
        _pieces.InsertRange(index, left);
    }

    private static bool Holds(Piece piece, ulong address) => piece.Start <= address && address < piece.End;

    private int FirstEndingAfter(ulong address)
    {
        var (low, high) = (0, _pieces.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_pieces[middle].End > address)
                high = middle;
            else
                low = middle + 1;
        }

        return low;
    }
}
