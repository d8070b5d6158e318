using System.CommandLine;
using Faultrec.Analyzer.Render;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Simulate;
using Faultrec.Cli.Output;
using Faultrec.Replay;
using Faultrec.Traces;
using Faultrec.Traces.Files;

namespace Faultrec.Cli.Verbs;

internal sealed record SimulateArgs(string Trace, bool IsAdvice, bool IsChecked, ReportFormat Format, Destination Output, int? Top, FaultFilter Filter);

/// <summary>`faultrec simulate TRACE` and `faultrec advise TRACE`: what the recorded faults would have been, and what to change.</summary>
internal static class SimulateVerb
{
    public static Command CreateSimulate() => Create("simulate", "Estimate faults with huge pages, populated mappings or larger pages", isAdvice: false);

    public static Command CreateAdvise() => Create("advise", "Show which change to which region saves most faults, and at what price", isAdvice: true);

    private static Command Create(string name, string description, bool isAdvice)
    {
        var trace = CommonOptions.Trace();
        var format = CommonOptions.Format(CommonOptions.ReportFormats);
        var output = new OutputOptions();
        var top = CommonOptions.Top();
        var filter = new FilterOptions();
        var command = new Command(name, description) { trace, format, top };
        output.AddTo(command);
        var check = new Option<bool>("--check") { Description = "Replay the trace with the advice applied; compare predicted with measured" };
        if (isAdvice)
            command.Options.Add(check);
        filter.AddTo(command);
        command.SetAction(result => Run(new SimulateArgs(
            CommonOptions.Of(result, trace),
            isAdvice,
            isAdvice && result.GetValue(check),
            result.GetValue(format),
            output.Parse(result),
            result.GetValue(top),
            filter.Parse(result))));
        return command;
    }

    private static int Run(SimulateArgs args)
    {
        OutputTarget.Check(args.Output, [args.Trace]);
        using var reader = TraceReader.Open(args.Trace);
        var filter = args.Filter.In(args.Trace, reader.Metadata);
        var simulation = Simulation.Run(reader, filter);
        var advice = args.IsAdvice ? Advice.Of(simulation) : null;
        if (args.IsChecked)
            return ReplayVerb.Interruptible(cancelled => Write(args, simulation, AdviceCheck.Run(reader, filter, advice!, cancelled)));
        Write(args, simulation, advice);
        return (int)ExitCode.Ok;
    }

    private static void Write(SimulateArgs args, Simulation simulation, IReadOnlyList<Advice>? advice)
    {
        if (args.Format == ReportFormat.Json)
            OutputTarget.WriteJson(args.Output, [args.Trace], json => SimulationReport.WriteJson(json, simulation, advice, args.Top ?? 0));
        else
            OutputTarget.WriteText(args.Output, [args.Trace], writer => WriteText(writer, simulation, advice, args));
    }

    private static void WriteText(TextWriter writer, Simulation simulation, IReadOnlyList<Advice>? advice, SimulateArgs args)
    {
        if (args.Format == ReportFormat.Csv)
            SimulationReport.WriteCsv(writer, simulation, advice, args.Top ?? 0);
        else if (args.Format == ReportFormat.Markdown)
            SimulationReport.WriteMarkdown(writer, simulation, advice, args.Top ?? CommonOptions.RowsForPeople);
        else
            SimulationReport.WriteText(writer, simulation, advice, args.Top ?? CommonOptions.RowsForPeople, OutputTarget.StyleFor(args.Output));
    }
}
