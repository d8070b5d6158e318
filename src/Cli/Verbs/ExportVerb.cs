using System.CommandLine;
using Faultrec.Analyzer.Export;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Text;
using Faultrec.Cli.Output;
using Faultrec.Traces;
using Faultrec.Traces.Files;

namespace Faultrec.Cli.Verbs;

internal sealed record ExportArgs(string Trace, ExportFormat Format, ExportWeight? Weight, Destination Output, FaultFilter Filter);

/// <summary>`faultrec export TRACE --to FORMAT`: a trace as a file for another tool.</summary>
internal static class ExportVerb
{
    private static readonly (string Name, ExportFormat? Format)[] Formats =
    [
        ("folded", ExportFormat.Folded), ("speedscope", ExportFormat.Speedscope), ("firefox", ExportFormat.Firefox), ("perfetto", ExportFormat.Perfetto),
        ("prefault-plan", ExportFormat.PrefaultPlan),
    ];

    private static readonly (string Name, ExportWeight? Weight)[] Weights =
        [("faults", ExportWeight.Faults), ("time", ExportWeight.Time), ("major", ExportWeight.Major)];

    public static Command Create()
    {
        var trace = CommonOptions.Trace("A recording; with stacks, except for prefault-plan");
        var to = Choice.Option("--to", "FORMAT", $"What to write: {Choice.List(Formats)}", Formats);
        var output = new OutputOptions();
        var weight = Choice.Option("--weight", "WEIGHT", "Count faults, time (ns in faults) or major (faults) (default: faults)", Weights);
        var filter = new FilterOptions(endName: "--until", endNote: "--to is the format");
        var command = new Command("export", "Write stacks for other viewers, or a plan for prefault") { trace, to, weight };
        output.AddTo(command);
        filter.AddTo(command);
        command.SetAction(result => Run(new ExportArgs(
            CommonOptions.Of(result, trace),
            result.GetValue(to) ?? throw NoFormat(),
            result.GetValue(weight),
            output.Parse(result),
            filter.Parse(result))));
        return command;
    }

    public static int Run(ExportArgs args)
    {
        Check(args);
        OutputTarget.Check(args.Output, [args.Trace]);
        using var reader = TraceReader.Open(args.Trace);
        if (args.Weight == ExportWeight.Time && !reader.Metadata.Backend.HasDurations)
        {
            throw new FaultrecException(ExitCode.BadInput,
                $"{args.Trace}: has no durations (backend {reader.Metadata.Backend}); --weight time needs them; use --weight faults");
        }

        var filter = args.Filter.In(args.Trace, reader.Metadata);
        string? note = null;
        OutputTarget.Write(args.Output, [args.Trace],
            stream => note = TraceExport.Write(reader, filter, args.Format, args.Weight ?? ExportWeight.Faults, stream), copiesInputs: true);
        if (note is not null)
            Talk.Say(Escape.Visible(note));
        return (int)ExitCode.Ok;
    }

    private static FaultrecException NoFormat()
        => new(ExitCode.Usage, $"export: no format; expected --to with one of {Choice.List(Formats)}, such as --to folded");

    private static void Check(ExportArgs args)
    {
        if (args is { Format: ExportFormat.PrefaultPlan, Weight: not null })
            throw new FaultrecException(ExitCode.Usage, "--weight: a prefault plan has no weights; leave the option out");
        if (args is { Format: ExportFormat.Perfetto, Weight: ExportWeight.Time })
            throw new FaultrecException(ExitCode.Usage, "--weight time: Perfetto samples have no weight; expected faults or major; use --to firefox for time");
        if (OutputTarget.IsTerminal(args.Output) && args.Format == ExportFormat.Perfetto)
            throw new FaultrecException(ExitCode.Usage, "--to perfetto: is binary, and stdout is a terminal; expected a file or a pipe; name a file with -o");
    }
}
