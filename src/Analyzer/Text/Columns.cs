using System.Text;

namespace Faultrec.Analyzer.Text;

/// <summary>Text cut and padded to terminal columns.</summary>
internal static class Columns
{
    /// <summary>Columns that the text takes in a terminal; <paramref name="text"/> has no control characters.</summary>
    public static int Width(string text)
    {
        var width = 0;
        foreach (var rune in text.EnumerateRunes())
            width += Width(rune);
        return width;
    }

    public static string PadRight(string text, int width) => text + new string(' ', Math.Max(0, width - Width(text)));

    public static string PadLeft(string text, int width) => new string(' ', Math.Max(0, width - Width(text))) + text;

    /// <summary>A path loses its first folders, other text its middle.</summary>
    public static string Cut(string text, int width)
    {
        if (!text.StartsWith('/') || Width(text) <= width)
            return CutMiddle(text, width);
        var (tail, room) = (text.Length, width - 1);
        foreach (var rune in text.EnumerateRunes().Reverse())
        {
            if (Width(rune) > room)
                break;
            room -= Width(rune);
            tail -= rune.Utf16SequenceLength;
        }

        return "…" + text[tail..];
    }

    /// <summary>Cuts out of the middle, because both ends of a path or an address range say most.</summary>
    public static string CutMiddle(string text, int width)
    {
        if (Width(text) <= width)
            return text;
        var runes = new List<Rune>(text.Length);
        foreach (var rune in text.EnumerateRunes())
            runes.Add(rune);
        var (head, tail, room) = (0, runes.Count, width - 1);
        while (head < tail)
        {
            // The tail gets the odd column: a file's name matters more than its root.
            var takeTail = runes.Count - tail <= head;
            var cells = Width(takeTail ? runes[tail - 1] : runes[head]);
            if (cells > room)
                break;
            room -= cells;
            if (takeTail)
                tail--;
            else
                head++;
        }

        var builder = new StringBuilder();
        for (var i = 0; i < head; i++)
            builder.Append(runes[i]);
        builder.Append('…');
        for (var i = tail; i < runes.Count; i++)
            builder.Append(runes[i]);
        return builder.ToString();
    }

    /// <summary>Breaks at spaces; a word longer than a line is cut in its middle.</summary>
    public static IEnumerable<string> Wrap(string text, int width)
    {
        var line = new StringBuilder();
        var used = 0;
        foreach (var word in text.Split(' '))
        {
            var shown = CutMiddle(word, width);
            var cells = Width(shown);
            if (used > 0 && used + 1 + cells > width)
            {
                yield return line.ToString();
                line.Clear();
                used = 0;
            }

            if (used > 0)
                line.Append(' ');
            line.Append(shown);
            used += cells + (used > 0 ? 1 : 0);
        }

        if (used > 0)
            yield return line.ToString();
    }

    // East Asian wide and emoji blocks (Unicode TR11), coarse: the price of a mistake is a shifted column.
    private static int Width(Rune rune) => rune.Value switch
    {
        < 0x1100 => 1,
        <= 0x115f or (>= 0x2e80 and <= 0xa4cf) or (>= 0xac00 and <= 0xd7a3) or (>= 0xf900 and <= 0xfaff) => 2,
        (>= 0xfe30 and <= 0xfe6f) or (>= 0xff00 and <= 0xff60) or (>= 0xffe0 and <= 0xffe6) or (>= 0x1f300 and <= 0x1faff) or (>= 0x20000 and <= 0x3fffd) => 2,
        _ => 1,
    };
}
