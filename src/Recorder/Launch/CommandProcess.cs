using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Launch;

/// <summary>This process as the command: same id, parent, terminal and descriptors, and its end is the command's own.</summary>
public static unsafe class CommandProcess
{
    private const int Sigpipe = 13;

    /// <exception cref="Faultrec.Traces.FaultrecException">127 not found, 126 not executable; otherwise it does not come back.</exception>
    [DoesNotReturn]
    public static void Become(IReadOnlyList<string> command)
    {
        // The runtime ignores it, and an ignored signal stays ignored through execve.
        var before = Libc.Signal(Sigpipe, 0);
        using var argv = new NativeArguments([.. command]);
        using var environment = new NativeArguments(NativeArguments.Environment());
        _ = Libc.Execvpe(argv.Pointer[0], argv.Pointer, environment.Pointer);
        var errno = Marshal.GetLastPInvokeError();
        _ = Libc.Signal(Sigpipe, before);
        throw Launcher.ExecFailure(command[0], errno);
    }
}
