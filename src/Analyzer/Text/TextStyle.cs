namespace Faultrec.Analyzer.Text;

/// <summary>What text means, shown by attributes of the terminal, or by none: text that is piped stays plain.</summary>
/// <remarks>Applied last, to text that is inert and has its final width.</remarks>
internal readonly record struct TextStyle(bool Colour)
{
    /// <summary>A heading, or the sentence that answers.</summary>
    public string Title(string text) => Wrap("1", text);

    /// <summary>Of use, but not what is looked for.</summary>
    public string Dim(string text) => Wrap("2", text);

    public string Heat(string text) => Wrap("36", text);

    /// <summary>Something is missing, broken or dead.</summary>
    public string Alarm(string text) => Wrap("1;31", text);

    /// <summary>Something waits: for a disk, for another thread.</summary>
    public string Wait(string text) => Wrap("1;33", text);

    /// <summary>As it should be.</summary>
    public string Good(string text) => Wrap("1;32", text);

    private string Wrap(string attribute, string text) => Colour && text.Length > 0 ? TerminalCode.Attributed(attribute, text) : text;
}
