namespace Faultrec.Recorder.Symbols;

/// <summary>The lines of a Python function's instructions.</summary>
/// <param name="Ranges">By ascending offset, in bytes: from here on, until the next; null: no line.</param>
internal sealed record PythonLines(IReadOnlyList<(uint Offset, int? Line)> Ranges)
{
    /// <summary>Of co_lnotab (before 3.10), or of co_linetable in the form of 3.10 or of 3.11 (CPython, Objects/lnotab_notes.txt,
    /// Objects/locations.md). A damaged or cut table ends where it cannot be read.</summary>
    public static PythonLines Make(int minor, int firstLine, ReadOnlySpan<byte> table)
    {
        var ranges = minor switch
        {
            < 10 => OfIncrements(firstLine, table),
            10 => OfRanges(firstLine, table),
            _ => OfLocations(firstLine, table),
        };
        return new PythonLines(ranges);
    }

    /// <summary>Null: the instruction belongs to no line, or lies beyond the table.</summary>
    public int? LineAt(uint offset)
    {
        int? line = null;
        foreach (var range in Ranges)
        {
            if (range.Offset > offset)
                break;
            line = range.Line;
        }

        return line;
    }

    // Pairs: bytes of code, and lines (signed) that follow them. The last line lasts until the end.
    private static List<(uint, int?)> OfIncrements(int line, ReadOnlySpan<byte> table)
    {
        var ranges = new List<(uint, int?)> { (0, line) };
        uint offset = 0;
        for (var i = 0; i + 1 < table.Length; i += 2)
        {
            offset += table[i];
            line += (sbyte)table[i + 1];
            ranges.Add((offset, line));
        }

        return ranges;
    }

    // Pairs: lines (signed) to add, and then bytes of code with that line; in the order of bytes, lines.
    private static List<(uint, int?)> OfRanges(int line, ReadOnlySpan<byte> table)
    {
        const sbyte noLine = -128;
        var ranges = new List<(uint, int?)>();
        uint offset = 0;
        for (var i = 0; i + 1 < table.Length; i += 2)
        {
            var change = (sbyte)table[i + 1];
            if (change != noLine)
                line += change;
            ranges.Add((offset, change == noLine ? null : line));
            offset += table[i];
        }

        ranges.Add((offset, null));
        return ranges;
    }

    // A first byte (bit 7; 4 bits of code; 3 of length - 1, in instructions of two bytes), then what the code says.
    private static List<(uint, int?)> OfLocations(int line, ReadOnlySpan<byte> table)
    {
        const int tenColumns = 10, oneLineLast = 12, noColumns = 13, longForm = 14, noLocation = 15;
        var ranges = new List<(uint, int?)>();
        uint offset = 0;
        for (var i = 0; i < table.Length && (table[i] & 0x80) != 0;)
        {
            var code = table[i] >> 3 & 15;
            var bytes = ((uint)(table[i] & 7) + 1) * 2;
            i++;
            if (code is noColumns or longForm)
                line += SignedAt(table, i);
            else if (code is >= tenColumns and <= oneLineLast)
                line += code - tenColumns;
            ranges.Add((offset, code == noLocation ? null : line));
            offset += bytes;
            while (i < table.Length && (table[i] & 0x80) == 0)
                i++;
        }

        ranges.Add((offset, null));
        return ranges;
    }

    // 6 bits a byte, the lowest first; bit 6: more follow. The lowest bit of the whole is the sign.
    private static int SignedAt(ReadOnlySpan<byte> table, int i)
    {
        var (value, shift) = (0u, 0);
        for (; i < table.Length && shift < 30; i++, shift += 6)
        {
            value |= (uint)(table[i] & 63) << shift;
            if ((table[i] & 64) == 0)
                break;
        }

        return (value & 1) != 0 ? -(int)(value >> 1) : (int)(value >> 1);
    }
}
