namespace Faultrec.Recorder.Symbols;

/// <summary>A piece of code that a program generated at run time.</summary>
/// <param name="End">Exclusive.</param>
/// <param name="FromNs">When it was made, on CLOCK_MONOTONIC; <see cref="long.MinValue"/>: not known, it counts as always there.</param>
/// <param name="Lines">Where lines begin, by ascending address; null: not told.</param>
internal sealed record JitCode(ulong Start, ulong End, long FromNs, string Name, IReadOnlyList<JitLine>? Lines = null);

internal readonly record struct JitLine(ulong Address, string File, int Line);

/// <summary>All generated code of a process. If addresses were reused, the newest code counts.</summary>
internal sealed class JitCodeTable
{
    /// <summary>Most pieces of code; a file that claims more is not trusted.</summary>
    public const int MaxCodes = 1 << 20;

    /// <summary>No compiler makes a piece this large, and every look-up would have to examine it.</summary>
    public const ulong MaxCodeBytes = 64 << 20;

    /// <summary>Most pieces that overlap at one address; code at an address that was reused more often gets no name.</summary>
    private const int MaxSteps = 4096;

    private readonly JitCode[] _codes;
    private readonly int[] _orders;
    private readonly ulong[] _highestEnds;
    private readonly long[] _times;

    /// <param name="codes">In the order in which they were made.</param>
    public JitCodeTable(IReadOnlyList<JitCode> codes)
    {
        _orders = [.. Enumerable.Range(0, codes.Count).OrderBy(i => codes[i].Start).ThenBy(i => i)];
        _codes = [.. _orders.Select(i => codes[i])];
        _highestEnds = new ulong[_codes.Length];
        var highest = 0UL;
        for (var i = 0; i < _codes.Length; i++)
            _highestEnds[i] = highest = Math.Max(highest, _codes[i].End);
        _times = [.. codes.Select(code => code.FromNs).Where(time => time != long.MinValue).Distinct().Order()];
    }

    public int Count => _codes.Length;

    /// <summary>Another number whenever code was made between two times.</summary>
    public int VersionAt(long timeNs)
    {
        var index = Array.BinarySearch(_times, timeNs);
        return index >= 0 ? index + 1 : ~index;
    }

    /// <summary>The code at an address at a time.</summary>
    public JitCode? Find(ulong address, long timeNs)
    {
        var found = -1;
        var steps = 0;
        for (var i = LastStartingAtOrBelow(address); i >= 0 && _highestEnds[i] > address; i--)
        {
            if (++steps > MaxSteps)
                return null;
            if (_codes[i].End > address && _codes[i].FromNs <= timeNs && (found < 0 || IsLater(i, found)))
                found = i;
        }

        return found < 0 ? null : _codes[found];
    }

    private bool IsLater(int i, int other)
        => (_codes[i].FromNs, _orders[i]).CompareTo((_codes[other].FromNs, _orders[other])) > 0;

    private int LastStartingAtOrBelow(ulong address) => Sorted.CountUntil(_codes, address, code => code.Start) - 1;
}
