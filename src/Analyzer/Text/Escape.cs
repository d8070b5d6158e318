using System.Globalization;
using System.Text;

namespace Faultrec.Analyzer.Text;

/// <summary>
/// Text from the traced machine (names, paths, commands) may hold anything; here it is made harmless for the place where
/// it is printed. Control characters, escape sequences and characters that change the direction of text become visible as \x1b or
/// \u202e, a backslash as two, so that the result can be read back.
/// </summary>
internal static class Escape
{
    /// <summary>Inert in a terminal and in a log.</summary>
    public static string Visible(string text)
    {
        foreach (var rune in text.EnumerateRunes())
        {
            if (IsHostile(rune))
                return Spell(text);
        }

        return text;
    }

    /// <summary>
    /// One frame of a folded stack: nothing in it ends a line or begins another frame. A semicolon becomes a colon, as stackcollapse-perf.pl has it.
    /// </summary>
    public static string Frame(string name)
    {
        var visible = Visible(name).Replace(';', ':').Trim();
        return visible.Length == 0 ? "[no name]" : visible;
    }

    /// <summary>
    /// One CSV field (RFC 4180): <see cref="Visible"/>, quoted where needed, and with an apostrophe before what a spreadsheet would
    /// take for a formula.
    /// </summary>
    public static string Csv(string text)
    {
        var visible = Visible(text);
        if (visible.Length > 0 && visible[0] is '=' or '+' or '-' or '@')
            visible = "'" + visible;
        return visible.AsSpan().ContainsAny('"', ',', ';') || visible != visible.Trim()
            ? $"\"{visible.Replace("\"", "\"\"", StringComparison.Ordinal)}\""
            : visible;
    }

    /// <summary>One table cell or phrase of Markdown (GitHub's dialect): nothing in it makes markup, HTML or a new cell.</summary>
    public static string Markdown(string text)
    {
        var visible = Visible(text);
        var builder = new StringBuilder(visible.Length + 8);
        for (var i = 0; i < visible.Length; i++)
        {
            var c = visible[i];
            _ = c switch
            {
                '&' => builder.Append("&amp;"),
                '<' => builder.Append("&lt;"),
                '>' => builder.Append("&gt;"),
                '|' => builder.Append("&#124;"),
                '`' => builder.Append("&#96;"),
                '@' => builder.Append("&#64;"),
                '\\' or '*' or '_' or '[' or ']' or '#' or '~' or '$' => builder.Append('\\').Append(c),
                ':' when visible.AsSpan(i).StartsWith("://") => builder.Append("&#58;"),
                _ => builder.Append(c),
            };
        }

        return builder.ToString();
    }

    private static string Spell(string text)
    {
        var builder = new StringBuilder(text.Length + 16);
        foreach (var rune in text.EnumerateRunes())
        {
            if (!IsHostile(rune))
                builder.Append(rune);
            else if (rune.Value == '\\')
                builder.Append("\\\\");
            else if (rune.Value <= 0xff)
                builder.Append(CultureInfo.InvariantCulture, $"\\x{rune.Value:x2}");
            else if (rune.Value <= 0xffff)
                builder.Append(CultureInfo.InvariantCulture, $"\\u{rune.Value:x4}");
            else
                builder.Append(CultureInfo.InvariantCulture, $"\\U{rune.Value:x8}");
        }

        return builder.ToString();
    }

    // Format holds the bidi controls and the zero-width characters.
    private static bool IsHostile(Rune rune)
    {
        if (rune.IsAscii)
            return rune.Value is < 0x20 or 0x7f or '\\';
        return Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator
            or UnicodeCategory.ParagraphSeparator or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned
            or UnicodeCategory.Surrogate;
    }
}
