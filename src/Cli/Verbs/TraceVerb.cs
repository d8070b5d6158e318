using System.CommandLine;
using System.Globalization;
using Faultrec.Analyzer.Live;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Text;
using Faultrec.Cli.Output;
using Faultrec.Recorder.Capture;
using Faultrec.Recorder.Live;
using Faultrec.Recorder.Options;
using Faultrec.Traces;
using Faultrec.Traces.Metadata;

namespace Faultrec.Cli.Verbs;

/// <param name="Top">Processes a block of the summary; 0 is all.</param>
/// <param name="IntervalNs">Null: lines, no summary.</param>
internal sealed record TraceArgs(RecordOptions Capture, bool Json, Destination Output, FaultFilter Filter, long? IntervalNs, int Top, LoadOrder Order);

/// <summary>`faultrec trace [-- COMMAND…]`: each page fault as it happens.</summary>
internal static class TraceVerb
{
    private const long ShortestIntervalNs = 100_000_000;
    private const long UsualIntervalNs = 1_000_000_000;

    private static readonly (string Name, LoadOrder Order)[] Orders = [("faults", LoadOrder.Faults), ("time", LoadOrder.Time), ("major", LoadOrder.Major)];

    public static Command Create()
    {
        var target = new TargetOptions();
        var output = new OutputOptions("Write to FILE instead of stdout, which COMMAND also uses");
        var format = CommonOptions.Format(CommonOptions.TextOrJson, "json: one object per line");
        var summary = new Option<bool>("--summary") { Description = "Show who faults now, one line per process, instead of one line per fault" };
        var interval = TypedOption.Time("--interval", "How often --summary is updated (default: 1s)", ShortestIntervalNs,
            $"at least 100ms, as {DurationText.Expected}");
        var top = CommonOptions.Top("Show N processes in --summary", forPrograms: false);
        var sort = Choice.Option("--sort", "ORDER", $"Sort --summary by {Choice.List(Orders)} (default: faults)",
            Array.ConvertAll(Orders, order => (order.Name, (LoadOrder?)order.Order)));
        var color = CommonOptions.Colour();
        var filter = new FilterOptions(isLive: true);
        var verb = new Command("trace", "Print each page fault as it happens, without storing anything") { format, summary, interval, top, sort, color };
        output.AddTo(verb);
        target.AddTo(verb);
        filter.AddTo(verb);
        verb.SetAction(result =>
        {
            return Run(new TraceArgs(
                target.Parse(result) with { Stacks = false },
                result.GetValue(format) == ReportFormat.Json,
                output.Parse(result) with { Colour = result.GetValue(color) },
                filter.Parse(result),
                Interval(result.GetValue(summary), result.GetValue(interval), result.GetValue(format) == ReportFormat.Json),
                OfSummary("--top", result.GetValue(summary), result.GetValue(top)) ?? CommonOptions.RowsForPeople,
                OfSummary("--sort", result.GetValue(summary), result.GetValue(sort)) ?? LoadOrder.Faults));
        });
        return verb;
    }

    public static int Run(TraceArgs args)
    {
        using var target = OutputTarget.OpenLive(args.Output);
        var output = new LiveOutput(target, showsAll: args.Json, (metadata, to) => CreateText(args, metadata, to));
        try
        {
            // Never disposed: a Ctrl-C that comes as we end must not change our status.
            var result = LiveCapture.Run(args.Capture, new EndSignals(), output);
            if (!result.IsReaderGone)
                Talk.Say(Summary(result, args.Filter, output.Matched));
            return result.ExitStatus ?? 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw OutputTarget.Failure(args.Output.Path ?? "stdout", e);
        }
    }

    private static ILiveText CreateText(TraceArgs args, TraceMetadata metadata, Stream output)
    {
        if (args.IntervalNs is not { } intervalNs)
            return new LiveLines(args.Filter, metadata, args.Json, output, OutputTarget.StyleFor(args.Output));
        var isTerminal = OutputTarget.IsTerminal(args.Output) && Environment.GetEnvironmentVariable("TERM") != "dumb";
        return new LiveSummary(
            args.Filter, metadata, intervalNs, args.Top, args.Order, output,
            isTerminal ? TerminalSize : null, OutputTarget.StyleFor(args.Output));
    }

    private static TerminalSize TerminalSize()
    {
        var (columns, lines) = LiveTerminal.SizeOf(OutputTarget.StdoutDescriptor);
        return new TerminalSize(columns, lines);
    }

    /// <summary>One line for the person at the terminal: what of all faults they have seen.</summary>
    private static string Summary(LiveResult result, FaultFilter filter, long matched)
    {
        var parts = new List<string> { string.Create(CultureInfo.InvariantCulture, $"{Units.Of(result.Faults, "fault")} in {result.DurationNs / 1e9:0.0} s") };
        if (!filter.IsEmpty)
            parts.Add($"{Units.Count(matched)} of them match {filter}");
        parts.Add(result.NotShown == 0
            ? "none went unseen"
            : $"{Units.Count(result.NotShown)} not shown, because the reader was slow (-o FILE, a filter or --summary help)");
        parts.Add($"{Units.Count(result.Lost)} lost by the probes");
        if (result.SampledOut > 0)
            parts.Add($"{Units.Count(result.SampledOut)} left out by sampling");
        if (result.KernelCount is { } kernel)
            parts.Add($"the kernel counted {Units.Count(kernel)}{(result.Failed > 0 ? $" and {Units.Count(result.Failed)} failed" : "")}");
        return Escape.Visible(string.Join(", ", parts));
    }

    private static long? Interval(bool isSummary, long? intervalNs, bool isJson)
    {
        if (isSummary && isJson)
            throw new FaultrecException(ExitCode.Usage, "--format json: --summary is text; leave one of them out");
        var asked = OfSummary("--interval", isSummary, intervalNs);
        return isSummary ? asked ?? UsualIntervalNs : null;
    }

    private static T? OfSummary<T>(string option, bool isSummary, T? value)
        where T : struct
        => value is null || isSummary ? value : throw new FaultrecException(ExitCode.Usage, $"{option}: works only with --summary; give both");
}
