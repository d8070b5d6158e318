using System.Buffers.Text;
using System.Diagnostics;

namespace Faultrec.Analyzer.Text;

/// <summary>A buffer of UTF-8 in front of a stream, for rows that are written a million a second.</summary>
internal sealed class Utf8Rows(Stream output)
{
    // Tiny in Debug, so that every test refills it.
#if DEBUG
    private const int Size = 256;
#else
    private const int Size = 1 << 17;
#endif
    private const int LongestNumber = 24;

    private readonly byte[] _bytes = new byte[Size];
    private int _used;

    public void Byte(byte value)
    {
        Reserve(1);
        _bytes[_used++] = value;
    }

    public void Bytes(ReadOnlySpan<byte> text)
    {
        if (text.Length > Size)
        {
            Flush();
            output.Write(text);
            return;
        }

        Reserve(text.Length);
        text.CopyTo(_bytes.AsSpan(_used));
        _used += text.Length;
    }

    public void Number(long value)
    {
        Reserve(LongestNumber);
        var fits = Utf8Formatter.TryFormat(value, _bytes.AsSpan(_used), out var written);
        Debug.Assert(fits, "the longest number was reserved");
        _used += written;
    }

    /// <summary>With 0x, without leading zeros.</summary>
    public void Hex(ulong value)
    {
        Reserve(LongestNumber);
        var span = _bytes.AsSpan(_used);
        span[0] = (byte)'0';
        span[1] = (byte)'x';
        var fits = Utf8Formatter.TryFormat(value, span[2..], out var written, 'x');
        Debug.Assert(fits, "the longest number was reserved");
        _used += written + 2;
    }

    /// <summary>Room for so many bytes, to be written to at once; then <see cref="Advance"/> says how many it was.</summary>
    public Span<byte> Room(int bytes)
    {
        Debug.Assert(bytes <= Size, "a line's fixed part fits");
        Reserve(bytes);
        return _bytes.AsSpan(_used, bytes);
    }

    public void Advance(int bytes) => _used += bytes;

    public void Flush()
    {
        output.Write(_bytes, 0, _used);
        _used = 0;
    }

    private void Reserve(int bytes)
    {
        if (_used + bytes > Size)
            Flush();
    }
}
