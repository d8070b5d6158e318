using System.CommandLine;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Text;
using Faultrec.Traces;

namespace Faultrec.Cli.Output;

/// <summary>Which faults: the options of every verb that reads or shows them.</summary>
/// <param name="isLive">Faults as they happen: where --pid and --comm already say what to capture, and only severities can be told.</param>
/// <param name="ofParts">False: without --region and --kind, which the verb has for something else.</param>
/// <param name="endName">Of the option that ends the window.</param>
/// <param name="endNote">Why it has that name; null: it is the usual one.</param>
internal sealed class FilterOptions(bool isLive = false, bool ofParts = true, string endName = "--to", string? endNote = null)
{
    private readonly Option<int[]> _pid = TypedOption.Repeatable("--pid", "PID", "Only faults of this process", Id);
    private readonly Option<int[]> _tid = TypedOption.Repeatable("--tid", "TID", "Only faults of this thread", Id);
    private readonly Option<string[]> _comm = TypedOption.Repeatable("--comm", "NAME", "Only faults under this thread name; * and ? match any");
    private readonly Option<string[]> _region = TypedOption.Repeatable("--region", "NAME|ID",
        "Only faults in regions with this id, or with NAME in their name");
    private readonly Option<(Severity? Severity, FaultKind? Kind)[]> _kind = TypedOption.Repeatable(
        "--kind", "KIND", $"Only faults of this kind: {(isLive ? SeverityNames.All : "major, failed, anon_write and others")}",
        (option, text) => KindOf(option, text, isLive));
    private readonly Option<string?> _phase = new("--phase") { HelpName = "NAME", Description = "Only faults of this phase: see report --by phase" };
    private readonly Option<Moment?> _from = Time(
        "--from", $"Only faults from TIME after the start on: 1.5s, 200ms{(isLive ? "" : ", or a mark")}", isLive);
    private readonly Option<Moment?> _to = Time(endName, $"Only faults before this time{(endNote is null ? "" : $" ({endNote})")}", isLive);

    /// <summary>A time, or the name of a mark.</summary>
    private sealed record Moment(long? Ns, string? Mark);

    public void AddTo(Command command)
    {
        if (!isLive)
            command.Options.Add(_pid);
        command.Options.Add(_tid);
        if (!isLive)
            command.Options.Add(_comm);
        if (ofParts)
        {
            command.Options.Add(_region);
            command.Options.Add(_kind);
        }

        if (!isLive)
            command.Options.Add(_phase);
        command.Options.Add(_from);
        command.Options.Add(_to);
    }

    public FaultFilter Parse(ParseResult result)
    {
        var kinds = ofParts ? result.GetValue(_kind) ?? [] : [];
        var (from, to) = (result.GetValue(_from), result.GetValue(_to));
        var filter = new FaultFilter
        {
            Pids = result.GetValue(_pid) ?? [],
            Tids = result.GetValue(_tid) ?? [],
            Comms = result.GetValue(_comm) ?? [],
            Regions = ofParts ? result.GetValue(_region) ?? [] : [],
            Severities = [.. kinds.Select(kind => kind.Severity).OfType<Severity>()],
            Kinds = [.. kinds.Select(kind => kind.Kind).OfType<FaultKind>()],
            FromNs = from?.Ns,
            ToNs = to?.Ns,
            FromMark = from?.Mark,
            ToMark = to?.Mark,
            Phase = isLive ? null : result.GetValue(_phase),
        };
        return filter.FromNs >= filter.ToNs
            ? throw new FaultrecException(ExitCode.Usage, $"--from is not before {endName}; expected a window with time in it; swap or widen them")
            : filter;
    }

    // A mark whose name begins as a number does can only be a phase: what is written there is a mistyped time.
    private static Option<Moment?> Time(string name, string description, bool isLive)
        => TypedOption.Create<Moment?>(name, "TIME", description, (option, text) => DurationText.TryParse(text, out var ns) ? new Moment(ns, null)
            : !isLive && IsMark(text) ? new Moment(null, text)
            : throw TypedOption.Wrong(option, text, DurationText.Expected + (isLive ? "" : ", or the name of a mark")));

    private static bool IsMark(string text)
        => text.Length > 0 && !char.IsAsciiDigit(text[0]) && text[0] is not ('-' or '+' or '.') && !text.Any(char.IsControl);

    private static int Id(string option, string text) => (int)TypedOption.ParseNumber(option, text, 0, int.MaxValue, "a number such as 1234");

    private static (Severity? Severity, FaultKind? Kind) KindOf(string option, string text, bool isLive)
        => SeverityNames.TryParse(text, out var severity) ? (severity, null)
            : !isLive && FaultKindNames.TryParse(text, out var kind) ? (null, kind)
            : throw TypedOption.Wrong(option, text, isLive ? $"one of {SeverityNames.All}" : $"one of {SeverityNames.All}, or of {FaultKindNames.All}"
                + Suggestion.For(text, $"{SeverityNames.All}, {FaultKindNames.All}".Split(", ")));
}
