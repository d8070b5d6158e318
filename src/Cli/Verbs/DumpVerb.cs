using System.CommandLine;
using Faultrec.Analyzer.Dump;
using Faultrec.Analyzer.Scan;
using Faultrec.Cli.Output;
using Faultrec.Traces;
using Faultrec.Traces.Files;

namespace Faultrec.Cli.Verbs;

internal sealed record DumpArgs(string Trace, bool Json, string? Output, FaultFilter Filter);

/// <summary>`faultrec dump TRACE`: every record as it was captured.</summary>
internal static class DumpVerb
{
    private static readonly (string Name, bool Json)[] Formats = [("csv", false), ("json", true)];

    public static Command Create()
    {
        var trace = new Argument<string>("TRACE") { Description = "Trace file" };
        var format = new Option<string>("--format") { HelpName = "FORMAT", Description = "csv, or json with one object per line (default: csv)" };
        var output = new Option<string?>("--output", "-o") { HelpName = "FILE", Description = "Write to FILE instead of stdout (-)" };
        var filter = new FilterOptions();
        var command = new Command("dump", "Print every record of a trace") { trace, format, output };
        filter.AddTo(command);
        command.SetAction(result => Run(new DumpArgs(
            result.GetRequiredValue(trace),
            Choice.Parse("--format", result.GetValue(format) ?? "csv", Formats),
            result.GetValue(output),
            filter.Parse(result))));
        return command;
    }

    public static int Run(DumpArgs args)
    {
        using var reader = TraceReader.Open(args.Trace);
        OutputTarget.Write(args.Output, [args.Trace], stream => TraceDump.Write(reader, args.Filter, args.Json, stream), copiesInputs: true);
        return (int)ExitCode.Ok;
    }
}
