using System.Globalization;
using System.Text;
using Faultrec.Recorder.Spool;

namespace Faultrec.Recorder.Marks;

/// <summary>
/// Bytes as they come from the pipe, taken apart: a line is a mark, "NAME" or "@TIME NAME" with the time of CLOCK_MONOTONIC in ns. Anybody may write
/// anything: of a line only the beginning is kept, and its name is cleaned.
/// </summary>
internal sealed class MarkLines
{
    /// <summary>Of a name, in UTF-8.</summary>
    public const int MostNameBytes = 64;

    /// <summary>Of a mark without a name.</summary>
    public const string NoName = "mark";

    /// <summary>Of a line: a time and a name, and some room for what is cleaned away.</summary>
    private const int MostLineBytes = 256;

    private readonly byte[] _line = new byte[MostLineBytes];
    private int _length;
    private long? _begunNs;

    /// <param name="nowNs">The time of marks that do not have their own.</param>
    public void Add(ReadOnlySpan<byte> bytes, long nowNs, List<SpooledMark> marks)
    {
        for (int end; (end = bytes.IndexOf((byte)'\n')) >= 0; bytes = bytes[(end + 1)..])
        {
            Keep(bytes[..end]);
            marks.Add(Take(_begunNs ?? nowNs));
        }

        if (bytes.Length > 0)
            _begunNs ??= nowNs;
        Keep(bytes);
    }

    /// <summary>A last line that has no end is a mark, too.</summary>
    public void End(List<SpooledMark> marks)
    {
        if (_begunNs is { } begunNs)
            marks.Add(Take(begunNs));
    }

    /// <summary>The name as marks have it: no control characters, single spaces, at most <see cref="MostNameBytes"/>.</summary>
    public static string Clean(string name)
    {
        var clean = new StringBuilder();
        var (bytes, hasGap) = (0, false);
        foreach (var rune in name.EnumerateRunes())
        {
            if (Rune.IsWhiteSpace(rune) || IsInvisible(rune))
            {
                hasGap = clean.Length > 0;
                continue;
            }

            bytes += rune.Utf8SequenceLength + (hasGap ? 1 : 0);
            if (bytes > MostNameBytes)
                break;
            if (hasGap)
                clean.Append(' ');
            clean.Append(rune);
            hasGap = false;
        }

        return clean.Length == 0 ? NoName : clean.ToString();
    }

    private static bool IsInvisible(Rune rune)
        => Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned;

    private void Keep(ReadOnlySpan<byte> bytes)
    {
        bytes = bytes[..Math.Min(bytes.Length, MostLineBytes - _length)];
        bytes.CopyTo(_line.AsSpan(_length));
        _length += bytes.Length;
    }

    private SpooledMark Take(long nowNs)
    {
        var text = Encoding.UTF8.GetString(_line, 0, _length);
        (_length, _begunNs) = (0, null);
        if (text.StartsWith('@') && text.Split(' ', 2) is var parts
            && long.TryParse(parts[0].AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out var timeNs))
        {
            return new SpooledMark(timeNs, Clean(parts.Length > 1 ? parts[1] : ""));
        }

        return new SpooledMark(nowNs, Clean(text));
    }
}
