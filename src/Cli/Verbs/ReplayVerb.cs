using System.CommandLine;
using System.Globalization;
using Faultrec.Cli.Output;
using Faultrec.Recorder.Capture;
using Faultrec.Replay;
using Faultrec.Traces;
using Faultrec.Traces.Files;

namespace Faultrec.Cli.Verbs;

/// <param name="Pairs">Of plain and changed replays; 0: one replay.</param>
internal sealed record ReplayArgs(string Trace, bool IsJson, Destination Output, int? Top, int Pairs, ReplayOptions Options);

/// <summary>`faultrec replay TRACE`: the same faults again, without the program.</summary>
internal static class ReplayVerb
{
    private const int MostScale = 1_000_000;
    private const int MostPairs = 1000;

    private static readonly (string Name, FileChoice Files)[] Files = [("stand-in", FileChoice.StandIn), ("real", FileChoice.Real)];

    private static readonly (string Name, ReplayOrder Order)[] Orders = [("thread", ReplayOrder.Thread), ("strict", ReplayOrder.Strict)];

    private enum FileChoice
    {
        StandIn,
        Real,
    }

    public static Command Create()
    {
        var trace = CommonOptions.Trace();
        var order = Choice.Option("--order", "ORDER", "thread: in order per thread; strict: in order over all (default: thread)", Orders);
        var speed = TypedOption.Create("--speed", "SPEED", "max, or a multiple of the recorded pace: 1, 0.5, 10 (default: max)", Speed);
        var scale = TypedOption.Number("--scale", "N", "Replay only one page in N", 1, MostScale);
        var format = CommonOptions.Format(CommonOptions.TextOrJson);
        var output = new OutputOptions();
        var top = CommonOptions.Top(forPrograms: false);
        var files = Choice.Option("--files", "WHICH", "stand-in: read no recorded file; real: read them (default: stand-in)", Files);
        var swap = new Option<bool>("--swap") { Description = "Swap pages out before the faults that found them in swap" };
        var compare = TypedOption.Number("--compare", "N", "Measure a change: N replays with and N without it, in turns", 1, MostPairs);
        var whatIf = new WhatIfOptions();
        var filter = new FilterOptions();
        var command = new Command("replay", "Repeat the recorded faults without the program") { trace, order, speed, scale, files, swap, format, top };
        output.AddTo(command);
        whatIf.AddTo(command);
        command.Options.Add(compare);
        filter.AddTo(command);
        command.SetAction(result => Run(new ReplayArgs(
            CommonOptions.Of(result, trace),
            result.GetValue(format) == ReportFormat.Json,
            output.Parse(result),
            result.GetValue(top),
            result.GetValue(compare) ?? 0,
            new ReplayOptions(
                result.GetValue(order),
                result.GetValue(speed),
                result.GetValue(scale) ?? 1,
                filter.Parse(result))
            {
                UsesRealFiles = result.GetValue(files) == FileChoice.Real,
                Swaps = result.GetValue(swap),
                Change = whatIf.Parse(result),
            })));
        return command;
    }

    public static int Run(ReplayArgs args)
    {
        if (args.Pairs > 0 && args.Options.Change.Description.Length == 0)
            throw new FaultrecException(ExitCode.Usage, "--compare: no change is given; expected one of the what-if options, such as --thp always");
        OutputTarget.Check(args.Output, [args.Trace]);
        using var reader = TraceReader.Open(args.Trace);
        var options = args.Options with { Filter = args.Options.Filter.In(args.Trace, reader.Metadata) };
        return Interruptible(cancelled =>
        {
            if (args.Pairs > 0)
                WritePairs(args, ReplayPairs.Run(reader, options, args.Pairs, pair => Talk.Say($"pair {pair} of {args.Pairs}"), cancelled));
            else
                Write(args, TraceReplay.Run(reader, options, cancelled));
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
        {
            OutputTarget.WriteJson(args.Output, [args.Trace], json => ReplayJson.Write(json, result));
        }
        else
        {
            OutputTarget.WriteText(args.Output, [args.Trace],
                writer => ReplayText.Write(writer, result, args.Top ?? CommonOptions.RowsForPeople, OutputTarget.StyleFor(args.Output)));
        }
    }

    private static void WritePairs(ReplayArgs args, ReplayPairs pairs)
    {
        if (args.IsJson)
            OutputTarget.WriteJson(args.Output, [args.Trace], pairs.WriteJson);
        else
            OutputTarget.WriteText(args.Output, [args.Trace], writer => pairs.WriteText(writer, OutputTarget.StyleFor(args.Output)));
    }

    private static double Speed(string option, string text)
        => text is "max" ? 0
            : double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var speed) && speed is > 0 and <= 1e6 ? speed
            : throw TypedOption.Wrong(option, text, "max, or a number such as 1, 0.5 or 10");
}
