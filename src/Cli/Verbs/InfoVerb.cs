using System.CommandLine;
using Faultrec.Analyzer.Info;
using Faultrec.Cli.Output;
using Faultrec.Traces;
using Faultrec.Traces.Files;

namespace Faultrec.Cli.Verbs;

internal sealed record InfoArgs(string Trace, bool Json, ColourChoice Colour);

/// <summary>`faultrec info TRACE`: what the file says about itself and its recording.</summary>
internal static class InfoVerb
{
    public static Command Create()
    {
        var trace = CommonOptions.Trace();
        var format = CommonOptions.Format(CommonOptions.TextOrJson);
        var color = CommonOptions.Colour();
        var command = new Command("info", "Show a trace's metadata and capture receipt") { trace, format, color };
        command.SetAction(result => Run(new InfoArgs(
            CommonOptions.Of(result, trace), result.GetValue(format) == ReportFormat.Json, result.GetValue(color))));
        return command;
    }

    public static int Run(InfoArgs args)
    {
        using var reader = TraceReader.Open(args.Trace);
        var info = new TraceInfo(args.Trace, new FileInfo(args.Trace).Length, reader.RowCount, reader.RowGroups, reader.Metadata);
        var output = Destination.Stdout with { Colour = args.Colour };
        if (args.Json)
            OutputTarget.WriteJson(output, [args.Trace], json => InfoJson.Write(json, info));
        else
            OutputTarget.WriteText(output, [args.Trace], writer => InfoText.Write(writer, info, OutputTarget.StyleFor(output)));
        return (int)ExitCode.Ok;
    }
}
