namespace Faultrec.Traces.Files;

/// <summary>Thrift compact-protocol wire types; a boolean field's value is in its type.</summary>
internal enum WireType : byte
{
    Stop = 0,
    True = 1,
    False = 2,
    Byte = 3,
    I16 = 4,
    I32 = 5,
    I64 = 6,
    Double = 7,
    Binary = 8,
    List = 9,
    Set = 10,
    Map = 11,
    Struct = 12,
}

/// <summary>Reads the Thrift compact protocol and never past its bytes; everything unexpected is a FormatException.</summary>
internal ref struct CompactReader
{
    private const int MaxDepth = 12;

    private ReadOnlySpan<byte> _rest;

    public CompactReader(ReadOnlySpan<byte> bytes) => _rest = bytes;

    /// <summary>What was not read yet.</summary>
    public readonly ReadOnlySpan<byte> Rest => _rest;

    /// <param name="id">The last field's id (0 at the start of a struct), then this one's.</param>
    /// <returns>False at the struct's end.</returns>
    public bool ReadField(ref int id, out WireType type)
    {
        var header = ReadByte();
        type = (WireType)(header & 0x0f);
        if (header == 0)
            return false;
        var delta = header >> 4;
        id = delta == 0 ? (short)ReadInteger() : (short)(id + delta);
        return true;
    }

    /// <summary>Every item takes a byte at least, so a list longer than what is left is damaged.</summary>
    public int ReadListHeader(out WireType itemType)
    {
        var header = ReadByte();
        itemType = (WireType)(header & 0x0f);
        ulong count = (uint)header >> 4;
        if (count == 15)
            count = ReadVarint();
        if (count > (ulong)_rest.Length)
            throw new FormatException($"a list claims {count} items in {_rest.Length} bytes");
        return (int)count;
    }

    /// <returns>How many items follow; each of them is to be read.</returns>
    public int ReadListOf(WireType item, WireType found)
    {
        Require(WireType.List, found);
        var count = ReadListHeader(out var itemType);
        if (count > 0)
            Require(item, itemType);
        return count;
    }

    public ReadOnlySpan<byte> ReadBinary(WireType found)
    {
        Require(WireType.Binary, found);
        return ReadBinary();
    }

    public ReadOnlySpan<byte> ReadBinary()
    {
        var length = ReadVarint();
        if (length > (ulong)_rest.Length)
            throw new FormatException($"a string claims {length} of {_rest.Length} bytes");
        var bytes = _rest[..(int)length];
        _rest = _rest[(int)length..];
        return bytes;
    }

    public long ReadInteger(WireType expected, WireType found)
    {
        Require(expected, found);
        return ReadInteger();
    }

    public readonly void Require(WireType expected, WireType found)
    {
        if (found != expected)
            throw new FormatException($"a field has type {found}, not {expected}");
    }

    /// <summary>Of any width; zigzag.</summary>
    public long ReadInteger()
    {
        var value = ReadVarint();
        return (long)(value >> 1) ^ -(long)(value & 1);
    }

    public void Skip(WireType type, int depth)
    {
        if (depth > MaxDepth)
            throw new FormatException("structures are nested too deep");
        switch (type)
        {
            case WireType.True or WireType.False:
                break;
            case WireType.Byte:
                ReadByte();
                break;
            case WireType.I16 or WireType.I32 or WireType.I64:
                ReadVarint();
                break;
            case WireType.Double:
                SkipBytes(sizeof(double));
                break;
            case WireType.Binary:
                ReadBinary();
                break;
            case WireType.List or WireType.Set:
                var count = ReadListHeader(out var itemType);
                for (var i = 0; i < count; i++)
                    SkipItem(itemType, depth + 1);
                break;
            case WireType.Struct:
                var id = 0;
                while (ReadField(ref id, out var fieldType))
                    Skip(fieldType, depth + 1);
                break;
            default:
                throw new FormatException($"unexpected wire type {type}");
        }
    }

    // Unlike a field, a boolean in a list has a byte of its own.
    private void SkipItem(WireType type, int depth)
    {
        if (type is WireType.True or WireType.False)
            ReadByte();
        else
            Skip(type, depth);
    }

    private void SkipBytes(int count)
    {
        if (count > _rest.Length)
            throw new FormatException("it ends too early");
        _rest = _rest[count..];
    }

    private byte ReadByte()
    {
        if (_rest.IsEmpty)
            throw new FormatException("it ends too early");
        var value = _rest[0];
        _rest = _rest[1..];
        return value;
    }

    public ulong ReadVarint()
    {
        ulong value = 0;
        for (var shift = 0; shift < 70; shift += 7)
        {
            var part = ReadByte();
            value |= (ulong)(part & 0x7f) << shift;
            if (part < 0x80)
                return value;
        }

        throw new FormatException("a number is too long");
    }
}
