namespace Faultrec.Cli.Output;

/// <summary>
/// Tells what long work is doing: on a terminal in one line that is overwritten and removed at the end, otherwise in a line of its own every
/// few seconds. It is drawn by the clock, on a thread of its own: the work never waits for the terminal.
/// </summary>
/// <param name="quiet">Until then nothing is shown.</param>
/// <param name="show">Shows a text in the place of the last.</param>
/// <param name="clear">Removes the last text.</param>
internal sealed class ProgressLine(TimeSpan quiet, TimeSpan interval, Action<string> show, Action clear)
{
    /// <summary>A terminal that takes nothing for this long keeps its line.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly Lock _drawing = new();
    private volatile Func<string>? _text;
    private Timer? _timer;
    private string _shown = "";

    /// <summary>stderr is a terminal on which a line can be overwritten.</summary>
    public static bool IsOnTerminal => !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") != "dumb";

    /// <param name="text">What is shown when the time has come, unless it is replaced before.</param>
    public void Report(Func<string> text)
    {
        _text = text;
        _timer ??= new Timer(_ => Draw(), null, quiet, interval);
    }

    /// <summary>The work has ended; nothing is written after that.</summary>
    public void End()
    {
        _timer?.Dispose();
        _timer = null;
        _text = null;
        if (!_drawing.TryEnter(Patience))
            return;
        if (_shown.Length > 0)
            clear();
        _shown = "";
        _drawing.Exit();
    }

    private void Draw()
    {
        if (!_drawing.TryEnter())
            return;
        try
        {
            if (_text?.Invoke() is not { } text || text == _shown)
                return;
            _shown = text;
            show(text);
        }
        finally
        {
            _drawing.Exit();
        }
    }
}
