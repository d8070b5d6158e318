using System.CommandLine;
using System.Globalization;
using System.Reflection;
using Faultrec.Analyzer;
using Faultrec.Cli.Output;
using Faultrec.Recorder.Capture;
using Faultrec.Traces;

namespace Faultrec.Cli;

/// <summary>`faultrec record [-- COMMAND…]`: every page fault of a program, into one file.</summary>
internal static class RecordVerb
{
    public const string CommandArgument = "COMMAND";

    private static readonly (string Name, string Backend)[] Backends = [("auto", "auto"), ("tracepoint", "tracepoint"), ("perf", "perf")];

    public static Command Create()
    {
        var command = new Argument<string[]>(CommandArgument)
        {
            Description = "What to run and record, with its children; best after --",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var output = new Option<string>("--output", "-o") { HelpName = "FILE", Description = "The trace (default: trace.parquet)" };
        var force = new Option<bool>("--force") { Description = "Overwrite FILE (default: keep the old one as FILE.old)" };
        var noClobber = new Option<bool>("--no-clobber") { Description = "Refuse when FILE exists" };
        var pid = new Option<string?>("--pid") { HelpName = "PID", Description = "Record a running process, from now until it ends or Ctrl-C" };
        var duration = new Option<string?>("--duration") { HelpName = "TIME", Description = "End the recording after this: 10s, 500ms, 5m; the command runs on" };
        var maxSize = new Option<string?>("--max-size") { HelpName = "SIZE", Description = "End it when its working file reaches this: 500MiB, 1GiB" };
        var backend = new Option<string>("--backend") { HelpName = "NAME", Description = $"How to capture: {Choice.List(Backends)} (default: auto)" };
        var asRoot = new Option<bool>("--as-root") { Description = "Under sudo, run COMMAND as root, not as the user who called sudo" };
        var strict = new Option<bool>("--strict") { Description = "Exit with 5 when anything was lost" };
        var verb = new Command("record", "Record every page fault of a command or a process (as root)")
        {
            command, output, force, noClobber, pid, duration, maxSize, backend, asRoot, strict,
        };
        verb.SetAction(result =>
        {
            var options = new RecordOptions
            {
                Output = result.GetValue(output) ?? "trace.parquet",
                Existing = Existing(result.GetValue(force), result.GetValue(noClobber)),
                Command = result.GetValue(command) ?? [],
                Pid = result.GetValue(pid) is { } text ? ParsePid(text) : null,
                Duration = result.GetValue(duration) is { } time ? ParseDuration(time) : null,
                MaxSizeBytes = result.GetValue(maxSize) is { } size ? SizeText.Parse("--max-size", size) : null,
                Backend = result.GetValue(backend) is { } name ? Choice.Parse("--backend", name, Backends) : "auto",
                AsRoot = result.GetValue(asRoot),
                ToolVersion = ToolVersion,
                OnFinalizing = FinalizeProgress.ForTerminal(),
            };
            return Run(options, result.GetValue(strict));
        });
        return verb;
    }

    public static string ToolVersion
        => typeof(RecordVerb).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    public static int Run(RecordOptions options, bool strict)
    {
        if (options.Command.Count > 0 == options.Pid is not null)
            throw new FaultrecException(ExitCode.Usage, "record needs one target: a command after --, or --pid PID; see `faultrec record --help`");
        // Never disposed: a Ctrl-C that comes as we end must not change our status.
        var result = Recording.Run(options, new EndSignals());
        Summarize(result);
        if (strict && !result.Metadata.Receipt.Complete)
            return (int)ExitCode.Incomplete;
        return result.ExitStatus ?? 0;
    }

    /// <summary>One line for the person at the terminal; stdout belongs to the recorded command.</summary>
    public static void Summarize(RecordResult result)
    {
        var receipt = result.Metadata.Receipt;
        var bytes = new FileInfo(result.Output).Length;
        var duration = result.Metadata.DurationNs / 1e9;
        Say($"{HostileText.Visible(result.Output)}: {ReceiptText.Describe(receipt)}");
        Say(string.Create(
            CultureInfo.InvariantCulture,
            $"{duration:0.0} s recorded{EndNote(receipt)}, {bytes / 1e6:0.0} MB; next: faultrec report {HostileText.Visible(result.Output)}"));
    }

    private static string EndNote(Receipt receipt) => receipt.EndReason switch
    {
        EndReason.DiskFull => " (the disk is full)",
        EndReason.MaxSize => " (--max-size was reached)",
        _ => "",
    };

    private static void Say(string line) => Console.Error.WriteLine($"faultrec: {line}");

    private static ExistingOutput Existing(bool force, bool noClobber) => (force, noClobber) switch
    {
        (true, true) => throw new FaultrecException(ExitCode.Usage, "--force and --no-clobber contradict each other; give one of them"),
        (true, _) => ExistingOutput.Overwrite,
        (_, true) => ExistingOutput.Refuse,
        _ => ExistingOutput.KeepAsOld,
    };

    private static int ParsePid(string text)
        => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var pid) && pid > 0
            ? pid
            : throw new FaultrecException(ExitCode.Usage, $"--pid {HostileText.Visible(text)}: expected a process id such as 1234");

    private static TimeSpan ParseDuration(string text)
        => DurationText.TryParse(text, out var ns) && ns > 0
            ? TimeSpan.FromTicks(ns / TimeSpan.NanosecondsPerTick)
            : throw new FaultrecException(ExitCode.Usage, $"--duration {HostileText.Visible(text)}: expected {DurationText.Expected}");
}
