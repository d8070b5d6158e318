using System.Text.RegularExpressions;

namespace Faultrec.Cli.Tests;

/// <summary>C# by lines, each as it is and as code alone: strings, characters and comments are blank there.</summary>
internal sealed partial class SourceText
{
    public const int LongestLine = 160;

    private readonly string[] _lines;
    private readonly string[] _code;
    private readonly bool[] _endsInRawText;

    public SourceText(string text)
    {
        var code = text.ToCharArray();
        var isRaw = new bool[text.Length];
        foreach (var token in Token().EnumerateMatches(text))
        {
            isRaw.AsSpan(token.Index, token.Length).Fill(text.AsSpan(token.Index, token.Length).TrimStart('$').StartsWith("\"\"\""));
            for (var i = token.Index; i < token.Index + token.Length; i++)
                code[i] = code[i] == '\n' ? '\n' : ' ';
        }

        _lines = text.Split('\n');
        _code = new string(code).Split('\n');
        _endsInRawText = new bool[_lines.Length];
        for (var (line, start) = (0, 0); line < _lines.Length; start += _lines[line++].Length + 1)
            _endsInRawText[line] = _lines[line].Length > LongestLine && isRaw[start + LongestLine];
    }

    /// <summary>Numbers of the lines that are too long where no raw string, which is data, makes them so.</summary>
    public IEnumerable<int> LongLines() => Numbers(line => _lines[line].Length > LongestLine && !_endsInRawText[line]);

    /// <summary>Numbers of the lines with the keyword `unsafe` that have no SAFETY comment above them, but for attributes and documentation.</summary>
    public IEnumerable<int> UnsafeWithoutReason() => Numbers(line => Unsafe().IsMatch(_code[line]) && !HasReason(line));

    private IEnumerable<int> Numbers(Func<int, bool> isFound) => Enumerable.Range(0, _lines.Length).Where(isFound).Select(line => line + 1);

    private bool HasReason(int line)
    {
        do
            line--;
        while (line >= 0 && (_lines[line].TrimStart().StartsWith("///", StringComparison.Ordinal) || _code[line].Trim() is ['[', .., ']']));
        for (; line >= 0 && _lines[line].TrimStart() is ['/', '/', not '/', ..] comment; line--)
        {
            if (comment.StartsWith("// SAFETY: ", StringComparison.Ordinal))
                return true;
        }

        return false;
    }

    [GeneratedRegex(@"\bunsafe\b")]
    private static partial Regex Unsafe();

    // The hole of an interpolated string may hold strings, and these holes: then what is outside of the inner quotes is taken for code of the hole.
    [GeneratedRegex(
        """"
        //[^\n]* | /\*.*?\*/
        | '(\\[^']+|\\'|[^'\\\n])'
        | \$*(?<quotes>"{3,})(?!").*?(?<!")\k<quotes>(?!")
        | (@\$?|\$@)"(""|[^"])*"
        | \$"(\\.|\{\{|\}\}|[^"\\{}]|\{([^{}"]|"(\\.|[^"\\])*"|(?<open>\{)|(?<-open>\}))*(?(open)(?!))\})*"
        | "(\\.|[^"\\\n])*"
        """",
        RegexOptions.IgnorePatternWhitespace | RegexOptions.Singleline)]
    private static partial Regex Token();
}
