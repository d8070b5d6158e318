using System.Runtime.InteropServices;
using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Launch;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Options;
using Faultrec.Recorder.Perf;
using Faultrec.Recorder.Spool;
using Faultrec.Recorder.Symbols;
using Faultrec.Traces;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Capture;

/// <summary>What is recorded: a command that waits for its release, a process that already runs, or a part of the whole machine.</summary>
internal sealed class Target : IDisposable
{
    private readonly FdHandle? _pidfd;
    private string? _given;
    private string? _cgroup;
    private ChildEnd? _end;

    private Target(TargetScope scope, string description)
    {
        Scope = scope;
        Description = description;
    }

    private Target(int pid, Launcher? launcher, string description)
        : this(TargetScope.Tree, description)
    {
        Pid = pid;
        Launcher = launcher;
        _pidfd = new FdHandle(Libc.PidfdOpen(pid));
        if (!_pidfd.IsInvalid)
            return;
        var errno = Marshal.GetLastPInvokeError();
        launcher?.Dispose();
        throw errno == Errno.Esrch || errno == Errno.Einval
            ? new FaultrecException(ExitCode.Usage, $"--pid {pid}: no such process; `ps -e` lists them")
            : Errno.Failure(errno, $"opening process {pid}");
    }

    public TargetScope Scope { get; }

    /// <summary>In the words of the command line; <see cref="TraceMetadata.Target"/>.</summary>
    public string Description { get; }

    /// <summary>The one process; 0 when there are many.</summary>
    public int Pid { get; }

    /// <summary>Null when nothing is launched.</summary>
    public Launcher? Launcher { get; }

    /// <summary>The faults of every task reach the probes, because the targets are not known beforehand, or already run.</summary>
    public bool IsMachineWide => Launcher is null;

    public Glob? Names { get; private init; }

    public ulong CgroupId { get; private init; }

    /// <summary>Where its memory is limited; of a part of the machine nothing but the machine's pressure is known.</summary>
    public MemoryController FindMemoryController() => MemoryController.Of(Pid, _cgroup);

    /// <summary>Filled if stacks are recorded.</summary>
    public MappedFiles MappedFiles { get; } = new();

    /// <summary>Readable when the process has ended; -1: there is none to wait for.</summary>
    public int EndFd => _pidfd?.Fd ?? -1;

    /// <param name="variables">Of a command's environment, beside ours.</param>
    /// <exception cref="FaultrecException">There is no such target.</exception>
    public static Target Start(RecordOptions options, InvokingUser? user, params IReadOnlyList<(string Name, string Value)> variables)
    {
        if (options.All)
            return new Target(TargetScope.All, "all");
        if (options.Comm is { } name)
            return new Target(TargetScope.Comm, $"comm {name}") { Names = new Glob(name), _given = name };
        if (options.Cgroup is { } path)
        {
            var (folder, id) = Cgroup.Find(path);
            return new Target(TargetScope.Cgroup, $"cgroup {path}") { CgroupId = id, _cgroup = folder, _given = path };
        }

        if (options.Pid is { } pid)
            return new Target(pid, null, $"pid {pid}");
        var launcher = Launcher.Start(options.Command, user, variables);
        return new Target(launcher.Pid, launcher, "command");
    }

    /// <summary>Null while the command runs, and for a process that faultrec did not start.</summary>
    public ChildEnd? TryGetEnd() => _end ??= Launcher?.TryWait();

    public int? WaitForCommand() => Launcher is null ? null : (_end ??= Launcher.Wait()).Status;

    /// <summary>Filters the side-band of the whole machine; null if all of it belongs to the target.</summary>
    public TargetFilter? MakeFilter(int excludedPid) => IsMachineWide && Scope != TargetScope.All ? new TargetFilter(Names, excludedPid) : null;

    /// <summary>It is chosen by a name or a cgroup, which no process need have.</summary>
    public bool MayBeNobody => Scope is TargetScope.Comm or TargetScope.Cgroup;

    /// <summary>Whether a process is a target of <see cref="MayBeNobody"/> now, also one without memory of its own.</summary>
    /// <param name="excludedPid">A process that is never one; 0: none.</param>
    public bool IsAnybody(int excludedPid)
    {
        var processes = Scope == TargetScope.Cgroup ? Cgroup.Processes(_cgroup!) : Machine.Processes().Where(HasName);
        return processes.Any(pid => pid != excludedPid);
    }

    /// <summary>What to say when no process was ever a target.</summary>
    public FaultrecException Nobody()
        => new(ExitCode.Usage, Scope == TargetScope.Cgroup
            ? $"--cgroup {_given}: no process was in this cgroup; expected one: `cat /proc/PID/cgroup` shows that of a process"
            : $"--comm {_given}: no process had this name; expected one of `ps -e -o comm=`, where names end after {Glob.MaxNameBytes} bytes");

    /// <summary>Mappings and names of target processes that already run.</summary>
    public IEnumerable<MapsSnapshot> Snapshots()
    {
        if (Scope == TargetScope.Cgroup)
            return ProcessSnapshot.Read(() => Cgroup.Processes(_cgroup!));
        if (Scope != TargetScope.Tree)
            return ProcessSnapshot.Read(Machine.Processes).Where(snapshot => Names?.Matches(snapshot.Comm) != false);
        if (ProcessSnapshot.TryTake(Pid, out var reason) is { } snapshot)
            return [snapshot];
        return Directory.Exists($"/proc/{Pid}")
            ? throw new FaultrecException(ExitCode.NotPermitted, $"--pid {Pid}: its mappings cannot be read: {reason}; run it with sudo")
            : []; // It has just ended, and so will the recording.
    }

    private bool HasName(int pid) => ProcessSnapshot.Comm($"/proc/{pid}/comm") is { Length: > 0 } comm && Names!.Matches(comm);

    public void Dispose()
    {
        _pidfd?.Dispose();
        Launcher?.Dispose();
        MappedFiles.Dispose();
    }
}
