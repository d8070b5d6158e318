using System.Text.Json;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Compare;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Simulate;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Render;

/// <summary>A simulation, or the advice that follows from it, for people and for programs. Keys and columns: docs/simulate.md.</summary>
internal static class SimulationReport
{
    /// <param name="advice">That follows from it; null: only the simulation is asked for.</param>
    public static void WriteText(TextWriter output, Simulation simulation, IReadOnlyList<Advice>? advice, int top, TextStyle style)
    {
        TextLines.WriteWrapped(output, Headline(simulation, advice), style.Title);
        foreach (var note in Notes(simulation))
            TextLines.WriteWrapped(output, note, style.Dim);
        foreach (var table in Tables(simulation, advice, top))
        {
            output.Write($"\n{style.Title(table.Title)}\n");
            TextTable.Write(output, table, style);
        }

        if (advice is null)
            return;
        foreach (var change in advice.Take(top == 0 ? advice.Count : top).Select(row => (row.Scenario, row.Change)).Distinct())
            TextLines.WriteWrapped(output, $"{change.Scenario.Name()}: {change.Change}", static line => line);
    }

    public static void WriteMarkdown(TextWriter output, Simulation simulation, IReadOnlyList<Advice>? advice, int top)
    {
        output.Write($"**{Escape.Markdown(Headline(simulation, advice))}**\n\n");
        foreach (var note in Notes(simulation))
            output.Write($"- {Escape.Markdown(note)}\n");
        foreach (var table in Tables(simulation, advice, top))
            MarkdownReport.WriteTable(output, table);
    }

    /// <summary>One table: by region, or the advice.</summary>
    public static void WriteCsv(TextWriter output, Simulation simulation, IReadOnlyList<Advice>? advice, int top)
        => CsvReport.Write(output, Tables(simulation, advice, top)[^1], null, withHeader: true);

    public static void WriteJson(Utf8JsonWriter json, Simulation simulation, IReadOnlyList<Advice>? advice, int top)
    {
        json.WriteStartObject();
        json.WriteString("path", simulation.Path);
        json.WriteString("filter", simulation.Filter.ToString());
        json.WriteNumber("huge_fault_ns", simulation.HugeFaultNs);
        json.WriteNumber("huge_faults_seen", simulation.HugeFaultsSeen);
        json.WriteNumber("faults_without_region", simulation.Unmapped);
        json.WriteStrings("notes", Notes(simulation));
        foreach (var table in Tables(simulation, advice, top))
            json.WriteTable(table.Title.Replace(' ', '_'), table);
        json.WriteEndObject();
    }

    private static IReadOnlyList<ReportTable> Tables(Simulation simulation, IReadOnlyList<Advice>? advice, int top)
        => advice is not null
            ? [SimulationTables.Advice(advice, top)]
            : [SimulationTables.Scenarios(simulation), SimulationTables.Regions(simulation, top)];

    private static string Headline(Simulation simulation, IReadOnlyList<Advice>? advice)
    {
        var recorded = simulation.Total.Of(Scenario.Recorded);
        if (advice is null)
            return $"{Units.Of(recorded.Faults, "fault")} of {simulation.Path}, and what they would have been";
        if (advice is not [var best, ..])
            return $"No change to a region would save 1 % of the {Units.Of(recorded.Faults, "fault")} of {simulation.Path}.";
        var time = best.TimeSavedNs is { } saved ? $" and about {Units.Duration(saved)} in the fault handler" : "";
        var price = best.ExtraBytes is { } bytes ? $", for {Units.Bytes(bytes)} more memory" : "";
        return $"{best.Scenario.Name()} for {RegionNames.Of(best.Row.Region)} would save {Units.Count(best.FaultsSaved)} of "
            + $"{Units.Of(recorded.Faults, "fault")}{time}{price}: {best.Change}.";
    }

    private static IEnumerable<string> Notes(Simulation simulation)
    {
        yield return simulation.HugeFaultsSeen > 0
            ? $"a huge page's fault is taken as {Units.Duration(simulation.HugeFaultNs)}, "
                + $"the median of {Units.Of(simulation.HugeFaultsSeen, "such fault")} in the recording"
            : $"a huge page's fault is taken as {Units.Duration(simulation.HugeFaultNs)}, an assumption: the recording has none";
        if (simulation.Metadata.PageTable is not { Recorded: true })
            yield return "without page-table facts every fault is taken for one that found nothing mapped";
    }
}
