using System.Globalization;
using Faultrec.Analyzer.Text;
using Faultrec.Recorder.Options;

namespace Faultrec.Cli.Output;

/// <summary>What finalizing is doing. What is quick needs no progress.</summary>
internal sealed class FinalizeLine(ProgressLine line)
{
    public static FinalizeLine ForStderr()
        => new(ProgressLine.IsOnTerminal
            ? new ProgressLine(TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(0.1), Talk.Show, Talk.Clear)
            : new ProgressLine(TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(5), Talk.Say, () => { }));

    /// <param name="progress">Null: finalizing has ended. Nothing is written after that.</param>
    public void Report(FinalizeProgress? progress)
    {
        if (progress is { } now)
            line.Report(() => TextOf(now));
        else
            line.End();
    }

    internal static string TextOf(FinalizeProgress progress)
    {
        const double million = 1e6;
        var (done, total) = (progress.Done, progress.Total);
        return progress.Step switch
        {
            FinalizeStep.ReadingSpool => string.Create(CultureInfo.InvariantCulture, $"reading the recording: {100 * done / Math.Max(total, 1)} %"),
            FinalizeStep.ReadingNames when total == 0 => $"reading names: {Units.Of(done, "file")}",
            FinalizeStep.ReadingNames => $"reading names: {Units.Count(done)} of {Units.Of(total, "file")}",
            _ => string.Create(CultureInfo.InvariantCulture, $"writing rows: {done / million:0.0} of {total / million:0.0} M"),
        };
    }
}
