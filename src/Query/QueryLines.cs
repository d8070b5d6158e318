using System.Text.Json;
using Faultrec.Analyzer.Text;

namespace Faultrec.Query;

/// <summary>A result for programs: one line per row, written as the rows come.</summary>
public static class QueryLines
{
    /// <summary>RFC 4180 with a header, lines end in CRLF; NULL is an empty field, text is inert.</summary>
    public static void WriteCsv(TextWriter output, QueryResult result)
    {
        output.Write(string.Join(',', result.Columns.Select(column => Escape.Csv(column.Name))) + "\r\n");
        foreach (var row in result.Rows)
        {
            for (var i = 0; i < row.Length; i++)
            {
                if (i > 0)
                    output.Write(',');
                output.Write(row[i] is not { } value ? "" : result.Columns[i].Shape == ValueShape.Text ? Escape.Csv(value) : value);
            }

            output.Write("\r\n");
        }
    }

    /// <summary>An array of objects, one per line, in ASCII. SQL values other than numbers, booleans and text become text, as do infinity and nan.</summary>
    public static void WriteJson(TextWriter output, QueryResult result)
    {
        var keys = result.Columns.Select((column, index) => $"{(index == 0 ? "{" : ",")}\"{JsonEncodedText.Encode(column.Name)}\":").ToArray();
        var separator = "[\n";
        foreach (var row in result.Rows)
        {
            output.Write(separator);
            for (var i = 0; i < row.Length; i++)
            {
                output.Write(keys[i]);
                if (row[i] is not { } value)
                    output.Write("null");
                else if (result.Columns[i].Shape == ValueShape.Text || !IsJson(value))
                    output.Write($"\"{JsonEncodedText.Encode(value)}\"");
                else
                    output.Write(value);
            }

            output.Write('}');
            separator = ",\n";
        }

        output.Write(separator == "[\n" ? "[]\n" : "\n]\n");
    }

    private static bool IsJson(string value) => value is "true" or "false" || char.IsAsciiDigit(value[^1]);
}
