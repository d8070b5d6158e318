using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Compare;

/// <summary>The tables of a comparison as data frames, all with the same columns; docs/diff.md lists them.</summary>
internal static class ComparisonTables
{
    /// <summary>With every figure, for programs.</summary>
    /// <param name="items">Items to keep, each with all its rows; 0 keeps all.</param>
    public static ReportTable Build(TraceComparison comparison, Subject subject, int items)
    {
        var rows = comparison.Rows(subject);
        return ItemColumns(subject, rows)
            .Integer("before", "before", "median of the traces before", CellFormat.Amount, ColumnAudience.Everyone, row => row.Before?.Median)
            .Integer("before_min", "min", "smallest value of the traces before", CellFormat.Amount, ColumnAudience.Machine, row => row.Before?.Min)
            .Integer("before_max", "max", "largest value of the traces before", CellFormat.Amount, ColumnAudience.Machine, row => row.Before?.Max)
            .Real("before_deviation", "±", "largest distance of a trace from the median, as a share of the median", CellFormat.Percent, ColumnAudience.Machine,
                row => row.Before?.Deviation)
            .Integer("after", "after", "median of the traces after", CellFormat.Amount, ColumnAudience.Everyone, row => row.After?.Median)
            .Integer("after_min", "min", "smallest value of the traces after", CellFormat.Amount, ColumnAudience.Machine, row => row.After?.Min)
            .Integer("after_max", "max", "largest value of the traces after", CellFormat.Amount, ColumnAudience.Machine, row => row.After?.Max)
            .Real("after_deviation", "±", "largest distance of a trace from the median, as a share of the median", CellFormat.Percent, ColumnAudience.Machine,
                row => row.After?.Deviation)
            .Integer("difference", "difference", "after − before", CellFormat.Amount, ColumnAudience.Machine, row => row.Difference)
            .Real("change", "change", "difference / before", CellFormat.Change, ColumnAudience.Everyone, row => row.Change)
            .Text("verdict", "verdict", "same, within noise, differs or unknown", ColumnAudience.Machine, row => row.Verdict.Name())
            .Build(Kept(rows, items));
    }

    /// <summary>For people: medians, and the range of the traces where a side has several.</summary>
    /// <param name="items">Items to keep, each with all its rows; 0 keeps all.</param>
    public static ReportTable BuildForPeople(TraceComparison comparison, Subject subject, int items, Func<ComparedRow, bool> isShown)
    {
        List<ComparedRow> rows = [.. comparison.Rows(subject).Where(isShown)];
        var ofSeveral = comparison.Traces.Count() > 2 ? ColumnAudience.Everyone : ColumnAudience.Machine;
        return ItemColumns(subject, rows)
            .Integer("before", "before", "median of the traces before", CellFormat.Amount, ColumnAudience.Everyone, row => row.Before?.Median)
            .Text("before_range", "range", "smallest and largest value of the traces before", ofSeveral, row => RangeOf(row.Metric, row.Before))
            .Integer("after", "after", "median of the traces after", CellFormat.Amount, ColumnAudience.Everyone, row => row.After?.Median)
            .Text("after_range", "range", "smallest and largest value of the traces after", ofSeveral, row => RangeOf(row.Metric, row.After))
            .Text("change", "change", "difference / before, or why there is none", ColumnAudience.Everyone, ChangeOf)
            .Build(Kept(rows, items));
    }

    private static TableBuilder<ComparedRow> ItemColumns(Subject subject, IReadOnlyList<ComparedRow> rows)
    {
        var forRegions = subject == Subject.Region ? ColumnAudience.Everyone : ColumnAudience.Machine;
        return new TableBuilder<ComparedRow>(subject.Title(), rows)
            .Text("table", "table", "what the row compares: total, code, place, region and so on", ColumnAudience.Machine, row => row.Item.Subject.Name())
            .Text("name", subject.Name(), "name of what the row compares", subject == Subject.Total ? ColumnAudience.Machine : ColumnAudience.Everyone,
                row => row.Item.Name)
            .Text("kind", "kind", "kind of the region", ColumnAudience.Machine, row => row.Item.RegionKind)
            .Text("prot", "prot", "protection of the region", forRegions, row => row.Item.Prot)
            .Text("process", "process", "process of the region, where there are several",
                rows.Any(row => row.Item.Process is not null) ? forRegions : ColumnAudience.Machine, row => row.Item.Process)
            .Integer("order", "#", "which of several regions with the same name, kind, protection and process", CellFormat.Id, forRegions,
                row => row.Item.Order == 0 ? null : row.Item.Order)
            .Text("metric", "figure", "figure that is compared", ColumnAudience.Everyone, row => row.Metric.Name());
    }

    private static string ChangeOf(ComparedRow row)
        => row.Verdict is Verdict.Same or Verdict.WithinNoise ? row.Verdict.Name()
            : row.Change is { } change ? Units.Change(change)
            : row.Difference > 0 ? "new" : "unknown";

    /// <summary>"1.20–3.41 ms": the unit once, where it is the same. Empty: there is only one value.</summary>
    private static string? RangeOf(Metric metric, Spread? spread)
    {
        if (spread is null || spread.Min == spread.Max)
            return spread is null ? null : "";
        var (min, max) = (metric.Format(spread.Min), metric.Format(spread.Max));
        var unit = max.IndexOf(' ', StringComparison.Ordinal) is >= 0 and var space ? max[space..] : "";
        return $"{(min.EndsWith(unit, StringComparison.Ordinal) ? min[..^unit.Length] : min)}–{max}";
    }

    private static int Kept(IReadOnlyList<ComparedRow> rows, int items) => items == 0 ? 0 : RowsOfItems(rows, items);

    private static int RowsOfItems(IReadOnlyList<ComparedRow> rows, int items)
    {
        var kept = 0;
        for (var met = 0; kept < rows.Count; kept++)
        {
            if ((kept == 0 || rows[kept].Item != rows[kept - 1].Item) && ++met > items)
                break;
        }

        return Math.Max(kept, 1);
    }
}
