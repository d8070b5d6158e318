using System.Text.Json;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Compare;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Render;
using Faultrec.Analyzer.Simulate;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Files;

namespace Faultrec.Replay;

/// <summary>Plain and changed replays of one trace, in turns: what a change is worth, and how far that can be trusted.</summary>
internal sealed class ReplayPairs
{
    private static readonly (string Metric, Func<ReplayResult, long> Of)[] Figures =
    [
        ("faults", result => result.Replayed),
        ("major", result => Comparison.Of(result.Buckets).Major),
        ("touch_ns", result => result.TouchNs),
        ("fill_ns", result => result.FillNs),
        ("elapsed_ns", result => result.ElapsedNs),
        ("resident_bytes", result => result.ResidentBytes),
    ];

    private readonly List<ReplayResult> _plain = [];
    private readonly List<ReplayResult> _changed = [];

    private ReplayPairs()
    {
    }

    /// <param name="pairs">How often each is replayed.</param>
    /// <param name="progress">Called with the number of each pair, from 1, before it begins.</param>
    public static ReplayPairs Run(TraceReader reader, ReplayOptions options, int pairs, Action<int> progress, CancellationToken cancelled)
    {
        var result = new ReplayPairs();
        for (var pair = 1; pair <= pairs; pair++)
        {
            progress(pair);
            result._plain.Add(TraceReplay.Run(reader, options with { Change = ReplayChange.None }, cancelled));
            result._changed.Add(TraceReplay.Run(reader, options, cancelled));
        }

        return result;
    }

    public void WriteText(TextWriter output, TextStyle style)
    {
        var last = _changed[^1];
        TextLines.WriteWrapped(output,
            $"{Units.Of(last.Recorded, "recorded fault")} of {last.Path}, replayed plain and with {last.Options.Change.Description} in turns, "
            + $"{Units.Of(_plain.Count, "time")} each", style.Title);
        foreach (var note in last.Notes)
            TextLines.WriteWrapped(output, note, style.Title);
        output.Write('\n');
        TextTable.Write(output, Table(), style);
    }

    /// <summary>Keys: docs/replay.md.</summary>
    public void WriteJson(Utf8JsonWriter json)
    {
        var last = _changed[^1];
        json.WriteStartObject();
        json.WriteString("trace", last.Path);
        ReplayJson.WriteOptions(json, last.Options);
        json.WriteNumber("pairs", _plain.Count);
        ReplayJson.WriteNotes(json, last);
        json.WriteTable("figures", Table());
        json.WriteEndObject();
    }

    private ReportTable Table()
    {
        var rows = Figures.Select(figure => (figure.Metric, Plain: Side(_plain, figure.Of), Changed: Side(_changed, figure.Of))).ToList();
        const ColumnAudience everyone = ColumnAudience.Everyone;
        return new TableBuilder<(string Metric, Spread Plain, Spread Changed)>("figures", rows)
            .Text("metric", "figure", "figure that is compared", everyone, row => row.Metric)
            .Integer("plain", "plain", "median of the plain replays", CellFormat.Amount, everyone, row => row.Plain.Median)
            .Integer("plain_min", "min", "smallest value of the plain replays", CellFormat.Amount, everyone, row => row.Plain.Min)
            .Integer("plain_max", "max", "largest value of the plain replays", CellFormat.Amount, everyone, row => row.Plain.Max)
            .Integer("changed", "changed", "median of the changed replays", CellFormat.Amount, everyone, row => row.Changed.Median)
            .Integer("changed_min", "min", "smallest value of the changed replays", CellFormat.Amount, everyone, row => row.Changed.Min)
            .Integer("changed_max", "max", "largest value of the changed replays", CellFormat.Amount, everyone, row => row.Changed.Max)
            .Integer("difference", "difference", "changed − plain", CellFormat.Amount, ColumnAudience.Machine, row => row.Changed.Median - row.Plain.Median)
            .Real("change", "change", "difference / plain", CellFormat.Change, everyone,
                row => row.Plain.Median == 0 ? null : (row.Changed.Median - row.Plain.Median) / (double)row.Plain.Median)
            .Text("verdict", "verdict", "same, within noise, differs or unknown", everyone, row => Spread.Judge(row.Plain, row.Changed).Name())
            .Build(0);
    }

    private static Spread Side(List<ReplayResult> results, Func<ReplayResult, long> figure) => new([.. results.Select(figure)]);
}
