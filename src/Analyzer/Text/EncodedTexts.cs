namespace Faultrec.Analyzer.Text;

/// <summary>Escaped UTF-8 of a column's texts, made once per text: names repeat for thousands of rows.</summary>
internal sealed class EncodedTexts(Func<string, byte[]> encode)
{
    /// <summary>Stacks can all differ; past this many the cache starts again.</summary>
    private const int Limit = 1 << 16;

    private readonly Dictionary<string, byte[]> _known = [];
    private string? _last;
    private byte[] _lastBytes = [];

    public byte[] Of(string text)
    {
        if (ReferenceEquals(text, _last))
            return _lastBytes;
        if (!_known.TryGetValue(text, out var bytes))
        {
            if (_known.Count == Limit)
                _known.Clear();
            _known.Add(text, bytes = encode(text));
        }

        (_last, _lastBytes) = (text, bytes);
        return bytes;
    }
}
