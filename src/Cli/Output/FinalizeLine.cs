using System.Globalization;
using Faultrec.Recorder.Options;

namespace Faultrec.Cli.Output;

/// <summary>
/// Tells what finalizing is doing: on a terminal in one line that is overwritten and removed at the end, otherwise in a line of its own
/// every few seconds. What is quick needs no progress.
/// </summary>
/// <param name="quiet">Until then nothing is shown.</param>
internal sealed class FinalizeLine(bool isTerminal, TimeSpan quiet, TimeSpan interval, Action<string> write)
{
    private readonly Lock _lock = new();
    private Timer? _timer;
    private FinalizeProgress _progress;
    private string _shown = "";

    public static FinalizeLine ForStderr()
        => Console.IsErrorRedirected
            ? new FinalizeLine(isTerminal: false, TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(5), Talk.Write)
            : new FinalizeLine(isTerminal: true, TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(0.1), Talk.Write);

    /// <param name="progress">Null: finalizing has ended. Nothing is written after that.</param>
    public void Report(FinalizeProgress? progress)
    {
        lock (_lock)
        {
            if (progress is { } now)
            {
                _progress = now;
                // By the clock, because one large file can take longer than the quiet time.
                _timer ??= new Timer(_ => Show(), null, quiet, interval);
                return;
            }

            _timer?.Dispose();
            _timer = null;
            if (isTerminal && _shown.Length > 0)
                write("\r\u001b[K");
            _shown = "";
        }
    }

    internal static string TextOf(FinalizeProgress progress)
    {
        const double million = 1e6;
        var (done, total) = (progress.Done, progress.Total);
        return progress.Step switch
        {
            FinalizeStep.ReadingSpool => string.Create(CultureInfo.InvariantCulture, $"reading the recording: {100 * done / Math.Max(total, 1)} %"),
            FinalizeStep.ReadingNames when total == 0 => string.Create(CultureInfo.InvariantCulture, $"reading names: {done} files"),
            FinalizeStep.ReadingNames => string.Create(CultureInfo.InvariantCulture, $"reading names: {done} of {total} files"),
            _ => string.Create(CultureInfo.InvariantCulture, $"writing rows: {done / million:0.0} of {total / million:0.0} M"),
        };
    }

    private void Show()
    {
        lock (_lock)
        {
            var text = TextOf(_progress);
            if (_timer is null || text == _shown)
                return;
            _shown = text;
            write(isTerminal ? $"\rfaultrec: {text}\u001b[K" : $"faultrec: {text}\n");
        }
    }
}
