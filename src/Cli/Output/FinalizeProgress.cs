namespace Faultrec.Cli.Output;

/// <summary>One line on a terminal's stderr that is overwritten until it is done.</summary>
internal static class FinalizeProgress
{
    private const long QuietMs = 300;

    /// <summary>Null when stderr is no terminal.</summary>
    public static Action<double>? ForTerminal()
    {
        if (Console.IsErrorRedirected)
            return null;
        var start = Environment.TickCount64;
        var shown = -1;
        return part =>
        {
            var percent = (int)(part * 100);
            // What is quick needs no progress.
            if (percent == shown || Environment.TickCount64 - start < QuietMs)
                return;
            shown = percent;
            Talk.Write(part >= 1 ? "\r\u001b[K" : $"\rfaultrec: writing the trace: {percent} %");
        };
    }
}
