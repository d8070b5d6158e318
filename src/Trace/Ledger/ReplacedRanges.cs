namespace Faultrec.Traces.Ledger;

/// <summary>
/// What the last mapping records of an address space have covered. mmap(2) at a fixed address gives back what was there, and the record of
/// the new mapping comes before the end of the call: this is all that is left of the old one then.
/// </summary>
internal sealed class ReplacedRanges
{
    /// <summary>A call ends microseconds after its record: only other threads' records come between. Older ranges were no such call's.</summary>
    private const int Remembered = 64;

    private readonly List<(ulong Start, ulong End, long TimeNs)> _ranges = []; // the newest is last

    /// <summary>A mapping record of [start, end).</summary>
    /// <param name="covered">What was mapped there, in order of address.</param>
    public void Note(ulong start, ulong end, long timeNs, IEnumerable<(ulong Start, ulong End)> covered)
    {
        _ranges.RemoveAll(range => range.Start < end && start < range.End);
        _ranges.AddRange(covered.Select(range => (range.Start, range.End, timeNs)));
        if (_ranges.Count > Remembered)
            _ranges.RemoveRange(0, _ranges.Count - Remembered);
    }

    /// <summary>What was replaced in [start, end), in order of address, and when; it is known only once.</summary>
    public List<(ulong Start, ulong End, long TimeNs)> Take(ulong start, ulong end)
    {
        var taken = _ranges.Where(range => range.Start < end && start < range.End)
            .Select(range => (Math.Max(range.Start, start), Math.Min(range.End, end), range.TimeNs))
            .Order()
            .ToList();
        _ranges.RemoveAll(range => range.Start < end && start < range.End);
        return taken;
    }

    public void Clear() => _ranges.Clear();
}
