using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Launch;

/// <summary>The controlling terminal.</summary>
internal static class Terminal
{
    /// <summary>
    /// A key makes the terminal send this signal to every process of its foreground group, and this process is in it: the command
    /// gets the signal, too. A `kill` by someone else looks the same.
    /// </summary>
    public static bool SendsToAll(int signal)
    {
        if (signal is not (Signals.Int or Signals.Quit))
            return false;
        try
        {
            using var terminal = File.OpenHandle("/dev/tty");
            return Libc.Tcgetpgrp((int)terminal.DangerousGetHandle()) == Libc.Getpgrp();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // There is none.
        }
    }
}
