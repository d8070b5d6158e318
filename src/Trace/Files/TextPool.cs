namespace Faultrec.Traces.Files;

/// <summary>
/// One string instance a distinct text over the whole file. A row costs a comparison of references: a dictionary-encoded page
/// gives every row of one text the same memory.
/// </summary>
internal sealed class TextPool
{
    // Distinct texts are few (names, regions); only stacks could be many, and then sharing them does not pay.
    private const int MaxTexts = 100_000;
    private const int MaxCharacters = 16 << 20;

    private readonly Dictionary<ReadOnlyMemory<char>, string> _byMemory = [];
    private readonly HashSet<string> _texts = [];
    private readonly HashSet<string>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private ReadOnlyMemory<char> _lastMemory;
    private string _lastText = "";
    private int _characters;

    public TextPool() => _lookup = _texts.GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>Call before the texts of another column chunk: memory is only compared within one.</summary>
    public void BeginColumn()
    {
        _byMemory.Clear();
        _lastMemory = default;
        _lastText = "";
        if (_texts.Count <= MaxTexts && _characters <= MaxCharacters)
            return;
        _texts.Clear();
        _characters = 0;
    }

    public string Get(ReadOnlyMemory<char> memory)
    {
        // Equals and GetHashCode of memory are those of the reference, not of the text.
        if (memory.Equals(_lastMemory))
            return _lastText;
        if (!_byMemory.TryGetValue(memory, out var text))
        {
            text = Intern(memory.Span);
            if (_byMemory.Count < MaxTexts)
                _byMemory.Add(memory, text);
        }

        _lastMemory = memory;
        _lastText = text;
        return text;
    }

    private string Intern(ReadOnlySpan<char> text)
    {
        if (_lookup.TryGetValue(text, out var known))
            return known;
        var added = text.ToString();
        if (_characters > MaxCharacters)
            return added;
        _texts.Add(added);
        _characters += added.Length;
        return added;
    }
}
