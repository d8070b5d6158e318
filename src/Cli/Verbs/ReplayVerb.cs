using System.CommandLine;
using System.Globalization;
using Faultrec.Analyzer.Text;
using Faultrec.Cli.Output;
using Faultrec.Recorder.Capture;
using Faultrec.Replay;
using Faultrec.Traces;
using Faultrec.Traces.Files;

namespace Faultrec.Cli.Verbs;

/// <param name="Pairs">Of plain and changed replays; 0: one replay.</param>
internal sealed record ReplayArgs(string Trace, bool IsJson, string? Output, int? Top, int Pairs, ReplayOptions Options);

/// <summary>`faultrec replay TRACE`: the same faults again, without the program.</summary>
internal static class ReplayVerb
{
    private const int RowsForPeople = 10;
    private const int MostScale = 1_000_000;
    private const int MostPairs = 1000;

    private static readonly (string Name, bool IsJson)[] Formats = [("text", false), ("json", true)];

    private static readonly (string Name, bool AreReal)[] Files = [("stand-in", false), ("real", true)];

    private static readonly (string Name, ReplayOrder Order)[] Orders = [("thread", ReplayOrder.Thread), ("strict", ReplayOrder.Strict)];

    public static Command Create()
    {
        var trace = new Argument<string>("TRACE") { Description = "Trace file" };
        var order = new Option<string?>("--order") { HelpName = "ORDER", Description = "thread: in order per thread; strict: in order over all (default: thread)" };
        var speed = new Option<string?>("--speed") { HelpName = "SPEED", Description = "max, or a multiple of the recorded pace: 1, 0.5, 10 (default: max)" };
        var scale = new Option<string?>("--scale") { HelpName = "N", Description = "Replay only one page in N" };
        var format = new Option<string?>("--format") { HelpName = "FORMAT", Description = $"{Choice.List(Formats)} (default: text)" };
        var output = new Option<string?>("--output", "-o") { HelpName = "FILE", Description = "Write to FILE instead of stdout (-)" };
        var top = new Option<string?>("--top") { HelpName = "N", Description = "Show N rows per table, 0 for all (default: 10)" };
        var files = new Option<string?>("--files") { HelpName = "WHICH", Description = "stand-in: read no recorded file; real: read them (default: stand-in)" };
        var swap = new Option<bool>("--swap") { Description = "Swap pages out before the faults that found them in swap" };
        var compare = new Option<string?>("--compare") { HelpName = "N", Description = "Measure a change: N replays with and N without it, in turns" };
        var whatIf = new WhatIfOptions();
        var filter = new FilterOptions();
        var command = new Command("replay", "Repeat the recorded faults without the program") { trace, order, speed, scale, files, swap, format, output, top };
        whatIf.AddTo(command);
        command.Options.Add(compare);
        filter.AddTo(command);
        command.SetAction(result => Run(new ReplayArgs(
            result.GetRequiredValue(trace),
            result.GetValue(format) is { } name && Choice.Parse("--format", name, Formats),
            result.GetValue(output),
            result.GetValue(top) is { } rows ? ReportVerb.ParseTop(rows) : null,
            result.GetValue(compare) is { } pairs ? NumberText.Parse("--compare", pairs, 1, MostPairs) : 0,
            new ReplayOptions(
                result.GetValue(order) is { } word ? Choice.Parse("--order", word, Orders) : ReplayOrder.Thread,
                Speed(result.GetValue(speed)),
                result.GetValue(scale) is { } pages ? NumberText.Parse("--scale", pages, 1, MostScale) : 1,
                filter.Parse(result))
            {
                UsesRealFiles = result.GetValue(files) is { } which && Choice.Parse("--files", which, Files),
                Swaps = result.GetValue(swap),
                Change = whatIf.Parse(result),
            })));
        return command;
    }

    public static int Run(ReplayArgs args)
    {
        if (args.Pairs > 0 && args.Options.Change.Words.Length == 0)
            throw new FaultrecException(ExitCode.Usage, "--compare: found no change; expected one of the what-if options, such as --thp always");
        OutputTarget.Check(args.Output, [args.Trace]);
        using var reader = TraceReader.Open(args.Trace);
        return Interruptible(cancelled =>
        {
            if (args.Pairs > 0)
                WritePairs(args, ReplayPairs.Run(reader, args.Options, args.Pairs, pair => Talk.Say($"pair {pair} of {args.Pairs}"), cancelled));
            else
                Write(args, TraceReplay.Run(reader, args.Options, cancelled));
        });
    }

    /// <summary>Runs what replays; a signal that ends a program ends it in order.</summary>
    /// <returns>Exit status.</returns>
    public static int Interruptible(Action<CancellationToken> run)
    {
        // Never disposed: a signal that comes as we end must not change our status.
        var ending = new CancellationTokenSource();
        var signals = OperatingSystem.IsLinux() ? new EndSignals(ending.Cancel) : null;
        try
        {
            run(ending.Token);
            return (int)ExitCode.Ok;
        }
        catch (OperationCanceledException)
        {
            Talk.Say("interrupted; the replay was ended");
            return 128 + signals!.Signal;
        }
    }

    private static void Write(ReplayArgs args, ReplayResult result)
    {
        if (args.IsJson)
            OutputTarget.WriteJson(args.Output, [args.Trace], json => ReplayJson.Write(json, result));
        else
            OutputTarget.WriteText(args.Output, [args.Trace], writer => ReplayText.Write(writer, result, args.Top ?? RowsForPeople, OutputTarget.StyleFor(args.Output)));
    }

    private static void WritePairs(ReplayArgs args, ReplayPairs pairs)
    {
        if (args.IsJson)
            OutputTarget.WriteJson(args.Output, [args.Trace], pairs.WriteJson);
        else
            OutputTarget.WriteText(args.Output, [args.Trace], writer => pairs.WriteText(writer, OutputTarget.StyleFor(args.Output)));
    }

    private static double Speed(string? text)
        => text is null or "max" ? 0
            : double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var speed) && speed is > 0 and <= 1e6 ? speed
            : throw new FaultrecException(ExitCode.Usage, $"--speed {HostileText.Visible(text)}: expected max, or a number such as 1, 0.5 or 10");
}
