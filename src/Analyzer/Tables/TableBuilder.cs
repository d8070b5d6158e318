using System.Text.Json;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Tables;

/// <summary>
/// Makes a <see cref="ReportTable"/> from rows, column by column. A column is also a member of the row in JSON, in the same order, under
/// its own key or another one (<c>json</c>; <see cref="NotInJson"/>: no member).
/// </summary>
internal sealed class TableBuilder<TRow>(string title, IReadOnlyList<TRow> rows)
{
    /// <summary>JSON has the column's value in another shape.</summary>
    public const string NotInJson = "";

    private readonly List<TableColumn> _columns = [];
    private readonly List<Delegate> _values = [];
    private readonly List<Action<Utf8JsonWriter, TRow>> _members = [];
    private Func<TRow, TRow?, RowText?>? _above;
    private Func<TRow, RowText?>? _beside;
    private Func<TRow, RowText?>? _below;

    public TableBuilder<TRow> Text(string key, string heading, string meaning, ColumnAudience audience, Func<TRow, string?> value, string? json = null)
        => Add(new TableColumn(key, heading, meaning, CellFormat.Text, audience), value, json, (writer, name, row) => writer.WriteString(name, value(row)));

    public TableBuilder<TRow> Integer(string key, string heading, string meaning, CellFormat format, ColumnAudience audience, Func<TRow, long?> value,
        string? json = null)
        => Add(new TableColumn(key, heading, meaning, format, audience), value, json, (writer, name, row) => writer.WriteNullable(name, value(row)));

    public TableBuilder<TRow> Real(string key, string heading, string meaning, CellFormat format, ColumnAudience audience, Func<TRow, double?> value,
        string? json = null)
        => Add(new TableColumn(key, heading, meaning, format, audience), value, json, (writer, name, row) => writer.WriteNullable(name, value(row)));

    /// <param name="format">Of lists: <see cref="CellFormat.Heat"/> or <see cref="CellFormat.HeatMap"/>.</param>
    public TableBuilder<TRow> Numbers(string key, string heading, string meaning, CellFormat format, ColumnAudience audience, Func<TRow,
        IReadOnlyList<long>> value,
        string? json = null)
        => Add(new TableColumn(key, heading, meaning, format, audience), value, json, (writer, name, row) => writer.WriteNumbers(name, value(row)));

    /// <summary>Members that only JSON has.</summary>
    public TableBuilder<TRow> Json(Action<Utf8JsonWriter, TRow> write)
    {
        _members.Add(write);
        return this;
    }

    /// <summary>An array of objects, which a text column abbreviates.</summary>
    public TableBuilder<TRow> JsonList<TItem>(string key, Func<TRow, IEnumerable<TItem>> items, Action<Utf8JsonWriter, TRow, TItem> write)
        => Json((json, row) =>
        {
            json.WriteStartArray(key);
            foreach (var item in items(row))
            {
                json.WriteStartObject();
                write(json, row, item);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        });

    /// <summary>Which region a row is about.</summary>
    /// <param name="pid">Who sees the process.</param>
    public TableBuilder<TRow> Region(Func<TRow, int> id, Func<TRow, Region?> region, ColumnAudience pid = ColumnAudience.Wide)
        => Integer("id", "id", "id of the region in the recording; 0: no known mapping", CellFormat.Id, ColumnAudience.Everyone, row => id(row))
            .Text("name", "region", "file, [heap], [stack] or other name of the mapping", ColumnAudience.Everyone, row => RegionNames.Of(region(row)))
            .Integer("pid", "pid", "process of the mapping", CellFormat.Id, pid, row => region(row)?.Pid);

    /// <param name="major">Who sees major faults; <paramref name="rest"/>: who sees minor and failed ones.</param>
    public TableBuilder<TRow> Counts(Func<TRow, FaultCounts> counts, ColumnAudience major = ColumnAudience.Everyone, ColumnAudience rest = ColumnAudience.Wide)
        => Faults(counts).Severities(counts, major, rest);

    /// <summary>The sum of <see cref="Counts"/> alone.</summary>
    public TableBuilder<TRow> Faults(Func<TRow, FaultCounts> counts)
        => Integer("faults", "faults", "faults; in a sample an estimate", CellFormat.Count, ColumnAudience.Everyone, row => counts(row).Faults);

    /// <summary>The parts of <see cref="Counts"/> without their sum.</summary>
    public TableBuilder<TRow> Severities(Func<TRow, FaultCounts> counts, ColumnAudience major, ColumnAudience rest)
        => Integer("minor", "minor", "minor faults", CellFormat.Count, rest, row => counts(row).KnownMinor)
            .Integer("major", "major", "major faults: they waited for a device or were retried; null: not known", CellFormat.Count, major,
                row => counts(row).KnownMajor)
            .Integer("failed", "failed", "faults for which the kernel raised a signal", CellFormat.Count, rest, row => counts(row).Failed)
            .Json((json, row) => json.WriteUnknownSeverity(counts(row)));

    /// <param name="detail">Who sees p90 and max.</param>
    /// <param name="time">Who sees the sum; as <paramref name="detail"/> when left out.</param>
    public TableBuilder<TRow> Latency(Func<TRow, LatencySummary> latency, ColumnAudience detail, ColumnAudience? time = null)
        => Integer("latency_p50_ns", "p50", "median of the known durations", CellFormat.DurationNs, ColumnAudience.Everyone, row => latency(row).P50Ns,
            NotInJson)
            .Integer("latency_p90_ns", "p90", "90th percentile of the known durations", CellFormat.DurationNs, detail, row => latency(row).P90Ns, NotInJson)
            .Integer("latency_p99_ns", "p99", "99th percentile of the known durations", CellFormat.DurationNs, ColumnAudience.Everyone,
                row => latency(row).P99Ns, NotInJson)
            .Integer("latency_max_ns", "max", "longest of the known durations", CellFormat.DurationNs, detail, row => latency(row).MaxNs, NotInJson)
            .Integer("latency_sum_ns", "time", "sum of the known durations", CellFormat.DurationNs, time ?? detail, row => latency(row).SumNs, NotInJson)
            .Json((json, row) => json.WriteLatency(latency(row)));

    /// <summary>Sum of the durations of these faults: null if the backend has no durations; JSON then has 0.</summary>
    public TableBuilder<TRow> Time(FaultReport report, Func<TRow, FaultCounts> counts)
        => Integer("latency_sum_ns", "time", "sum of the known durations", CellFormat.DurationNs, ColumnAudience.Everyone, row => report.TimeOf(counts(row)),
            NotInJson)
            .Json((json, row) => json.WriteNumber("fault_time_ns", counts(row).DurationNs));

    /// <param name="above">Given a row and the one before it, which is null for the first.</param>
    public TableBuilder<TRow> Above(Func<TRow, TRow?, RowText?> above)
    {
        _above = above;
        return this;
    }

    public TableBuilder<TRow> Beside(Func<TRow, RowText?> beside)
    {
        _beside = beside;
        return this;
    }

    public TableBuilder<TRow> Below(Func<TRow, RowText?> below)
    {
        _below = below;
        return this;
    }

    /// <param name="top">Rows to keep; 0 keeps all.</param>
    public ReportTable Build(int top, string? rowName = null)
        => new Table(this, top == 0 ? rows.Count : Math.Min(top, rows.Count)) { Title = title, RowName = rowName, TotalRows = rows.Count, Columns = _columns };

    private TableBuilder<TRow> Add<TValue>(TableColumn column, Func<TRow, TValue> value, string? json, Action<Utf8JsonWriter, string, TRow> write)
    {
        _columns.Add(column);
        _values.Add(value);
        if (json == NotInJson)
            return this;
        var name = json ?? column.Key;
        return Json((writer, row) => write(writer, name, row));
    }

    private sealed class Table(TableBuilder<TRow> builder, int kept) : ReportTable
    {
        private readonly IReadOnlyList<TRow> _rows = builder.Rows;

        public override int Rows => kept;

        public override string? Text(int row, int column) => Value<string?>(row, column);

        public override long? Integer(int row, int column) => Value<long?>(row, column);

        public override double? Real(int row, int column) => Value<double?>(row, column);

        public override IReadOnlyList<long> Numbers(int row, int column) => Value<IReadOnlyList<long>>(row, column);

        public override RowText? Above(int row) => builder._above?.Invoke(_rows[row], row == 0 ? default : _rows[row - 1]);

        public override RowText? Beside(int row) => builder._beside?.Invoke(_rows[row]);

        public override RowText? Below(int row) => builder._below?.Invoke(_rows[row]);

        public override void WriteJson(Utf8JsonWriter json, int row)
        {
            foreach (var write in builder._members)
                write(json, _rows[row]);
        }

        private TValue Value<TValue>(int row, int column) => ((Func<TRow, TValue>)builder._values[column])(_rows[row]);
    }

    private IReadOnlyList<TRow> Rows => rows;
}
