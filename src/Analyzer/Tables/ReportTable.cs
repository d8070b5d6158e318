using System.Text.Json;
using Faultrec.Analyzer.Text;
using Microsoft.Data.Analysis;

namespace Faultrec.Analyzer.Tables;

/// <summary>How a cell is written for people; machines get the plain value.</summary>
internal enum CellFormat
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

    /// <summary>Depends on the suffix of the row's column `metric`: _ns, _bytes, otherwise a count.</summary>
    Amount,

    /// <summary>The value is a difference as a share of one, with a sign; beside a column `difference`.</summary>
    Change,

    /// <summary>Numbers as a row of characters.</summary>
    Heat,

    /// <summary>The same as one of many rows, relative to the fullest cell of all; beside a column `fullest`.</summary>
    HeatMap,
}

/// <summary>Which readers see a column.</summary>
internal enum ColumnAudience
{
    /// <summary>Only formats for machines.</summary>
    Machine,

    /// <summary>Also Markdown, which has room for wide tables.</summary>
    Wide,

    /// <summary>Also text of 100 columns.</summary>
    Everyone,
}

/// <param name="Key">Name in CSV and in data frames.</param>
/// <param name="Heading">For people.</param>
/// <param name="Meaning">What a value is, and when it is null, as a phrase that stands alone; docs/tables.md lists them.</param>
internal sealed record TableColumn(string Key, string Heading, string Meaning, CellFormat Format, ColumnAudience Audience);

/// <summary>Text shown with a row in addition to its cells. Raw text: a renderer makes it inert.</summary>
internal abstract record RowText
{
    /// <summary>A sentence on lines of its own below the row.</summary>
    public sealed record Story(string Text, bool IsDim) : RowText;

    /// <summary>A row of characters below the row.</summary>
    /// <param name="Label">Shown before it; null: none.</param>
    public sealed record Heat(string? Label, string Characters) : RowText;

    /// <summary>A heading above the row: what the rows from here on are about.</summary>
    /// <param name="Scale">Shown after it, dim.</param>
    public sealed record Heading(string Name, string Scale) : RowText;

    /// <summary>Shown after the row's cells, indented by one step for each level of a tree.</summary>
    public sealed record Branch(int Depth, string Text) : RowText;
}

/// <summary>A result: rows, and how each column shows them. Text, Markdown, CSV, JSON and data frames are loops over it.</summary>
internal abstract class ReportTable
{
    /// <summary>Heading over the table.</summary>
    public required string Title { get; init; }

    /// <summary>A row in one word; null: a row.</summary>
    public string? RowName { get; init; }

    /// <summary>Number of existing rows; the table may hold only the first of them.</summary>
    public required int TotalRows { get; init; }

    public required IReadOnlyList<TableColumn> Columns { get; init; }

    public abstract int Rows { get; }

    public int CutRows => TotalRows - Rows;

    /// <summary>The part of the table that is not shown: "112 more regions".</summary>
    public string CutDescription
        => RowName is null ? Units.Of(CutRows, "more row") : $"{Units.Count(CutRows)} more {(CutRows == 1 ? RowName : Title)}";

    public abstract string? Text(int row, int column);

    public abstract long? Integer(int row, int column);

    public abstract double? Real(int row, int column);

    public abstract IReadOnlyList<long> Numbers(int row, int column);

    /// <summary>Null: nothing.</summary>
    public abstract RowText? Above(int row);

    public abstract RowText? Beside(int row);

    public abstract RowText? Below(int row);

    /// <summary>Writes the row's members into an object that the caller has opened.</summary>
    public abstract void WriteJson(Utf8JsonWriter json, int row);

    public int IndexOf(string key)
    {
        for (var i = 0; i < Columns.Count; i++)
        {
            if (Columns[i].Key == key)
                return i;
        }

        throw new ArgumentException($"The table of {Title} has no column {key}.", nameof(key));
    }

    /// <summary>Int64, Double and String columns; a list of numbers is a text with spaces between.</summary>
    public DataFrame ToFrame()
    {
        var columns = new DataFrameColumn[Columns.Count];
        for (var i = 0; i < columns.Length; i++)
            columns[i] = ToFrame(i);
        return new DataFrame(columns);
    }

    private DataFrameColumn ToFrame(int column)
    {
        var key = Columns[column].Key;
        switch (Columns[column].Format)
        {
            case CellFormat.Text or CellFormat.Heat or CellFormat.HeatMap:
                var texts = new StringDataFrameColumn(key, Rows);
                for (var row = 0; row < Rows; row++)
                    texts[row] = Columns[column].Format == CellFormat.Text ? Text(row, column) : string.Join(' ', Numbers(row, column));
                return texts;
            case CellFormat.Ratio or CellFormat.Percent or CellFormat.Change:
                var reals = new DoubleDataFrameColumn(key, Rows);
                for (var row = 0; row < Rows; row++)
                    reals[row] = Real(row, column);
                return reals;
            default:
                var integers = new Int64DataFrameColumn(key, Rows);
                for (var row = 0; row < Rows; row++)
                    integers[row] = Integer(row, column);
                return integers;
        }
    }
}
