using System.Globalization;
using System.Runtime.InteropServices;
using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Native;
using Faultrec.Traces;

namespace Faultrec.Recorder.Launch;

/// <summary>How a command ended.</summary>
/// <param name="Status">Exit code, or 128 + signal, as shells say it.</param>
/// <param name="MinorFaults">
/// As counted by wait4(2): faults of the process and of those it waited for, including those of execve, but not those before it.
/// </param>
internal readonly record struct ChildEnd(int Status, long MinorFaults, long MajorFaults);

/// <summary>
/// A command whose process exists but has not executed its program yet: it waits for <see cref="Release"/>. Its file
/// descriptors, environment, directory, process group and terminal are those of the recorder.
/// </summary>
// SAFETY: each pointer is to memory of the method that passes it, with its size, or to arguments that are disposed after the call. Nothing
// keeps one: posix_spawn has copied its file actions, attributes and arguments when it comes back.
internal sealed unsafe class Launcher : IDisposable
{
    /// <summary>What the stub waits for: the order to execute the command, with the environment as it is or with <see cref="JitSwitches"/>.</summary>
    internal const byte Go = 1, GoWithSwitches = 2;

    private const short SpawnSetPgroup = 0x02;
    private const short SpawnSetSigDef = 0x04;
    private readonly FdHandle _go;
    private readonly FdHandle _report;
    private readonly string _command;
    private (long Minor, long Major) _beforeExec;
    private bool _reaped;

    private Launcher(int pid, FdHandle go, FdHandle report, string command)
    {
        Pid = pid;
        _go = go;
        _report = report;
        _command = command;
    }

    public int Pid { get; }

    /// <param name="variables">Of its environment, beside ours.</param>
    public static Launcher Start(IReadOnlyList<string> command, InvokingUser? user, IReadOnlyList<(string Name, string Value)> variables)
    {
        var (goRead, goWrite) = Pipe();
        var (reportRead, reportWrite) = Pipe();
        // The stub's ends must survive its execve; it closes them on the next one.
        _ = Libc.Fcntl(goRead.Fd, Libc.FSetfd, 0);
        _ = Libc.Fcntl(reportWrite.Fd, Libc.FSetfd, 0);
        using (goRead)
        using (reportWrite)
        {
            string[] stub = [
                .. SelfCommand(), LaunchStub.Verb, Text(goRead.Fd), Text(reportWrite.Fd), FileLimit.Before.ToString(CultureInfo.InvariantCulture),
                CallerSignals.Ignored.ToString(CultureInfo.InvariantCulture),
                user?.Name ?? "", Text(user?.Uid ?? 0), Text(user?.Gid ?? 0), user?.Home ?? "",
                .. command,
            ];
            var pid = Spawn(stub, variables);
            return new Launcher(pid, goWrite, reportRead, command[0]);
        }
    }

    /// <summary>Waits until the process stands right before its execve; from then on it does nothing until <see cref="Release"/>.</summary>
    public void WaitUntilReady()
    {
        var baseline = ReadReport() ?? throw new FaultrecException(
            (ExitCode)Wait().Status, "interrupted before the command was started; nothing was recorded");
        if (baseline.Kind == StubReport.Baseline)
        {
            _beforeExec = (baseline.MinorFaults, baseline.MajorFaults);
            return;
        }

        Wait();
        throw ExecFailure(baseline);
    }

    /// <summary>Lets the command run and waits until its execve is done.</summary>
    /// <param name="namesJitCode">With the variables of <see cref="JitSwitches"/>.</param>
    /// <exception cref="FaultrecException">127 not found, 126 not executable.</exception>
    public void Release(bool namesJitCode)
    {
        var go = namesJitCode ? GoWithSwitches : Go;
        _ = Libc.Write(_go.Fd, &go, 1); // fails if the stub is gone: then its status says why
        if (ReadReport() is not { } report)
            return;
        Wait();
        throw ExecFailure(report);
    }

    /// <summary>Null while it runs.</summary>
    public ChildEnd? TryWait() => Wait(Libc.Wnohang);

    public ChildEnd Wait() => Wait(0) ?? default;

    public void Kill(int signal)
    {
        if (!_reaped)
            _ = Libc.Kill(Pid, signal);
    }

    /// <summary>A command that was never released ends by itself when its pipe closes.</summary>
    public void Dispose()
    {
        _go.Dispose();
        _report.Dispose();
    }

    private ChildEnd? Wait(int options)
    {
        int status;
        int result;
        Libc.Rusage usage;
        do
            result = Libc.Wait4(Pid, &status, options, &usage);
        while (result < 0 && Marshal.GetLastPInvokeError() == Errno.Eintr);
        if (result != Pid)
            return null;
        _reaped = true;
        return new ChildEnd(StatusOf(status), usage.MinorFaults - _beforeExec.Minor, usage.MajorFaults - _beforeExec.Major);
    }

    /// <param name="waited">wait(2): low 7 bits the signal, next byte the exit code.</param>
    internal static int StatusOf(int waited) => (waited & 0x7f) is var signal && signal == 0 ? (waited >> 8) & 0xff : 128 + signal;

    private StubReport? ReadReport()
    {
        StubReport report;
        nint read;
        do
            read = Libc.Read(_report.Fd, &report, (nuint)sizeof(StubReport));
        while (read < 0 && Marshal.GetLastPInvokeError() == Errno.Eintr);
        return read == sizeof(StubReport) ? report : null;
    }

    private FaultrecException ExecFailure(StubReport report) => report switch
    {
        { Kind: StubReport.CannotBecomeUser } => new FaultrecException(
            ExitCode.NotPermitted, $"cannot run the command as the invoking user: {Errno.Describe(report.Errno)}; use --as-root to run it as root"),
        _ => ExecFailure(_command, report.Errno),
    };

    /// <param name="errno">Of execve(2).</param>
    internal static FaultrecException ExecFailure(string command, int errno) => errno == Errno.Enoent
        ? new FaultrecException(ExitCode.NotFound, $"{command}: command not found")
        : new FaultrecException(ExitCode.NotExecutable, $"{command}: cannot be executed: {Errno.Describe(errno)}");

    private static int Spawn(string[] arguments, IReadOnlyList<(string Name, string Value)> variables)
    {
        var environment = NativeArguments.Environment();
        foreach (var (name, value) in variables)
            environment[name] = value;
        var result = TrySpawn(arguments, null, out var pid, environment);
        return result == 0 ? pid : throw Errno.Failure(result, "starting the launcher");
    }

    /// <param name="fileActions">A posix_spawn_file_actions_t, or null.</param>
    /// <param name="variables">Its environment; null: ours.</param>
    /// <param name="isHelper">A helper of faultrec: Ctrl-C, which a terminal sends to its foreground group, must not reach it.</param>
    /// <returns>0 or an errno value.</returns>
    internal static int TrySpawn(
        IReadOnlyList<string> arguments, void* fileActions, out int pid, IReadOnlyDictionary<string, string>? variables = null, bool isHelper = false)
    {
        const int attributeSize = 512; // posix_spawnattr_t is 336 bytes in glibc 2.36
        var attributes = stackalloc byte[attributeSize];
        var allSignals = stackalloc byte[128]; // sigset_t
        new Span<byte>(allSignals, 128).Clear();
        // Handlers are reset by execve anyway; this resets what the runtime set to be ignored (SIGPIPE).
        allSignals[1] = 1 << 4; // bit 12: signal 13
        _ = Libc.PosixSpawnattrInit(attributes);
        _ = Libc.PosixSpawnattrSetsigdefault(attributes, allSignals);
        _ = Libc.PosixSpawnattrSetflags(attributes, isHelper ? (short)(SpawnSetSigDef | SpawnSetPgroup) : SpawnSetSigDef);
        using var argv = new NativeArguments([.. arguments]);
        using var environment = new NativeArguments(variables ?? NativeArguments.Environment());
        fixed (int* spawned = &pid)
        {
            var result = Libc.PosixSpawnp(spawned, argv.Pointer[0], fileActions, attributes, argv.Pointer, environment.Pointer);
            _ = Libc.PosixSpawnattrDestroy(attributes);
            return result;
        }
    }

    // Under `dotnet faultrec.dll` the executable is dotnet and the first argument is this assembly.
    /// <exception cref="FaultrecException">/proc, which shows the executable, is not mounted.</exception>
    internal static string[] SelfCommand()
    {
        Machine.RequireProc();
        var executable = Environment.ProcessPath!;
        var assembly = Environment.GetCommandLineArgs()[0];
        return Path.GetFileNameWithoutExtension(executable) == "dotnet" ? [executable, assembly] : [executable];
    }

    internal static (FdHandle Read, FdHandle Write) Pipe()
    {
        var fds = stackalloc int[2];
        Errno.ThrowIfFailed(Libc.Pipe2(fds, Libc.OCloexec), "pipe2");
        return (new FdHandle(fds[0]), new FdHandle(fds[1]));
    }

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);
}
