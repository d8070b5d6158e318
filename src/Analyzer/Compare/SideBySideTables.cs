using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Compare;

/// <summary>Tables with one column per trace. For people: programs use the traces' own tables in CSV and JSON.</summary>
internal static class SideBySideTables
{
    /// <summary>Traces in one table, so that its lines keep to <see cref="TextLines.Width"/>.</summary>
    public const int MostTraces = 5;

    /// <param name="first">The trace of the first column.</param>
    /// <param name="items">Items to keep, each with all its rows; 0 keeps all.</param>
    public static ReportTable Build(SideBySide traces, Subject subject, int first, int items)
    {
        var rows = traces.Rows(subject);
        var forRegions = subject == Subject.Region ? ColumnAudience.Everyone : ColumnAudience.Machine;
        var last = Math.Min(first + MostTraces, traces.Traces.Count) - 1;
        var title = traces.Traces.Count <= MostTraces ? subject.Title() : $"{subject.Title()}, {SideBySide.Letter(first)} to {SideBySide.Letter(last)}";
        var table = new TableBuilder<SideRow>(title, rows)
            .Text("name", subject.Name(), "name of the region, kind, process or file",
                subject == Subject.Total ? ColumnAudience.Machine : ColumnAudience.Everyone, row => row.IsFirst ? row.Item.Name : "")
            .Text("prot", "prot", "protection of the region", forRegions, row => row.IsFirst ? row.Item.Prot : "")
            .Text("process", "process", "process of the region, where there are several",
                rows.Any(row => row.Item.Process is not null) ? forRegions : ColumnAudience.Machine,
                row => row.IsFirst ? row.Item.Process : "")
            .Text("order", "#", "which of several regions with the same name, kind, protection and process", forRegions,
                row => row.IsFirst && row.Item.Order > 0 ? Units.Count(row.Item.Order) : "")
            .Text("metric", "figure", "figure that is compared", ColumnAudience.Everyone, row => row.Metric.Name());
        for (var trace = first; trace <= last; trace++)
        {
            var column = trace;
            table.Integer(SideBySide.Letter(column), SideBySide.Letter(column), "the figure in that trace; null: not known", CellFormat.Amount,
                ColumnAudience.Everyone, row => row.Values[column]);
        }

        return table.Build(items == 0 ? 0 : RowsOfItems(rows, items));
    }

    private static int RowsOfItems(IReadOnlyList<SideRow> rows, int items)
    {
        var kept = 0;
        for (var met = 0; kept < rows.Count; kept++)
        {
            if (rows[kept].IsFirst && ++met > items)
                break;
        }

        return Math.Max(kept, 1);
    }
}
