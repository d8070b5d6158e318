namespace Faultrec.Traces.Files;

/// <summary>Lines of a text that anybody may have written: one without an end must not fill the memory.</summary>
/// <param name="mostCharacters">In a line.</param>
/// <param name="name">Of the text, for messages.</param>
/// <param name="expected">What a refusal ends with: "expected …".</param>
internal sealed class LineReader(TextReader text, int mostCharacters, string name, string expected)
{
    private readonly char[] _block = new char[1 << 14];
    private char[] _begun = new char[256];
    private int _start;
    private int _end;

    /// <summary>Of the line that <see cref="Next"/> gave, or refused: from 1.</summary>
    public long Number { get; private set; }

    /// <returns>Without its end, which is a line feed or the text's; null: there are no more.</returns>
    /// <exception cref="FaultrecException">It is longer than a line can be.</exception>
    public string? Next()
    {
        Number++;
        var begun = 0;
        while (true)
        {
            var rest = _block.AsSpan(_start, _end - _start);
            var length = rest.IndexOf('\n');
            var part = length < 0 ? rest : rest[..length];
            if (begun + part.Length > mostCharacters)
                throw new FaultrecException(ExitCode.BadInput, $"{name}: line {Number} has more than {mostCharacters} characters; {expected}");
            if (length >= 0)
            {
                _start += length + 1;
                return begun == 0 ? part.ToString() : string.Concat(_begun.AsSpan(0, begun), part);
            }

            if (begun + part.Length > _begun.Length)
                Array.Resize(ref _begun, Math.Min(mostCharacters, 2 * (begun + part.Length)));
            part.CopyTo(_begun.AsSpan(begun));
            begun += part.Length;
            (_start, _end) = (0, text.Read(_block));
            if (_end == 0)
                return begun == 0 ? null : _begun.AsSpan(0, begun).ToString();
        }
    }
}
