namespace Faultrec.Analyzer.Text;

/// <summary>Sentences as lines for a terminal.</summary>
internal static class TextLines
{
    /// <summary>No line is longer than this many columns.</summary>
    public const int Width = 100;

    public static void WriteWrapped(TextWriter output, string text, Func<string, string> style)
    {
        foreach (var line in Columns.Wrap(Escape.Visible(text), Width))
            output.Write(style(line) + "\n");
    }
}
