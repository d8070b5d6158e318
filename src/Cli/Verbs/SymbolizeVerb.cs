using System.CommandLine;
using Faultrec.Analyzer.Text;
using Faultrec.Cli.Output;
using Faultrec.Recorder.Symbols;
using Faultrec.Traces.Files;

namespace Faultrec.Cli.Verbs;

/// <summary>`faultrec symbolize TRACE`: adds names of functions that were not known when the trace was made.</summary>
internal static class SymbolizeVerb
{
    public static Command Create()
    {
        var trace = CommonOptions.Trace("A recording with stacks");
        var debugDir = new Option<string?>("--debug-dir") { HelpName = "DIR", Description = "Directory of debug files: DIR/.build-id/xx/yyyy.debug" };
        var debuginfod = DebuginfodOption.Create();
        var output = new OutputOptions("The new trace (default: TRACE)");
        var verb = new Command("symbolize", "Add function names that a trace lacks, found by build id") { trace, debugDir, debuginfod };
        output.AddTo(verb);
        verb.SetAction(result => Run(CommonOptions.Of(result, trace), result.GetValue(debugDir), DebuginfodOption.Parse(result.GetValue(debuginfod)),
            output.Parse(result)));
        return verb;
    }

    private static int Run(string path, string? debugDir, bool asksDebuginfod, Destination to)
    {
        var output = to.Path ?? path;
        using var symbolizer = new TraceSymbolizer(debugDir, asksDebuginfod);
        using var trace = TraceReader.Open(path);
        SymbolizeResult? result = null;
        OutputTarget.WriteTrace(to with { Path = output }, [path], stream =>
        {
            result = symbolizer.Run(trace, stream);
            return false;
        });
        foreach (var note in result!.Notes)
            Talk.Say(Escape.Visible(note));
        var have = result.Named == 1 ? "has" : "have";
        Talk.Say($"{Escape.Visible(output)}: {Units.Count(result.Named)} of {Units.Of(result.Missing, "frame")} without a name {have} one now");
        return 0;
    }
}
