using System.Globalization;
using System.Runtime.InteropServices;
using Faultrec.Recorder.Launch;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Spool;
using Faultrec.Traces;

namespace Faultrec.Recorder.Capture;

/// <summary>The recorded process: a command that waits for its release, or one that runs already.</summary>
internal sealed class Target : IDisposable
{
    private readonly FdHandle _pidfd;
    private ChildEnd? _end;

    private Target(int pid, Launcher? launcher)
    {
        Pid = pid;
        Launcher = launcher;
        _pidfd = new FdHandle(Libc.PidfdOpen(pid));
        if (!_pidfd.IsInvalid)
            return;
        var errno = Marshal.GetLastPInvokeError();
        launcher?.Dispose();
        throw errno == Errno.Esrch
            ? new FaultrecException(ExitCode.Usage, $"--pid {pid}: no such process; `ps -e` lists them")
            : Errno.Failure(errno, $"opening process {pid}");
    }

    public int Pid { get; }

    /// <summary>Null when the process ran already.</summary>
    public Launcher? Launcher { get; }

    /// <summary>Readable when the process has ended.</summary>
    public int EndFd => _pidfd.Fd;

    public static Target Start(RecordOptions options, InvokingUser? user)
    {
        if (options.Pid is { } pid)
            return new Target(pid, null);
        var launcher = Launcher.Start(options.Command, user);
        return new Target(launcher.Pid, launcher);
    }

    /// <summary>Null while the command runs, and for a process that is not ours.</summary>
    public ChildEnd? TryGetEnd() => _end ??= Launcher?.TryWait();

    public int? WaitForCommand() => Launcher is null ? null : (_end ??= Launcher.Wait()).Status;

    /// <summary>The address space as it is now; proc(5).</summary>
    public MapsSnapshot Snapshot()
    {
        try
        {
            var maps = File.ReadAllText($"/proc/{Pid}/maps");
            var threads = Machine.ThreadsOf(Pid).Select(tid => new ThreadName(tid, Comm($"/proc/{Pid}/task/{tid}/comm"))).ToList();
            return new MapsSnapshot(Pid, Libc.MonotonicNs(), Comm($"/proc/{Pid}/comm"), ParentPid(), threads, maps);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FaultrecException(ExitCode.NotPermitted, $"--pid {Pid}: its mappings cannot be read: {e.Message}", e);
        }
    }

    public void Dispose()
    {
        _pidfd.Dispose();
        Launcher?.Dispose();
    }

    private static string Comm(string path)
    {
        try
        {
            return File.ReadAllText(path).TrimEnd('\n');
        }
        catch (IOException)
        {
            return ""; // The thread ended meanwhile.
        }
    }

    // "PPid:\t1234"
    private int ParentPid()
    {
        var line = File.ReadLines($"/proc/{Pid}/status").First(text => text.StartsWith("PPid:", StringComparison.Ordinal));
        return int.Parse(line["PPid:".Length..], CultureInfo.InvariantCulture);
    }
}
