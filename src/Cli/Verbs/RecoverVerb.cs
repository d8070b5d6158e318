using System.CommandLine;
using Faultrec.Analyzer.Text;
using Faultrec.Cli.Output;
using Faultrec.Recorder;
using Faultrec.Traces;
using Faultrec.Traces.Output;

namespace Faultrec.Cli.Verbs;

/// <summary>`faultrec recover SPOOL`: the trace of a recording whose recorder was killed.</summary>
internal static class RecoverVerb
{
    private const string SpoolSuffix = ".spool";

    public static Command Create()
    {
        var spool = new Argument<string>("SPOOL") { Description = "The .spool file that the recording left behind" };
        var output = new Option<string?>("--output", "-o") { HelpName = "FILE", Description = "The trace (default: SPOOL without .spool)" };
        var force = new Option<bool>("--force") { Description = "Overwrite FILE (default: keep the old one as FILE.old)" };
        var verb = new Command("recover", "Make a trace from the spool of a recording that was killed") { spool, output, force };
        verb.SetAction(result => Run(result.GetValue(spool)!, result.GetValue(output), result.GetValue(force)));
        return verb;
    }

    private static int Run(string spool, string? output, bool force)
    {
        output ??= spool.EndsWith(SpoolSuffix, StringComparison.Ordinal) && spool.Length > SpoolSuffix.Length
            ? spool[..^SpoolSuffix.Length]
            : throw new FaultrecException(
                ExitCode.Usage, $"{HostileText.Visible(spool)}: does not end in {SpoolSuffix}; name the trace to make with -o");
        var result = Recording.Recover(
            spool, output, force ? ExistingOutput.Overwrite : ExistingOutput.KeepAsOld, FinalizeProgress.ForTerminal());
        RecordVerb.Summarize(result);
        Talk.Say($"{HostileText.Visible(spool)} can be deleted now");
        return 0;
    }
}
