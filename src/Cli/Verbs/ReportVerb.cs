using System.CommandLine;
using System.Text.Json;
using Faultrec.Analyzer.Compare;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Render;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Screen;
using Faultrec.Analyzer.Tables;
using Faultrec.Cli.Output;
using Faultrec.Traces;
using Faultrec.Traces.Files;

namespace Faultrec.Cli.Verbs;

/// <param name="Full">All tables as text, and not the first screen.</param>
/// <param name="Helpers">Tables for people have a row for each short-lived helper.</param>
/// <param name="By">The only table to print; null prints all that the format holds.</param>
/// <param name="Top">Rows a table; 0 is all, null the format's own choice.</param>
internal sealed record ReportArgs(
    IReadOnlyList<string> Traces, ReportFormat Format, Destination Output, bool Full, bool Helpers, TableDefinition? By, int? Top, FaultFilter Filter)
{
    /// <summary>What a person needs first; whoever asks for rows wants tables.</summary>
    public bool IsFirstScreen => Format is ReportFormat.Text or ReportFormat.Markdown && !Full && By is null && Top is null;
}

/// <summary>`faultrec report TRACE…`: who touched which pages, and what it cost.</summary>
internal static class ReportVerb
{
    private static readonly (string Name, TableDefinition? Table)[] Tables = [.. ReportTables.All.Select(table => (table.Name, (TableDefinition?)table))];

    public static Command Create()
    {
        var traces = CommonOptions.Traces();
        var format = CommonOptions.Format(CommonOptions.ReportFormats);
        var output = new OutputOptions();
        var color = CommonOptions.Colour();
        var full = new Option<bool>("--full") { Description = "Print every table, not only the first screen" };
        var by = Choice.Option("--by", "TABLE",
            "Show only one table:\n" + string.Join("\n", ReportTables.All.Select(table => $"{table.Name,-11} {table.Question}")), Tables);
        var top = CommonOptions.Top();
        var helpers = new Option<bool>("--helpers") { Description = "Show short-lived helper processes each in its own row, not as one" };
        var filter = new FilterOptions();
        var command = new Command("report", "Summarize faults: where, by whom, why, at what cost") { traces, format, full, by, top, helpers, color };
        output.AddTo(command);
        filter.AddTo(command);
        command.SetAction(result => Run(new ReportArgs(
            CommonOptions.Of(result, traces),
            result.GetValue(format),
            output.Parse(result) with { Colour = result.GetValue(color) },
            result.GetValue(full),
            result.GetValue(helpers),
            result.GetValue(by),
            result.GetValue(top),
            filter.Parse(result))));
        return command;
    }

    public static int Run(ReportArgs args)
    {
        OutputTarget.Check(args.Output, args.Traces);
        var subject = args.By is { } table ? SideBySideReport.SubjectOf(table) : null;
        if (args.Traces.Count > 1 && args.Format is ReportFormat.Text or ReportFormat.Markdown && (args.By is null || subject is not null))
            return RunSideBySide(args, subject);
        var reports = new List<FaultReport>(args.Traces.Count);
        foreach (var path in args.Traces)
        {
            using var reader = TraceReader.Open(path);
            if (args.By?.NeedsStacks == true)
                StackText.Require(path, reader.Metadata);
            var report = ReportBuilder.Build(reader, args.Filter.In(path, reader.Metadata), TablesOf(args), MoreFor(args));
            reports.Add(report with { Path = path, ShowsHelpers = args.Helpers });
        }

        if (args.Format == ReportFormat.Json)
            OutputTarget.WriteJson(args.Output, args.Traces, json => WriteJson(json, reports, args.Top ?? 0));
        else
            OutputTarget.WriteText(args.Output, args.Traces, writer => WriteText(writer, reports, args));
        return (int)ExitCode.Ok;
    }

    private static int RunSideBySide(ReportArgs args, Subject? by)
    {
        var traces = new SideBySide([.. args.Traces.Select(path => DiffVerb.Measure(path, args.Filter, withCode: false))], args.Filter);
        OutputTarget.WriteText(args.Output, args.Traces, writer =>
        {
            if (args.Format == ReportFormat.Markdown)
                SideBySideReport.WriteMarkdown(writer, traces, by, args.Top ?? CommonOptions.RowsForPeople);
            else
                SideBySideReport.WriteText(writer, traces, by, args.Top ?? CommonOptions.RowsForPeople, OutputTarget.StyleFor(args.Output));
        });
        return (int)ExitCode.Ok;
    }

    // What is said before the tables.
    private static IReadOnlyList<Measure> MoreFor(ReportArgs args) => args.Format switch
    {
        _ when args.IsFirstScreen => FirstScreen.Measures,
        ReportFormat.Text when args.By is not null => [ActivityAggregate.Measure],
        ReportFormat.Text => [ActivityAggregate.Measure, .. FaultReport.ForFirstLines],
        ReportFormat.Markdown when args.By is null => FaultReport.ForFirstLines,
        _ => [],
    };

    // JSON always has every table: its readers pick by key.
    private static IReadOnlyList<TableDefinition> TablesOf(ReportArgs args)
        => args.Format == ReportFormat.Json ? ReportTables.All
            : args.IsFirstScreen ? FirstScreen.Tables
            : args.By is { } table ? [table]
            : args.Format == ReportFormat.Csv ? [RegionTable.Definition]
            : ReportTables.InReport;

    private static void WriteText(TextWriter writer, List<FaultReport> reports, ReportArgs args)
    {
        for (var i = 0; i < reports.Count; i++)
        {
            if (args.Format == ReportFormat.Csv)
            {
                var table = (args.By ?? RegionTable.Definition).Build(reports[i], args.Top ?? 0);
                CsvReport.Write(writer, table, reports.Count > 1 ? reports[i].Path : null, withHeader: i == 0);
                continue;
            }

            if (i > 0)
                writer.Write('\n');
            if (args.IsFirstScreen && args.Format == ReportFormat.Markdown)
                ScreenReport.WriteMarkdown(writer, reports[i]);
            else if (args.IsFirstScreen)
                ScreenReport.Write(writer, reports[i], OutputTarget.WidthFor(args.Output), OutputTarget.StyleFor(args.Output));
            else if (args.Format == ReportFormat.Markdown)
                MarkdownReport.Write(writer, reports[i], args.By, args.Top ?? CommonOptions.RowsForPeople);
            else
                TextReport.Write(writer, reports[i], args.By, args.Top ?? CommonOptions.RowsForPeople, OutputTarget.StyleFor(args.Output));
        }
    }

    private static void WriteJson(Utf8JsonWriter json, List<FaultReport> reports, int top)
    {
        if (reports.Count > 1)
            json.WriteStartArray();
        foreach (var report in reports)
            JsonReport.Write(json, report, top);
        if (reports.Count > 1)
            json.WriteEndArray();
    }
}
