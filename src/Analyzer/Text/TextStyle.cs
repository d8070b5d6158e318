namespace Faultrec.Analyzer.Text;

/// <summary>Terminal attributes, or none: text that is piped stays plain.</summary>
internal readonly record struct TextStyle(bool Colour)
{
    public string Title(string text) => Wrap("1", text);

    public string Dim(string text) => Wrap("2", text);

    public string Heat(string text) => Wrap("36", text);

    public string Alarm(string text) => Wrap("1;31", text);

    private string Wrap(string attribute, string text) => Colour && text.Length > 0 ? TerminalCode.Attributed(attribute, text) : text;
}
