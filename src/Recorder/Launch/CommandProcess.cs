using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Launch;

/// <summary>This process as the command: same id, parent, terminal and descriptors, and its end is the command's own.</summary>
public static class CommandProcess
{
    /// <exception cref="Faultrec.Traces.FaultrecException">127 not found, 126 not executable; otherwise it does not come back.</exception>
    // SAFETY: execve copies both arrays, which end with a null and live until it comes back, if it does.
    [DoesNotReturn]
    public static unsafe void Become(IReadOnlyList<string> command)
    {
        CallerSignals.Restore(CallerSignals.Ignored);
        using var argv = new NativeArguments([.. command]);
        using var environment = new NativeArguments(NativeArguments.Environment());
        _ = Libc.Execvpe(argv.Pointer[0], argv.Pointer, environment.Pointer);
        var errno = Marshal.GetLastPInvokeError();
        CallerSignals.SetIgnored(Signals.Pipe); // Messages may go to a closed pipe.
        throw Launcher.ExecFailure(command[0], errno);
    }
}
