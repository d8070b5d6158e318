using System.Text;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Rows;

/// <summary>RFC 4180: lines end in CRLF, null is an empty field, text is inert (<see cref="Escape.Csv"/>).</summary>
internal sealed class CsvLines(Utf8Rows rows) : IRowFormat
{
    private readonly EncodedTexts[] _texts = Array.ConvertAll(RowFields.Names, _ => new EncodedTexts(text => Encoding.UTF8.GetBytes(Escape.Csv(text))));

    public void Header() => rows.Bytes(Encoding.UTF8.GetBytes(string.Join(',', RowFields.Names) + "\r\n"));

    public void EndRow() => rows.Bytes("\r\n"u8);

    public void Null(int column) => Separate(column);

    public void Number(int column, long value)
    {
        Separate(column);
        rows.Number(value);
    }

    public void Hex(int column, ulong value)
    {
        Separate(column);
        rows.Hex(value);
    }

    public void Bool(int column, bool value)
    {
        Separate(column);
        rows.Bytes(value ? "true"u8 : "false"u8);
    }

    public void Text(int column, string value)
    {
        Separate(column);
        rows.Bytes(_texts[column].Of(value));
    }

    private void Separate(int column)
    {
        if (column > 0)
            rows.Byte((byte)',');
    }
}
