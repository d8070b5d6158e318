using System.Globalization;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Render;

/// <summary>One table of the report as CSV (RFC 4180, lines end in CRLF), with plain numbers; null is an empty field.</summary>
internal static class CsvReport
{
    private const string LineEnd = "\r\n";

    /// <param name="trace">Name for a first column that tells traces apart; null leaves the column out.</param>
    /// <param name="withHeader">False for the second and later traces.</param>
    public static void Write(TextWriter output, ReportTable table, string? trace, bool withHeader)
    {
        if (withHeader)
        {
            output.Write(trace is null ? "" : "trace,");
            output.Write(string.Join(',', table.Columns.Select(column => column.Key)) + LineEnd);
        }

        for (var row = 0; row < table.Rows; row++)
        {
            if (trace is not null)
                output.Write(Escape.Csv(trace) + ",");
            for (var column = 0; column < table.Columns.Count; column++)
                output.Write((column == 0 ? "" : ",") + Field(table, row, column));
            output.Write(LineEnd);
        }
    }

    private static string Field(ReportTable table, int row, int column) => table.Columns[column].Format switch
    {
        CellFormat.Text => Escape.Csv(table.Text(row, column) ?? ""),
        CellFormat.Heat or CellFormat.HeatMap => string.Join(' ', table.Numbers(row, column)),
        CellFormat.Ratio or CellFormat.Percent or CellFormat.Change => table.Real(row, column)?.ToString("R", CultureInfo.InvariantCulture) ?? "",
        _ => table.Integer(row, column)?.ToString(CultureInfo.InvariantCulture) ?? "",
    };
}
