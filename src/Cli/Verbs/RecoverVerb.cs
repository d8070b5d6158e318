using System.CommandLine;
using Faultrec.Analyzer.Text;
using Faultrec.Cli.Output;
using Faultrec.Recorder;
using Faultrec.Traces;

namespace Faultrec.Cli.Verbs;

/// <summary>`faultrec recover SPOOL`: the trace of a recording whose recorder was killed.</summary>
internal static class RecoverVerb
{
    private const string SpoolSuffix = ".spool";

    public static Command Create()
    {
        var spool = new Argument<string>("SPOOL") { Description = "The .spool file that the recording left behind" };
        var output = new OutputOptions("The trace (default: SPOOL without .spool)");
        var noCache = CacheOption.Create();
        var verb = new Command("recover", "Make a trace from the spool of a recording that was killed") { spool, noCache };
        output.AddTo(verb);
        verb.SetAction(result => Run(result.GetRequiredValue(spool), output.Parse(result), result.GetValue(noCache)));
        return verb;
    }

    private static int Run(string spool, Destination to, bool noCache)
    {
        var output = to.Path is { } path ? path
            : spool.EndsWith(SpoolSuffix, StringComparison.Ordinal) && spool.Length > SpoolSuffix.Length
            ? spool[..^SpoolSuffix.Length]
            : throw new FaultrecException(
                ExitCode.Usage, $"{Escape.Visible(spool)}: does not end in {SpoolSuffix}; name the trace to make with -o");
        var result = Recording.Recover(
            spool, output, to.Existing, noCache, notice => Talk.Say(Escape.Visible(notice)), FinalizeLine.ForStderr().Report);
        RecordVerb.Summarize(result);
        Talk.Say($"{Escape.Visible(spool)} can be deleted now");
        return 0;
    }
}
