using System.CommandLine;
using System.Globalization;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Text;
using Faultrec.Traces;

namespace Faultrec.Cli.Output;

/// <summary>The filter options that report and dump share.</summary>
/// <param name="isLive">Faults as they happen: where --pid and --comm already say what to capture, and only severities can be told.</param>
/// <param name="endName">Of the option that ends the window.</param>
internal sealed class FilterOptions(bool isLive = false, string endName = "--to")
{
    private readonly Option<string[]> _pid = Repeatable("--pid", "PID", "Only faults of this process");
    private readonly Option<string[]> _tid = Repeatable("--tid", "TID", "Only faults of this thread");
    private readonly Option<string[]> _comm = Repeatable("--comm", "NAME", "Only faults under this thread name; * and ? match any");
    private readonly Option<string[]> _region = Repeatable("--region", "NAME|ID", "Only faults in regions with this id, or with NAME in their name");
    private readonly Option<string[]> _kind = Repeatable("--kind", "KIND", $"Only faults of this kind: {(isLive ? SeverityNames.All : "major, failed, anon_write and others")}");
    private readonly Option<string?> _from = new("--from") { HelpName = "TIME", Description = "Only faults from TIME after the start on: 1.5s, 200ms" };
    private readonly Option<string?> _to = new(endName) { HelpName = "TIME", Description = "Only faults before this time" };

    public void AddTo(Command command)
    {
        if (!isLive)
            command.Options.Add(_pid);
        command.Options.Add(_tid);
        if (!isLive)
            command.Options.Add(_comm);
        command.Options.Add(_region);
        command.Options.Add(_kind);
        command.Options.Add(_from);
        command.Options.Add(_to);
    }

    public FaultFilter Parse(ParseResult result)
    {
        var kinds = result.GetValue(_kind) ?? [];
        var filter = new FaultFilter
        {
            Pids = Array.ConvertAll(result.GetValue(_pid) ?? [], text => Id("--pid", text)),
            Tids = Array.ConvertAll(result.GetValue(_tid) ?? [], text => Id("--tid", text)),
            Comms = result.GetValue(_comm) ?? [],
            Regions = result.GetValue(_region) ?? [],
            Severities = [.. kinds.Where(kind => SeverityNames.TryParse(kind, out _)).Select(SeverityOf)],
            Kinds = [.. kinds.Where(kind => !SeverityNames.TryParse(kind, out _)).Select(KindOf)],
            FromNs = Time("--from", result.GetValue(_from)),
            ToNs = Time(endName, result.GetValue(_to)),
        };
        return filter.FromNs >= filter.ToNs
            ? throw new FaultrecException(ExitCode.Usage, $"--from is not before {endName}; expected a window with time in it; swap or widen them")
            : filter;
    }

    private static Option<string[]> Repeatable(string name, string helpName, string description)
        => new(name) { HelpName = helpName, Description = description + "; repeatable", Arity = ArgumentArity.OneOrMore };

    private static int Id(string option, string text)
        => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var id)
            ? id
            : throw Usage(option, text, "a number such as 1234");

    private static Severity SeverityOf(string text) => SeverityNames.TryParse(text, out var severity) ? severity : default;

    private FaultKind KindOf(string text)
        => !isLive && FaultKindNames.TryParse(text, out var kind)
            ? kind
            : throw Usage("--kind", text, isLive ? $"one of {SeverityNames.All}" : $"one of {SeverityNames.All}, or of {FaultKindNames.All}");

    private static long? Time(string option, string? text)
        => text is null ? null
            : DurationText.TryParse(text, out var ns) ? ns
            : throw Usage(option, text, DurationText.Expected);

    private static FaultrecException Usage(string option, string found, string expected)
        => new(ExitCode.Usage, $"{option} {HostileText.Visible(found)}: expected {expected}");
}
