namespace Faultrec.Traces.Files;

/// <summary>Writes small structs of the Thrift compact protocol, whose field ids are below 16 and ascend.</summary>
internal ref struct CompactWriter(Span<byte> bytes)
{
    private readonly Span<byte> _bytes = bytes;
    private int _length;
    private int _last;
    private int _outer;

    public readonly ReadOnlySpan<byte> Written => _bytes[.._length];

    public void Integer(int id, int value)
    {
        Field(id, WireType.I32);
        var left = (uint)(value << 1 ^ value >> 31);
        for (; left >= 0x80; left >>= 7)
            _bytes[_length++] = (byte)(left | 0x80);
        _bytes[_length++] = (byte)left;
    }

    public void False(int id) => Field(id, WireType.False);

    /// <summary>A struct; there is no third level.</summary>
    public void Begin(int id)
    {
        Field(id, WireType.Struct);
        (_outer, _last) = (id, 0);
    }

    public void End()
    {
        _bytes[_length++] = (byte)WireType.Stop;
        _last = _outer;
    }

    private void Field(int id, WireType type)
    {
        _bytes[_length++] = (byte)(id - _last << 4 | (byte)type);
        _last = id;
    }
}
