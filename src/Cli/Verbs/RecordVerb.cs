using System.CommandLine;
using System.Globalization;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Text;
using Faultrec.Cli.Output;
using Faultrec.Recorder;
using Faultrec.Recorder.Capture;
using Faultrec.Recorder.Options;
using Faultrec.Recorder.Spool;
using Faultrec.Traces;
using Faultrec.Traces.Metadata;

namespace Faultrec.Cli.Verbs;

/// <summary>`faultrec record [-- COMMAND…]`: every page fault of a program, into one file.</summary>
internal static class RecordVerb
{
    public static Command Create()
    {
        var target = new TargetOptions();
        var output = new OutputOptions($"The trace (default: {CommonOptions.DefaultTrace})", CommonOptions.DefaultTrace);
        var maxSize = TypedOption.Size("--max-size", "End the recording when its working file reaches SIZE: 500MiB, 1GiB");
        var stacks = new Option<bool>("--stacks") { Description = "Record the user stack of each fault (default for a command and for --pid)" };
        var noStacks = new Option<bool>("--no-stacks") { Description = "Do not record stacks (a fault costs about 40 % less)" };
        var noJitMaps = new Option<bool>("--no-jit-maps") { Description = "Do not ask .NET and Node for the names of the code they generate" };
        var noCache = CacheOption.Create();
        var debuginfod = DebuginfodOption.Create();
        var strict = new Option<bool>("--strict") { Description = "Exit with 5 if anything was lost" };
        var verb = new Command("record", "Record every page fault of a command, of processes or of the machine")
        {
            maxSize, stacks, noStacks, noJitMaps, noCache, debuginfod, strict,
        };
        output.AddTo(verb);
        target.AddTo(verb);
        verb.SetAction(result =>
        {
            var to = output.Parse(result);
            var options = target.Parse(result) with
            {
                Output = to.Path!,
                Existing = to.Existing,
                MaxSizeBytes = result.GetValue(maxSize),
                Stacks = Stacks(result.GetValue(stacks), result.GetValue(noStacks)),
                NoJitMaps = result.GetValue(noJitMaps),
                NoCache = result.GetValue(noCache),
                Debuginfod = DebuginfodOption.Parse(result.GetValue(debuginfod)),
                OnFinalizing = FinalizeLine.ForStderr().Report,
            };
            return Run(options with { OnCapturing = CaptureLine.ForStderr(options) is { } line ? line.Report : null }, result.GetValue(strict));
        });
        return verb;
    }

    public static int Run(RecordOptions options, bool strict)
    {
        // Never disposed: a Ctrl-C that comes as we end must not change our status.
        var result = Recording.Run(options, new EndSignals());
        Summarize(result);
        foreach (var failure in result.Failures)
            Talk.Say(Escape.Visible(failure.Message));
        if (strict && result is not { Failures: [], Metadata.Receipt.Complete: true })
            return (int)ExitCode.Incomplete;
        return result.ExitStatus ?? StatusWithoutCommand(result);
    }

    // A trace that ended early, as with --max-size, is what could be had.
    private static int StatusWithoutCommand(RecordResult result)
        => (int)(result.Failures.FirstOrDefault(failure => result.Metadata is null || failure.ExitCode != ExitCode.Incomplete)?.ExitCode ?? ExitCode.Ok);

    /// <summary>One line for the person at the terminal; stdout belongs to the recorded command.</summary>
    public static void Summarize(RecordResult result)
    {
        if (result.Metadata is not { } metadata)
            return;
        var receipt = metadata.Receipt;
        var duration = metadata.DurationNs / 1e9;
        Talk.Say($"{Escape.Visible(result.Output)}: {ReceiptText.Describe(receipt)}");
        Talk.Say(string.Create(
            CultureInfo.InvariantCulture,
            $"{duration:0.0} s recorded{EndNote(receipt)}, {result.TraceBytes / 1e6:0.0} MB; next: faultrec report {Escape.Visible(result.Output)}"));
    }

    private static string EndNote(Receipt receipt) => receipt.EndReason switch
    {
        EndReason.DiskFull => " (the disk is full)",
        EndReason.MaxSize => " (--max-size was reached)",
        _ => "",
    };

    private static bool? Stacks(bool wanted, bool unwanted) => (wanted, unwanted) switch
    {
        (true, true) => throw new FaultrecException(ExitCode.Usage, "--stacks and --no-stacks contradict each other; give one of them"),
        (true, _) => true,
        (_, true) => false,
        _ => null,
    };
}
