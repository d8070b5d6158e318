using System.Text;
using System.Text.Json;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Rows;

/// <summary>One object a line; addresses are strings, because 64 bits do not fit every reader's numbers.</summary>
internal sealed class JsonLines(Utf8Rows rows) : IRowFormat
{
    private readonly EncodedTexts[] _texts = Array.ConvertAll(RowFields.Names,
        _ => new EncodedTexts(text => JsonEncodedText.Encode(text).EncodedUtf8Bytes.ToArray()));

    private readonly byte[][] _keys = Array.ConvertAll(RowFields.Names,
        name => Encoding.UTF8.GetBytes($"{(name == RowFields.Names[0] ? "{" : ",")}\"{name}\":"));

    public void Header()
    {
    }

    public void EndRow() => rows.Bytes("}\n"u8);

    public void Null(int column)
    {
        rows.Bytes(_keys[column]);
        rows.Bytes("null"u8);
    }

    public void Number(int column, long value)
    {
        rows.Bytes(_keys[column]);
        rows.Number(value);
    }

    public void Hex(int column, ulong value)
    {
        rows.Bytes(_keys[column]);
        rows.Byte((byte)'"');
        rows.Hex(value);
        rows.Byte((byte)'"');
    }

    public void Bool(int column, bool value)
    {
        rows.Bytes(_keys[column]);
        rows.Bytes(value ? "true"u8 : "false"u8);
    }

    public void Text(int column, string value)
    {
        rows.Bytes(_keys[column]);
        rows.Byte((byte)'"');
        rows.Bytes(_texts[column].Of(value));
        rows.Byte((byte)'"');
    }
}
