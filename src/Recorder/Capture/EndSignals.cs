using System.Runtime.InteropServices;
using Faultrec.Recorder.Launch;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Capture;

/// <summary>
/// Turns the signals that end a program into a readable fd, so that the drain loop can end the recording cleanly. The runtime delivers
/// signals on a thread of its own: one that came just before Dispose may be handled after it, and then ends the process.
/// </summary>
/// <remarks>
/// A shell without job control starts background jobs with SIGINT and SIGQUIT ignored, but a `kill -INT` is still meant for the
/// recorder. Any other ignored signal is ignored on purpose (`nohup`). SIGUSR2 does nothing: it is reserved for asking a recording
/// for what it has so far.
/// </remarks>
public sealed class EndSignals : IDisposable
{
    private readonly FdHandle _read;
    private readonly FdHandle _write;
    private readonly Action? _onFirst;
    private readonly List<PosixSignalRegistration> _registrations = [];
    private int _signal;

    /// <param name="onFirst">Called with the first signal, on a thread of the runtime.</param>
    // SAFETY: pipe2 writes two descriptors, and there is room for two.
    public unsafe EndSignals(Action? onFirst = null)
    {
        _onFirst = onFirst;
        var fds = stackalloc int[2];
        Errno.ThrowIfFailed(Libc.Pipe2(fds, Libc.OCloexec | Libc.ONonblock), "pipe2");
        (_read, _write) = (new FdHandle(fds[0]), new FdHandle(fds[1]));
        // With SIGCHLD ignored the kernel discards a command's exit status. The runtime installs no handler for an ignored SIGINT.
        foreach (var signal in (int[])[Signals.Chld, Signals.Int, Signals.Quit])
        {
            if (CallerSignals.Ignores(signal))
                CallerSignals.SetDefault(signal);
        }

        Register(Signals.Int);
        Register(Signals.Quit);
        foreach (var signal in (int[])[Signals.Term, Signals.Hup, Signals.Usr1, Signals.Alrm, Signals.Xcpu])
        {
            if (!CallerSignals.Ignores(signal))
                Register(signal);
        }

        CallerSignals.SetIgnored(Signals.Usr2);
        // Then a file-size limit is an error, as a full disk is.
        CallerSignals.SetIgnored(Signals.Xfsz);
    }

    /// <summary>The first signal that came; 0: none.</summary>
    public int Signal => Volatile.Read(ref _signal);

    internal int Fd => _read.Fd;

    public void Dispose()
    {
        _registrations.ForEach(registration => registration.Dispose());
        _read.Dispose();
        _write.Dispose();
    }

    // A positive value is the system's own number.
    // SAFETY: write reads one byte, of the local that it gets.
    private unsafe void Register(int signal) => _registrations.Add(PosixSignalRegistration.Create((PosixSignal)signal, context =>
    {
        context.Cancel = true;
        var isFirst = Interlocked.CompareExchange(ref _signal, signal, 0) == 0;
        byte wake = 1;
        _ = Libc.Write(_write.Fd, &wake, 1);
        if (isFirst)
            _onFirst?.Invoke();
    }));
}
