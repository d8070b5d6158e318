using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Text;
using Microsoft.Data.Analysis;

namespace Faultrec.Analyzer.Tables;

/// <summary>How a cell is written for people; machines get the plain value.</summary>
public enum CellFormat
{
    Text,

    /// <summary>A number that names something (pid, region id): no separators.</summary>
    Id,
    Count,
    Bytes,

    /// <summary>Two decimals.</summary>
    Ratio,

    /// <summary>The value is a share of one.</summary>
    Percent,
    DurationNs,

    /// <summary>What the row's column `metric` says by its end: _ns, _bytes, else a count.</summary>
    Amount,

    /// <summary>The value is a difference as a share of one, with a sign; beside a column `difference`.</summary>
    Change,

    /// <summary>A joined <see cref="HeatRow"/>.</summary>
    Heat,

    /// <summary>The same as one of many rows, relative to the fullest cell of all; beside a column `fullest`.</summary>
    HeatMap,
}

/// <summary>Which readers see a column.</summary>
public enum ColumnAudience
{
    /// <summary>Only formats for machines.</summary>
    Machine,

    /// <summary>Also Markdown, which has room for wide tables.</summary>
    Wide,

    /// <summary>Also text of 100 columns.</summary>
    Everyone,
}

/// <param name="Key">Name of the frame's column and in CSV.</param>
/// <param name="Heading">For people.</param>
public sealed record TableColumn(string Key, string Heading, CellFormat Format, ColumnAudience Audience);

/// <summary>A result table: the rows to show as a data frame (Int64, Double and String columns) and how to show them.</summary>
/// <param name="Kind">Null: no table of a report.</param>
/// <param name="Title">Heading over the table.</param>
/// <param name="Columns">In the order of the frame's columns.</param>
/// <param name="TotalRows">Rows there are; the frame may hold only the first of them.</param>
public sealed record ReportTable(ReportTableKind? Kind, string Title, IReadOnlyList<TableColumn> Columns, DataFrame Frame, int TotalRows)
{
    public int Rows => (int)Frame.Rows.Count;

    public int CutRows => TotalRows - Rows;

    /// <summary>What of the table is not shown: "112 more regions".</summary>
    public string CutWords
        => Kind is null or > ReportTableKind.Handler
            ? $"{Units.Of(CutRows, "more row")}"
            : $"{Units.Count(CutRows)} more {(CutRows == 1 ? Kind.Value.ToString().ToLowerInvariant() : Title)}";

    public string? Text(int row, int column) => ((StringDataFrameColumn)Frame.Columns[column])[row];

    public long? Integer(int row, int column) => ((Int64DataFrameColumn)Frame.Columns[column])[row];

    public double? Real(int row, int column) => ((DoubleDataFrameColumn)Frame.Columns[column])[row];

    public int IndexOf(string key)
    {
        for (var i = 0; i < Columns.Count; i++)
        {
            if (Columns[i].Key == key)
                return i;
        }

        throw new ArgumentException($"The table of {Title} has no column {key}.", nameof(key));
    }
}
