using System.Globalization;
using Faultrec.Analyzer.Text;
using Faultrec.Recorder.Options;

namespace Faultrec.Cli.Output;

/// <summary>How a recording goes, once a second, for the person at the terminal.</summary>
/// <param name="durationNs">After which it ends; null: it goes on.</param>
internal sealed class CaptureLine(ProgressLine line, long? durationNs)
{
    private const long SecondNs = 1_000_000_000;

    private CaptureProgress _before;

    /// <summary>Null where nobody would see it, or where it would be in the way: a command writes to the same terminal.</summary>
    public static CaptureLine? ForStderr(RecordOptions options)
    {
        var second = TimeSpan.FromSeconds(1);
        return options.Command.Count > 0 || !ProgressLine.IsOnTerminal
            ? null
            : new CaptureLine(new ProgressLine(second, second, Talk.Show, Talk.Clear), (long?)options.Duration?.TotalNanoseconds);
    }

    /// <param name="progress">Null: the recording has ended. Nothing is written after that.</param>
    public void Report(CaptureProgress? progress)
    {
        if (progress is { } now)
            line.Report(() => TextOf(now));
        else
            line.End();
    }

    /// <summary>The rate is that since the last text.</summary>
    internal string TextOf(CaptureProgress now)
    {
        var faults = now.Faults - _before.Faults;
        var rate = faults * (double)SecondNs / Math.Max(1, now.ElapsedNs - _before.ElapsedNs);
        var of = durationNs is { } limit ? $" of {Elapsed(limit)}" : "";
        _before = now;
        return $"recording: {Elapsed(now.ElapsedNs / SecondNs * SecondNs)}{of}, {Units.Of(now.Faults, "fault")} "
            + $"({Units.Count((long)Math.Round(rate))}/s), {Units.Count(now.Lost)} lost";
    }

    private static string Elapsed(long ns)
        => ns < 60 * SecondNs && ns % SecondNs == 0 ? string.Create(CultureInfo.InvariantCulture, $"{ns / SecondNs} s") : Units.Duration(ns);
}
