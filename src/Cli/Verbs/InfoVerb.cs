using System.CommandLine;
using Faultrec.Analyzer.Info;
using Faultrec.Cli.Output;
using Faultrec.Traces;
using Faultrec.Traces.Files;

namespace Faultrec.Cli.Verbs;

internal sealed record InfoArgs(string Trace, bool Json);

/// <summary>`faultrec info TRACE`: what the file says about itself and its recording.</summary>
internal static class InfoVerb
{
    private static readonly (string Name, bool Json)[] Formats = [("text", false), ("json", true)];

    public static Command Create()
    {
        var trace = new Argument<string>("TRACE") { Description = "Trace file" };
        var format = new Option<string>("--format") { HelpName = "FORMAT", Description = $"{Choice.List(Formats)} (default: text)" };
        var command = new Command("info", "Show a trace's metadata and capture receipt") { trace, format };
        command.SetAction(result => Run(new InfoArgs(
            result.GetRequiredValue(trace),
            Choice.Parse("--format", result.GetValue(format) ?? "text", Formats))));
        return command;
    }

    public static int Run(InfoArgs args)
    {
        using var reader = TraceReader.Open(args.Trace);
        var info = new TraceInfo(args.Trace, new FileInfo(args.Trace).Length, reader.RowCount, reader.RowGroups, reader.Metadata);
        if (args.Json)
            OutputTarget.WriteJson(null, [args.Trace], json => InfoJson.Write(json, info));
        else
            OutputTarget.WriteText(null, [args.Trace], writer => InfoText.Write(writer, info, OutputTarget.StyleFor(null)));
        return (int)ExitCode.Ok;
    }
}
