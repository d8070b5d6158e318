using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Report;
using Faultrec.Traces.Metadata;
using Microsoft.Data.Analysis;

namespace Faultrec.Analyzer.Tables;

/// <summary>Makes a <see cref="ReportTable"/> of rows, column by column.</summary>
/// <param name="top">Rows to keep; 0 keeps all.</param>
internal sealed class TableBuilder<TRow>(ReportTableKind? kind, string title, IReadOnlyList<TRow> rows, int top)
{
    private readonly int _kept = top == 0 ? rows.Count : Math.Min(top, rows.Count);
    private readonly List<TableColumn> _columns = [];
    private readonly List<DataFrameColumn> _values = [];

    public TableBuilder<TRow> Text(string key, string heading, ColumnAudience audience, Func<TRow, string?> value, CellFormat format = CellFormat.Text)
    {
        var column = new StringDataFrameColumn(key, _kept);
        for (var i = 0; i < _kept; i++)
            column[i] = value(rows[i]);
        return Add(new TableColumn(key, heading, format, audience), column);
    }

    public TableBuilder<TRow> Integer(string key, string heading, CellFormat format, ColumnAudience audience, Func<TRow, long?> value)
    {
        var column = new Int64DataFrameColumn(key, _kept);
        for (var i = 0; i < _kept; i++)
            column[i] = value(rows[i]);
        return Add(new TableColumn(key, heading, format, audience), column);
    }

    public TableBuilder<TRow> Real(string key, string heading, CellFormat format, ColumnAudience audience, Func<TRow, double?> value)
    {
        var column = new DoubleDataFrameColumn(key, _kept);
        for (var i = 0; i < _kept; i++)
            column[i] = value(rows[i]);
        return Add(new TableColumn(key, heading, format, audience), column);
    }

    /// <summary>Which region a row is about.</summary>
    /// <param name="pid">Who sees the process.</param>
    public TableBuilder<TRow> Region(Func<TRow, int> id, Func<TRow, Region?> region, ColumnAudience pid = ColumnAudience.Wide)
        => Integer("id", "id", CellFormat.Id, ColumnAudience.Everyone, row => id(row))
            .Text("name", "region", ColumnAudience.Everyone, row => RegionNames.Of(region(row)))
            .Integer("pid", "pid", CellFormat.Id, pid, row => region(row)?.Pid);

    public TableBuilder<TRow> Counts(Func<TRow, FaultCounts> counts)
        => Integer("faults", "faults", CellFormat.Count, ColumnAudience.Everyone, row => counts(row).Faults)
            .Integer("minor", "minor", CellFormat.Count, ColumnAudience.Wide, row => counts(row).KnownMinor)
            .Integer("major", "major", CellFormat.Count, ColumnAudience.Everyone, row => counts(row).KnownMajor)
            .Integer("failed", "failed", CellFormat.Count, ColumnAudience.Wide, row => counts(row).Failed);

    /// <param name="detail">Who sees p90 and max.</param>
    /// <param name="time">Who sees the sum; as <paramref name="detail"/> when left out.</param>
    public TableBuilder<TRow> Latency(Func<TRow, LatencySummary> latency, ColumnAudience detail, ColumnAudience? time = null)
        => Integer("latency_p50_ns", "p50", CellFormat.DurationNs, ColumnAudience.Everyone, row => latency(row).P50Ns)
            .Integer("latency_p90_ns", "p90", CellFormat.DurationNs, detail, row => latency(row).P90Ns)
            .Integer("latency_p99_ns", "p99", CellFormat.DurationNs, ColumnAudience.Everyone, row => latency(row).P99Ns)
            .Integer("latency_max_ns", "max", CellFormat.DurationNs, detail, row => latency(row).MaxNs)
            .Integer("latency_sum_ns", "time", CellFormat.DurationNs, time ?? detail, row => latency(row).SumNs);

    public ReportTable Build() => new(kind, title, _columns, new DataFrame(_values), rows.Count);

    private TableBuilder<TRow> Add(TableColumn column, DataFrameColumn values)
    {
        _columns.Add(column);
        _values.Add(values);
        return this;
    }
}
