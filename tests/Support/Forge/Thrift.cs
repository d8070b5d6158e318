using System.Buffers.Binary;

namespace Faultrec.Testing.Forge;

/// <summary>
/// Thrift's compact protocol as a tree that can be altered and written again, which parquet.thrift's structs travel in. Written from the
/// protocol's text and not from the readers under test, so that it does not share their mistakes.
/// </summary>
internal sealed class ThriftValue
{
    public const int Yes = 1, No = 2, I8 = 3, I16 = 4, I32 = 5, I64 = 6, Real = 7, Binary = 8, List = 9, Struct = 12;

    public required int Type { get; set; }

    public long Number { get; set; }

    public byte[] Bytes { get; set; } = [];

    public int ItemType { get; set; }

    public List<ThriftValue> Items { get; private init; } = [];

    /// <summary>In the order in which they are written.</summary>
    public List<(int Id, ThriftValue Value)> Fields { get; private init; } = [];

    public static ThriftValue Integer(long number, int type = I32) => new() { Type = type, Number = number };

    /// <summary>The field's value; null: it is not there.</summary>
    public ThriftValue? this[int id] => Fields.Find(field => field.Id == id).Value;

    public void Set(int id, ThriftValue value)
    {
        var at = Fields.FindIndex(field => field.Id >= id);
        if (at >= 0 && Fields[at].Id == id)
            Fields[at] = (id, value);
        else
            Fields.Insert(at < 0 ? Fields.Count : at, (id, value));
    }

    public void Set(int id, long number, int type = I32) => Set(id, Integer(number, type));

    public void Remove(int id) => Fields.RemoveAll(field => field.Id == id);

    public ThriftValue Copy() => new()
    {
        Type = Type,
        Number = Number,
        Bytes = [.. Bytes],
        ItemType = ItemType,
        Items = [.. Items.Select(item => item.Copy())],
        Fields = [.. Fields.Select(field => (field.Id, field.Value.Copy()))],
    };

    /// <summary>Itself and everything below it.</summary>
    public IEnumerable<ThriftValue> All() => Items.Concat(Fields.Select(field => field.Value)).SelectMany(value => value.All()).Prepend(this);

    public static ThriftValue ReadStruct(ReadOnlySpan<byte> bytes, out int length)
    {
        length = 0;
        return Read(bytes, ref length, Struct);
    }

    public byte[] Write()
    {
        using var to = new MemoryStream();
        Write(to);
        return to.ToArray();
    }

    private static ThriftValue Read(ReadOnlySpan<byte> bytes, ref int at, int type)
    {
        var value = new ThriftValue { Type = type };
        switch (type)
        {
            case I8: value.Number = (sbyte)bytes[at++]; break;
            case I16 or I32 or I64: value.Number = Zigzag(Varint(bytes, ref at)); break;
            case Real:
                value.Number = BinaryPrimitives.ReadInt64LittleEndian(bytes[at..]);
                at += sizeof(long);
                break;
            case Binary:
                var length = (int)Varint(bytes, ref at);
                value.Bytes = bytes.Slice(at, length).ToArray();
                at += length;
                break;
            case List: ReadItems(value, bytes, ref at); break;
            case Struct: ReadFields(value, bytes, ref at); break;
            case Yes or No: break;
            default: throw new InvalidDataException($"type {type} at {at}");
        }

        return value;
    }

    private static void ReadItems(ThriftValue list, ReadOnlySpan<byte> bytes, ref int at)
    {
        var header = bytes[at++];
        list.ItemType = header & 15;
        var count = header >> 4 == 15 ? (int)Varint(bytes, ref at) : header >> 4;
        for (var i = 0; i < count; i++)
            list.Items.Add(list.ItemType is Yes or No ? new ThriftValue { Type = bytes[at++] } : Read(bytes, ref at, list.ItemType));
    }

    private static void ReadFields(ThriftValue value, ReadOnlySpan<byte> bytes, ref int at)
    {
        var id = 0;
        while (bytes[at++] is var header && header != 0)
        {
            id = header >> 4 == 0 ? (int)Zigzag(Varint(bytes, ref at)) : id + (header >> 4);
            value.Fields.Add((id, Read(bytes, ref at, header & 15)));
        }
    }

    private void Write(Stream to)
    {
        switch (Type)
        {
            case I8: to.WriteByte((byte)Number); break;
            case I16 or I32 or I64: Varint(to, (ulong)(Number << 1 ^ Number >> 63)); break;
            case Real: to.Write(BitConverter.GetBytes(Number)); break;
            case Binary:
                Varint(to, (ulong)Bytes.Length);
                to.Write(Bytes);
                break;
            case List:
                to.WriteByte((byte)((Items.Count < 15 ? Items.Count << 4 : 0xf0) | ItemType));
                if (Items.Count >= 15)
                    Varint(to, (ulong)Items.Count);
                foreach (var item in Items)
                    item.WriteItem(to);
                break;
            case Struct: WriteFields(to); break;
        }
    }

    private void WriteItem(Stream to)
    {
        if (Type is Yes or No)
            to.WriteByte((byte)Type);
        else
            Write(to);
    }

    private void WriteFields(Stream to)
    {
        var last = 0;
        foreach (var (id, value) in Fields)
        {
            if (id - last is > 0 and < 16)
            {
                to.WriteByte((byte)(id - last << 4 | value.Type));
            }
            else
            {
                to.WriteByte((byte)value.Type);
                Varint(to, (ulong)((long)id << 1 ^ (long)id >> 63));
            }

            value.Write(to);
            last = id;
        }

        to.WriteByte(0);
    }

    private static ulong Varint(ReadOnlySpan<byte> bytes, ref int at)
    {
        ulong value = 0;
        for (var shift = 0; ; shift += 7)
        {
            var part = bytes[at++];
            value |= (ulong)(part & 0x7f) << shift;
            if (part < 0x80)
                return value;
        }
    }

    private static void Varint(Stream to, ulong value)
    {
        for (; value >= 0x80; value >>= 7)
            to.WriteByte((byte)(value | 0x80));
        to.WriteByte((byte)value);
    }

    private static long Zigzag(ulong value) => (long)(value >> 1) ^ -(long)(value & 1);
}
