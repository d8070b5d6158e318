using System.Text;
using Faultrec.Analyzer.Text;
using Faultrec.Recorder.Live;

namespace Faultrec.Cli.Output;

/// <summary>
/// What a verb says to the person at the terminal, on stderr: the one place that writes there. The terminal may be gone, the file
/// behind it full, the descriptor closed: a write that fails is nobody's failure, and changes nothing.
/// </summary>
internal static class Talk
{
    private const int StderrDescriptor = 2;

    private static readonly Lock Writing = new();
    private static bool _hasLine;

    /// <summary>A line of its own, with our name before it.</summary>
    public static void Say(string line) => Write($"{Named(line)}\n");

    public static void Write(string text)
    {
        lock (Writing)
        {
            Send(_hasLine ? TerminalCode.EraseLine + text : text);
            _hasLine = false;
        }
    }

    /// <summary>
    /// On a terminal: a line that the next text takes the place of. Nothing while a shell has this job in the background, where the line
    /// would be in another's output.
    /// </summary>
    public static void Show(string line)
    {
        if (LiveTerminal.IsAnothers(StderrDescriptor))
            return;
        lock (Writing)
        {
            // A line that wraps could not be erased.
            Send("\r" + Columns.CutMiddle(Named(line), LiveTerminal.SizeOf(StderrDescriptor).Columns - 1) + TerminalCode.EraseRest);
            _hasLine = true;
        }
    }

    /// <summary>Removes the line that was shown, if it is there.</summary>
    public static void Clear() => Write("");

    private static string Named(string line) => $"faultrec: {line}";

    private static void Send(string text)
    {
        if (text.Length == 0)
            return;
        try
        {
            using var stream = Console.OpenStandardError();
            stream.Write(Encoding.UTF8.GetBytes(text));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            // See above.
        }
    }
}
