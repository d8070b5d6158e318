using Faultrec.Analyzer.Compare;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Render;

/// <summary>Several traces for people: a legend, notes on the traces, then one table per question.</summary>
internal static class SideBySideReport
{
    private const string LeftOut = "figures that no trace has, or that are 0 in all, are left out; "
        + "--by TABLE and the formats json and csv show each trace's other tables";

    /// <summary>The table of this name for several traces; null: its rows cannot be matched between traces.</summary>
    public static Subject? SubjectOf(TableDefinition table)
        => Enum.GetValues<Subject>().Cast<Subject?>().FirstOrDefault(subject => subject!.Value.Name() == table.Name);

    /// <param name="by">The only table below the totals; null prints those that diff has.</param>
    /// <param name="items">Items a table; 0 prints all.</param>
    public static void WriteText(TextWriter output, SideBySide traces, Subject? by, int items, TextStyle style)
    {
        for (var i = 0; i < traces.Traces.Count; i++)
            TextLines.WriteWrapped(output, $"{SideBySide.Letter(i)} {Legend(traces.Traces[i])}", static line => line);
        foreach (var note in Notes(traces))
            TextLines.WriteWrapped(output, note, style.Alarm);
        foreach (var table in Tables(traces, by, items))
        {
            output.Write($"\n{style.Title(table.Title)}\n");
            TextTable.Write(output, table, style);
        }

        output.Write('\n');
        TextLines.WriteWrapped(output, LeftOut, style.Dim);
    }

    /// <param name="by">The only table below the totals; null prints those that diff has.</param>
    /// <param name="items">Items a table; 0 prints all.</param>
    public static void WriteMarkdown(TextWriter output, SideBySide traces, Subject? by, int items)
    {
        output.Write($"# Page faults of {Units.Of(traces.Traces.Count, "trace")}\n\n");
        for (var i = 0; i < traces.Traces.Count; i++)
            output.Write($"- {SideBySide.Letter(i)}: {Escape.Markdown(Legend(traces.Traces[i]))}\n");
        foreach (var note in Notes(traces))
            output.Write($"- **{Escape.Markdown(note)}**\n");
        foreach (var table in Tables(traces, by, items))
            MarkdownReport.WriteTable(output, table);
        output.Write($"\n{Escape.Markdown(LeftOut)}\n");
    }

    private static string Legend(TraceMeasures trace)
        => $"{trace.Path}: {RecordingText.Target(trace.Metadata)}; {RecordingText.Provenance(trace.Metadata)}";

    private static IEnumerable<string> Notes(SideBySide traces)
    {
        var sizes = traces.Traces.Select(trace => trace.Metadata.PageSize).Distinct().ToList();
        if (sizes.Count > 1)
        {
            yield return $"the page sizes differ ({string.Join(", ", sizes.Select(size => Units.Bytes(size)))}): "
                + "faults and pages cannot be compared between them";
        }

        foreach (var note in ComparisonText.Notes(traces.Traces, traces.Filter))
            yield return note;
    }

    private static IEnumerable<ReportTable> Tables(SideBySide traces, Subject? by, int items)
    {
        var subjects = by is { } one ? [Subject.Total, one] : SubjectNames.ForPeople(items);
        foreach (var subject in subjects)
        {
            for (var first = 0; first < traces.Traces.Count; first += SideBySideTables.MostTraces)
            {
                var table = SideBySideTables.Build(traces, subject, first, items);
                if (table.TotalRows > 0)
                    yield return table;
            }
        }
    }
}
