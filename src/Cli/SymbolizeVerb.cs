using System.CommandLine;
using Faultrec.Analyzer;
using Faultrec.Recorder.Symbols;
using Faultrec.Traces;

namespace Faultrec.Cli;

/// <summary>`faultrec symbolize TRACE`: adds names of functions that were not known when the trace was made.</summary>
internal static class SymbolizeVerb
{
    public static Command Create()
    {
        var trace = new Argument<string>("TRACE") { Description = "A recording with stacks" };
        var debugDir = new Option<string?>("--debug-dir") { HelpName = "DIR", Description = "Where debug files are: DIR/.build-id/xx/yyyy.debug" };
        var output = new Option<string?>("--output", "-o") { HelpName = "FILE", Description = "The new trace (default: TRACE, and the old one is kept as TRACE.old)" };
        var verb = new Command("symbolize", "Add names of functions that a trace lacks, by build id") { trace, debugDir, output };
        verb.SetAction(result => Run(result.GetValue(trace)!, result.GetValue(debugDir), result.GetValue(output)));
        return verb;
    }

    private static int Run(string path, string? debugDir, string? output)
    {
        output ??= path;
        using var symbolizer = new TraceSymbolizer(debugDir);
        var result = Write(path, output, symbolizer);
        if (File.Exists(output))
            File.Move(output, output + ".old", overwrite: true);
        File.Move(output + ".partial", output);
        foreach (var note in result.Notes)
            RecordVerb.Say(HostileText.Visible(note));
        RecordVerb.Say($"{HostileText.Visible(output)}: {result.Named} of {result.Missing} frames without a name have one now");
        return 0;
    }

    private static SymbolizeResult Write(string path, string output, TraceSymbolizer symbolizer)
    {
        using var trace = TraceReader.Open(path);
        var partial = output + ".partial";
        try
        {
            using var stream = new FileStream(partial, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 20);
            // Who could not read the old one shall not read the new one.
            if (OperatingSystem.IsLinux())
                File.SetUnixFileMode(stream.SafeFileHandle, File.GetUnixFileMode(path));
            return symbolizer.Run(trace, stream);
        }
        catch (Exception e)
        {
            if (File.Exists(partial))
                File.Delete(partial);
            if (e is not (IOException or UnauthorizedAccessException))
                throw;
            throw new FaultrecException(ExitCode.Usage, $"{output}: cannot be written ({e.Message}); name another output with -o", e);
        }
    }
}
