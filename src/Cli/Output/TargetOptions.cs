using System.CommandLine;
using Faultrec.Analyzer.Text;
using Faultrec.Recorder.Options;
using Faultrec.Recorder.Probes;
using Faultrec.Traces;
using Faultrec.Traces.Metadata;

namespace Faultrec.Cli.Output;

/// <summary>What to capture and how: the options that record and trace share.</summary>
internal sealed class TargetOptions
{
    public const string CommandArgument = "COMMAND";

    // By the name, what may be tried.
    private static readonly (string Name, IReadOnlyList<Backend> Backends)[] BackendChoices =
        [("auto", Backend.Ladder), .. Backend.Ladder.Select(backend => (backend.Name, (IReadOnlyList<Backend>)[backend]))];

    private readonly Argument<string[]> _command = new(CommandArgument)
    {
        Description = "The command to run and record, with its children; best after --",
        Arity = ArgumentArity.ZeroOrMore,
    };
    private readonly Option<int?> _pid = TypedOption.Number(
        "--pid", "PID", "A running process and what it starts, until it ends or Ctrl-C", 1, int.MaxValue, "a process id such as 1234");
    private readonly Option<string?> _comm = new("--comm")
    {
        HelpName = "NAME",
        Description = "Processes of this name, also those that start later; * and ? match any",
    };
    private readonly Option<string?> _cgroup = new("--cgroup") { HelpName = "PATH", Description = "A cgroup (v2) and its descendants: a container, a service" };
    private readonly Option<bool> _all = new("--all") { Description = "Every process on the machine" };
    private readonly Option<bool> _excludeSelf = new("--exclude-self") { Description = "Leave faultrec's own faults out (the default)" };
    private readonly Option<bool> _includeSelf = new("--include-self") { Description = "Record faultrec's own faults, too" };
    private readonly Option<long?> _duration = TypedOption.Time("--duration", "End the recording after TIME: 10s, 500ms, 5m; the command runs on", leastNs: 1);
    private readonly Option<int?> _every = TypedOption.Number("--every", "N", "Record one fault in N, at random distances; counts become estimates", 1,
        RateGuard.MaxEvery);
    private readonly Option<long?> _maxRate = TypedOption.Create<long?>(
        "--max-rate", "N", "Above N faults/s, record only a part of them",
        (option, text) => TypedOption.ParseNumber(option, text, 1, long.MaxValue, "faults per second such as 100000"));
    private readonly Option<bool> _handlers = new("--handlers") { Description = "Also record which kernel function served each fault (fexit, kprobe)" };
    private readonly Option<bool> _why = new("--why") { Description = "Also record where the time of each fault went: reclaim, I/O, locks, …" };
    private readonly Option<bool> _slab = new("--slab") { Description = "Also count the kernel objects and pages that faults allocate" };
    private readonly Option<bool> _noFrames = new("--no-frames") { Description = "Leave out page-table levels, entries and physical frames" };
    private readonly Option<IReadOnlyList<Backend>> _backend = Choice.Option("--backend", "NAME",
        $"How to capture: {Choice.List(BackendChoices)} (default: auto)", BackendChoices);
    private readonly Option<bool> _asRoot = new("--as-root") { Description = "Under sudo, run COMMAND as root, not as the user who called sudo" };

    public void AddTo(Command verb)
    {
        verb.Arguments.Add(_command);
        Option[] options =
        [
            _pid, _comm, _cgroup, _all, _excludeSelf, _includeSelf, _duration, _every, _maxRate, _handlers, _why, _slab, _noFrames, _backend, _asRoot,
        ];
        foreach (var option in options)
            verb.Options.Add(option);
    }

    /// <exception cref="FaultrecException">Not exactly one target, or a value that is none.</exception>
    public RecordOptions Parse(ParseResult result)
    {
        var options = new RecordOptions
        {
            Command = result.GetValue(_command) ?? [],
            Pid = result.GetValue(_pid),
            Comm = result.GetValue(_comm),
            Cgroup = result.GetValue(_cgroup),
            All = result.GetValue(_all),
            IncludeSelf = result.GetValue(_includeSelf),
            Duration = result.GetValue(_duration) is { } ns ? TimeSpan.FromTicks(ns / TimeSpan.NanosecondsPerTick) : null,
            Every = result.GetValue(_every) ?? 1,
            MaxRatePerSecond = result.GetValue(_maxRate),
            Handlers = result.GetValue(_handlers),
            Why = result.GetValue(_why),
            Slab = result.GetValue(_slab),
            NoFrames = result.GetValue(_noFrames),
            Backend = result.GetValue(_backend) is [var only] ? only : null,
            AsRoot = result.GetValue(_asRoot),
            ToolVersion = ToolVersion.Text,
            OnNotice = notice => Talk.Say(Escape.Visible(notice)),
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
        {
            throw new FaultrecException(ExitCode.Usage,
                $"{verb} needs a target: a command after --, --pid, --comm, --cgroup or --all; see `faultrec {verb} --help`");
        }

        if (targets.Count > 1)
            throw new FaultrecException(ExitCode.Usage, $"{string.Join(" and ", targets)}: expected one target; {verb} them one after the other, or use --all");
    }
}
