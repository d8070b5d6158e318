using System.CommandLine;
using System.Globalization;
using Faultrec.Analyzer.Text;
using Faultrec.Recorder.Capture;
using Faultrec.Recorder.Options;
using Faultrec.Recorder.Probes;
using Faultrec.Traces;
using Faultrec.Traces.Metadata;

namespace Faultrec.Cli.Output;

/// <summary>What to capture and how: the options that record and trace share.</summary>
internal sealed class TargetOptions
{
    public const string CommandArgument = "COMMAND";

    private static readonly (string Name, Backend? Backend)[] BackendChoices =
        [("auto", null), .. Backend.Ladder.Select(backend => (backend.Name, (Backend?)backend))];

    private readonly Argument<string[]> _command = new(CommandArgument)
    {
        Description = "The command to run and record, with its children; best after --",
        Arity = ArgumentArity.ZeroOrMore,
    };
    private readonly Option<string?> _pid = new("--pid") { HelpName = "PID", Description = "A running process and what it starts, until it ends or Ctrl-C" };
    private readonly Option<string?> _comm = new("--comm") { HelpName = "NAME", Description = "Processes of this name, also those that start later; * and ? match any" };
    private readonly Option<string?> _cgroup = new("--cgroup") { HelpName = "PATH", Description = "A cgroup (v2) and its descendants: a container, a service" };
    private readonly Option<bool> _all = new("--all") { Description = "Every process on the machine" };
    private readonly Option<bool> _excludeSelf = new("--exclude-self") { Description = "Leave faultrec's own faults out (the default)" };
    private readonly Option<bool> _includeSelf = new("--include-self") { Description = "Record faultrec's own faults, too" };
    private readonly Option<string?> _duration = new("--duration") { HelpName = "TIME", Description = "End the recording after TIME: 10s, 500ms, 5m; the command runs on" };
    private readonly Option<string?> _every = new("--every") { HelpName = "N", Description = "Record one fault in N, at random distances; counts become estimates" };
    private readonly Option<string?> _maxRate = new("--max-rate") { HelpName = "N", Description = "Above N faults/s, record only a part of them" };
    private readonly Option<bool> _handlers = new("--handlers") { Description = "Also record which kernel function served each fault (fexit, kprobe)" };
    private readonly Option<bool> _why = new("--why") { Description = "Also record where the time of each fault went: reclaim, I/O, locks, …" };
    private readonly Option<bool> _slab = new("--slab") { Description = "Also count the kernel objects and pages that faults allocate" };
    private readonly Option<bool> _noFrames = new("--no-frames") { Description = "Leave out page-table levels, entries and physical frames" };
    private readonly Option<string?> _backend = new("--backend") { HelpName = "NAME", Description = $"How to capture: {Choice.List(BackendChoices)} (default: auto)" };
    private readonly Option<bool> _asRoot = new("--as-root") { Description = "Under sudo, run COMMAND as root, not as the user who called sudo" };

    public void AddTo(Command verb)
    {
        verb.Arguments.Add(_command);
        Option[] options = [_pid, _comm, _cgroup, _all, _excludeSelf, _includeSelf, _duration, _every, _maxRate, _handlers, _why, _slab, _noFrames, _backend, _asRoot];
        foreach (var option in options)
            verb.Options.Add(option);
    }

    /// <exception cref="FaultrecException">Not exactly one target, or a value that is none.</exception>
    public RecordOptions Parse(ParseResult result)
    {
        var options = new RecordOptions
        {
            Command = result.GetValue(_command) ?? [],
            Pid = result.GetValue(_pid) is { } pid ? (int)ParseNumber("--pid", pid, int.MaxValue, "a process id such as 1234") : null,
            Comm = result.GetValue(_comm),
            Cgroup = result.GetValue(_cgroup),
            All = result.GetValue(_all),
            IncludeSelf = result.GetValue(_includeSelf),
            Duration = result.GetValue(_duration) is { } time ? ParseDuration(time) : null,
            Every = result.GetValue(_every) is { } every ? (int)ParseNumber("--every", every, RateGuard.MaxEvery, $"a number from 1 to {RateGuard.MaxEvery}") : 1,
            MaxRatePerSecond = result.GetValue(_maxRate) is { } rate ? ParseNumber("--max-rate", rate, long.MaxValue, "faults per second such as 100000") : null,
            Handlers = result.GetValue(_handlers),
            Why = result.GetValue(_why),
            Slab = result.GetValue(_slab),
            NoFrames = result.GetValue(_noFrames),
            Backend = result.GetValue(_backend) is { } name ? Choice.Parse("--backend", name, BackendChoices) : null,
            AsRoot = result.GetValue(_asRoot),
            ToolVersion = ToolVersion.Text,
            OnNotice = notice => Talk.Say(HostileText.Visible(notice)),
        };
        if (result.GetValue(_excludeSelf) && options.IncludeSelf)
            throw new FaultrecException(ExitCode.Usage, "--exclude-self and --include-self contradict each other; give one of them");
        RequireOneTarget(options, result.CommandResult.Command.Name);
        return options;
    }

    private static void RequireOneTarget(RecordOptions options, string verb)
    {
        List<string> targets = [];
        if (options.Command.Count > 0)
            targets.Add("a command");
        if (options.Pid is not null)
            targets.Add("--pid");
        if (options.Comm is not null)
            targets.Add("--comm");
        if (options.Cgroup is not null)
            targets.Add("--cgroup");
        if (options.All)
            targets.Add("--all");
        if (targets.Count == 0)
            throw new FaultrecException(ExitCode.Usage, $"{verb} needs a target: a command after --, --pid, --comm, --cgroup or --all; see `faultrec {verb} --help`");
        if (targets.Count > 1)
            throw new FaultrecException(ExitCode.Usage, $"{string.Join(" and ", targets)}: expected one target; {verb} them one after the other, or use --all");
    }

    private static long ParseNumber(string option, string text, long most, string expected)
        => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0 && number <= most
            ? number
            : throw new FaultrecException(ExitCode.Usage, $"{option} {HostileText.Visible(text)}: expected {expected}");

    private static TimeSpan ParseDuration(string text)
        => DurationText.TryParse(text, out var ns) && ns > 0
            ? TimeSpan.FromTicks(ns / TimeSpan.NanosecondsPerTick)
            : throw new FaultrecException(ExitCode.Usage, $"--duration {HostileText.Visible(text)}: expected {DurationText.Expected}");
}
