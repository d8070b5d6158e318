using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Capture;

/// <summary>
/// Turns SIGINT, SIGTERM and SIGHUP into a readable fd, so that the drain loop ends a recording in order. The runtime hands a
/// signal over from a thread of its own: one that came just before Dispose may be handled after it, and then ends the process.
/// </summary>
public sealed unsafe class EndSignals : IDisposable
{
    private readonly FdHandle _read;
    private readonly FdHandle _write;
    private readonly List<PosixSignalRegistration> _registrations = [];
    private volatile int _signal;

    public EndSignals()
    {
        var fds = stackalloc int[2];
        Errno.ThrowIfFailed(Libc.Pipe2(fds, Libc.OCloexec | Libc.ONonblock), "pipe2");
        (_read, _write) = (new FdHandle(fds[0]), new FdHandle(fds[1]));
        Register(PosixSignal.SIGINT, 2);
        Register(PosixSignal.SIGTERM, 15);
        Register(PosixSignal.SIGHUP, 1);
    }

    internal int Fd => _read.Fd;

    /// <summary>The first one that came; 0: none.</summary>
    internal int Signal => _signal;

    public void Dispose()
    {
        _registrations.ForEach(registration => registration.Dispose());
        _read.Dispose();
        _write.Dispose();
    }

    private void Register(PosixSignal signal, int number) => _registrations.Add(PosixSignalRegistration.Create(signal, context =>
    {
        context.Cancel = true;
        if (_signal == 0)
            _signal = number;
        byte wake = 1;
        _ = Libc.Write(_write.Fd, &wake, 1);
    }));
}
