using System.CommandLine;
using Faultrec.Analyzer.Dump;
using Faultrec.Analyzer.Scan;
using Faultrec.Cli.Output;
using Faultrec.Traces;
using Faultrec.Traces.Files;

namespace Faultrec.Cli.Verbs;

internal sealed record DumpArgs(string Trace, bool Json, Destination Output, FaultFilter Filter);

/// <summary>`faultrec dump TRACE`: every record as it was captured.</summary>
internal static class DumpVerb
{
    private static readonly (string Name, ReportFormat Format)[] Formats = [("csv", ReportFormat.Csv), ("json", ReportFormat.Json)];

    public static Command Create()
    {
        var trace = CommonOptions.Trace();
        var format = CommonOptions.Format(Formats, "json: one object per line");
        var output = new OutputOptions();
        var filter = new FilterOptions();
        var command = new Command("dump", "Print every record of a trace") { trace, format };
        output.AddTo(command);
        filter.AddTo(command);
        command.SetAction(result => Run(new DumpArgs(
            CommonOptions.Of(result, trace),
            result.GetValue(format) == ReportFormat.Json,
            output.Parse(result),
            filter.Parse(result))));
        return command;
    }

    public static int Run(DumpArgs args)
    {
        using var reader = TraceReader.Open(args.Trace);
        var filter = args.Filter.In(args.Trace, reader.Metadata);
        OutputTarget.Write(args.Output, [args.Trace], stream => TraceDump.Write(reader, filter, args.Json, stream), copiesInputs: true);
        return (int)ExitCode.Ok;
    }
}
