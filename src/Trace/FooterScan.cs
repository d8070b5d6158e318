using System.Text;

namespace Faultrec.Traces;

/// <summary>
/// Walks a Parquet footer (a Thrift compact-protocol FileMetaData, parquet-format's parquet.thrift) before the Parquet library
/// sees it. The library trusts wire types and list sizes, loops for ever at the end of its input and recurses as deep as the file
/// asks; a footer that passes here gives it nothing to do that with. Also yields what decides whether the file is a trace.
/// </summary>
internal sealed class FooterScan
{
    /// <summary>Key-value metadata; of a repeated key the last.</summary>
    public Dictionary<string, string> KeyValues { get; } = [];

    /// <summary>Depth first, the root included.</summary>
    public List<FooterColumn> Schema { get; } = [];

    /// <summary>The footer has fields that the Parquet library does not know and so could misread.</summary>
    public bool HasUnknownFields { get; private set; }

    /// <exception cref="FormatException">The footer is damaged.</exception>
    public static FooterScan Run(ReadOnlySpan<byte> footer)
    {
        var scan = new FooterScan();
        var reader = new CompactReader(footer);
        scan.WalkStruct(ref reader, FooterShape.FileMetaData, depth: 0);
        return scan;
    }

    private void WalkStruct(ref CompactReader reader, FooterShape shape, int depth)
    {
        if (depth > 12)
            throw new FormatException("structures are nested too deep");
        var fields = default(ScalarFields);
        int id = 0;
        while (reader.ReadField(ref id, out WireType type))
        {
            if (shape.Find(id) is not { } field)
            {
                HasUnknownFields = true;
                reader.Skip(type, depth);
                continue;
            }
            if (field.Type == WireType.True ? type is not (WireType.True or WireType.False) : type != field.Type)
                throw new FormatException($"field {id} of {shape.Name} has type {type}");
            if (type == WireType.List)
                WalkList(ref reader, field, depth);
            else if (type == WireType.Struct)
                WalkStruct(ref reader, field.Item!, depth + 1);
            else
                fields.Set(id, ref reader, type);
        }
        Collect(shape, fields);
    }

    private void WalkList(ref CompactReader reader, FooterField field, int depth)
    {
        int count = reader.ReadListHeader(out WireType type);
        if (count > 0 && type != field.ItemType)
            throw new FormatException($"a list has items of type {type}");
        for (int i = 0; i < count; i++)
        {
            if (type == WireType.Struct)
                WalkStruct(ref reader, field.Item!, depth + 1);
            else
                reader.Skip(type, depth);
        }
    }

    private void Collect(FooterShape shape, in ScalarFields fields)
    {
        // Ids as in parquet.thrift: SchemaElement 1 type, 3 repetition, 4 name, 5 children, 6 converted type; KeyValue 1, 2.
        if (shape == FooterShape.KeyValue)
            KeyValues[Encoding.UTF8.GetString(fields.Text1)] = Encoding.UTF8.GetString(fields.Text2);
        else if (shape == FooterShape.SchemaElement)
            Schema.Add(new FooterColumn(Encoding.UTF8.GetString(fields.Text4), fields.Int1, fields.Int3, fields.Int5, fields.Int6));
    }

    private ref struct ScalarFields
    {
        public ReadOnlySpan<byte> Text1;
        public ReadOnlySpan<byte> Text2;
        public ReadOnlySpan<byte> Text4;
        public int? Int1;
        public int? Int3;
        public int? Int5;
        public int? Int6;

        public void Set(int id, ref CompactReader reader, WireType type)
        {
            if (type == WireType.Binary)
            {
                var text = reader.ReadBinary();
                switch (id)
                {
                    case 1: Text1 = text; break;
                    case 2: Text2 = text; break;
                    case 4: Text4 = text; break;
                    default: break;
                }
            }
            else if (type == WireType.I32)
            {
                int value = (int)reader.ReadInteger();
                switch (id)
                {
                    case 1: Int1 = value; break;
                    case 3: Int3 = value; break;
                    case 5: Int5 = value; break;
                    case 6: Int6 = value; break;
                    default: break;
                }
            }
            else
            {
                reader.Skip(type, depth: 0);
            }
        }
    }
}

/// <summary>A schema element of the footer; numbers are parquet.thrift's enum values, null where the footer has none.</summary>
internal sealed record FooterColumn(string Name, int? PhysicalType, int? Repetition, int? Children, int? ConvertedType);
