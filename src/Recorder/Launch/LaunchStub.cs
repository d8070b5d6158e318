using System.Collections;
using System.Globalization;
using System.Runtime.InteropServices;
using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Launch;

/// <summary>
/// The other side of <see cref="Launcher"/>: this executable, started again, which waits until the probes are in place and
/// then becomes the command. Its own faults are not recorded: the events are enabled by its execve.
/// </summary>
// SAFETY: each pointer is to a local of the method, with its size, or to arguments that are disposed after the call; execve copies those.
public static unsafe class LaunchStub
{
    /// <summary>First argument that makes the executable a stub; not a verb for people.</summary>
    public const string Verb = "__launch";

    /// <param name="args">
    /// Verb, fd to wait on, fd to report on, soft limit of open files, ignored signals, user or "", uid, gid, home, then the command and
    /// its arguments.
    /// </param>
    /// <returns>Only when the command could not be executed: 127 not found, 126 not executable.</returns>
    public static int Run(string[] args)
    {
        var (go, report) = (int.Parse(args[1], CultureInfo.InvariantCulture), int.Parse(args[2], CultureInfo.InvariantCulture));
        _ = Libc.Fcntl(go, Libc.FSetfd, Libc.FdCloexec);
        _ = Libc.Fcntl(report, Libc.FSetfd, Libc.FdCloexec);
        FileLimit.Restore(ulong.Parse(args[3], CultureInfo.InvariantCulture));
        var variables = NativeArguments.Environment();
        var error = args[5].Length == 0 ? 0 : BecomeUser(args[5], uint.Parse(args[6]), uint.Parse(args[7]), args[8], variables);
        if (error != 0)
            return Fail(report, error, StubReport.CannotBecomeUser);

        CallerSignals.Restore(ulong.Parse(args[4], CultureInfo.InvariantCulture));
        using var argv = new NativeArguments(args.AsSpan(9));
        using var environment = new NativeArguments(variables);
        JitSwitches.AddTo(variables);
        using var environmentWithSwitches = new NativeArguments(variables);

        // A dry run, so that the pages and bindings that the real calls need are present: from reading the counters
        // until execve there must be no fault.
        StubReport baseline = default;
        SendBaseline(-1, ref baseline);
        _ = ReadByte(-1);
        _ = Libc.Execvpe(argv.Empty, argv.Pointer, environment.Pointer);

        SendBaseline(report, ref baseline);
        var released = ReadByte(go);
        if (released == 0)
            return 126; // The recorder is gone or gave up: the command must not run unrecorded.
        _ = Libc.Execvpe(argv.Pointer[0], argv.Pointer, released == Launcher.GoWithSwitches ? environmentWithSwitches.Pointer : environment.Pointer);
        return Fail(report, Marshal.GetLastPInvokeError(), StubReport.CannotExecute);
    }

    private static void SendBaseline(int fd, ref StubReport report)
    {
        Libc.Rusage usage;
        _ = Libc.Getrusage(Libc.RusageSelf, &usage);
        report = new StubReport { Kind = StubReport.Baseline, MinorFaults = usage.MinorFaults, MajorFaults = usage.MajorFaults };
        fixed (StubReport* bytes = &report)
            _ = Libc.Write(fd, bytes, (nuint)sizeof(StubReport));
    }

    private static byte ReadByte(int fd)
    {
        byte released = 0;
        nint read;
        do
            read = Libc.Read(fd, &released, 1);
        while (read < 0 && Marshal.GetLastPInvokeError() == Errno.Eintr);
        return read == 1 ? released : (byte)0;
    }

    private static int Fail(int fd, int errno, int kind)
    {
        var report = new StubReport { Kind = kind, Errno = errno };
        _ = Libc.Write(fd, &report, (nuint)sizeof(StubReport));
        return errno == Errno.Enoent ? 127 : 126;
    }

    private static int BecomeUser(string user, uint uid, uint gid, string home, Dictionary<string, string> variables)
    {
        if (Libc.Initgroups(user, gid) < 0 || Libc.Setresgid(gid, gid, gid) < 0 || Libc.Setresuid(uid, uid, uid) < 0)
            return Marshal.GetLastPInvokeError();
        (variables["HOME"], variables["USER"], variables["LOGNAME"]) = (home, user, user);
        return 0;
    }
}

/// <summary>What the stub reports through its pipe; end of file after the baseline means that execve succeeded.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct StubReport
{
    public const int Baseline = 1;
    public const int CannotExecute = 2;
    public const int CannotBecomeUser = 3;

    public int Kind;
    public int Errno;

    /// <summary>Counts of the process before its execve, including those of the runtime's own threads.</summary>
    public long MinorFaults;
    public long MajorFaults;
}

/// <summary>A char *argv[] or envp[] in native memory.</summary>
// SAFETY: the array and its texts belong to the object until Dispose. The array has a place more than there are texts, which stays null.
internal sealed unsafe class NativeArguments : IDisposable
{
    private readonly List<nint> _strings = [];

    public NativeArguments(ReadOnlySpan<string> arguments)
    {
        Pointer = (byte**)NativeMemory.AllocZeroed((nuint)arguments.Length + 1, (nuint)sizeof(byte*));
        for (var i = 0; i < arguments.Length; i++)
            Pointer[i] = Add(arguments[i]);
        Empty = Add("");
    }

    /// <param name="variables">For an environment: "NAME=value".</param>
    public NativeArguments(IReadOnlyDictionary<string, string> variables)
        : this([.. variables.Select(variable => $"{variable.Key}={variable.Value}")])
    {
    }

    /// <summary>Null-terminated.</summary>
    public byte** Pointer { get; }

    public byte* Empty { get; }

    /// <summary>This process's variables.</summary>
    public static Dictionary<string, string> Environment()
        => System.Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().ToDictionary(entry => (string)entry.Key, entry => (string)entry.Value!);

    public void Dispose()
    {
        _strings.ForEach(Marshal.FreeCoTaskMem);
        NativeMemory.Free(Pointer);
    }

    private byte* Add(string text)
    {
        var pointer = Marshal.StringToCoTaskMemUTF8(text);
        _strings.Add(pointer);
        return (byte*)pointer;
    }
}
