using System.Globalization;

namespace Faultrec.Analyzer.Text;

/// <summary>The control sequences that are written to terminals (ECMA-48). No other file has any.</summary>
internal static class TerminalCode
{
    /// <summary>Empties the line that the cursor is in, and puts the cursor at its beginning.</summary>
    public const string EraseLine = "\r" + EraseRest;

    /// <summary>EL: from the cursor to the end of the line.</summary>
    public const string EraseRest = "\e[K";

    /// <summary>CPL and ED: goes up so many lines, to the beginning, and erases everything from there on.</summary>
    public static string EraseLines(int lines) => string.Create(CultureInfo.InvariantCulture, $"\e[{lines}F\e[J");

    /// <summary>SGR: the text with an attribute, which ends with it.</summary>
    public static string Attributed(string attribute, string text) => $"\e[{attribute}m{text}\e[0m";
}
