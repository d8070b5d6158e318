using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Perf;
using Faultrec.Recorder.Spool;
using Faultrec.Traces.Ledger;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Finalize;

/// <summary>A thread while the merge runs.</summary>
internal sealed class TaskState
{
    public required int Tid { get; init; }

    public required ProcessState Process { get; set; }

    public string Comm { get; set; } = "";

    public long? StartedNs { get; init; }

    public long? ExitedNs { get; set; }

    /// <summary>Its FORK record was seen.</summary>
    public bool WasForked { get; set; }

    /// <summary>Its EXIT record was seen; <see cref="ExitedNs"/> may come earlier, from the probe.</summary>
    public bool HasEnded { get; set; }
}

internal sealed class ProcessState
{
    /// <summary>BUS_MCEERR_AR, sigaction(2).</summary>
    public const int HardwareErrorCode = 4;

    private const int Sigbus = 7; // signal(7)

    public required int Pid { get; init; }

    public int? ParentPid { get; set; }

    /// <summary>It began in its parent's memory.</summary>
    public bool SharesMemory { get; set; }

    public required AddressSpace Space { get; init; }

    public long? StartedNs { get; init; }

    public long? ExitedNs { get; set; }

    public int LiveThreads { get; set; }

    /// <summary>The mapping records of the new program have not arrived yet.</summary>
    public bool IsInExec { get; set; }

    public bool HasFaults { get; set; }

    public ProcessReleases Releases { get; } = new();

    /// <summary>Start of the last fault that the kernel could not serve.</summary>
    public (int Signal, long TimeNs)? LastFailure { get; set; }

    /// <summary>The signal that ended it, 0 for none; null while it lives, and if no probe reported it.</summary>
    public int? ExitSignal { get; set; }

    /// <summary>Start of the fault that ended it; null: no fault did.</summary>
    public long? FatalFaultNs => LastFailure is { } last && last.Signal == ExitSignal ? last.TimeNs : null;

    /// <summary>The last SIGBUS for a fault: its si_code, and the size of the file mapped there; null: none.</summary>
    public (int Code, long? FileBytes)? LastBusError { get; set; }

    /// <summary>The same, if it ended the process.</summary>
    public (int Code, long? FileBytes)? FatalBusError => FatalFaultNs is not null && LastFailure?.Signal == Sigbus ? LastBusError : null;

    /// <summary>Name of the main thread, kept when it ends.</summary>
    public string Comm { get; set; } = "";
}

/// <summary>Processes and threads of the recording, with their names and address spaces, kept up to the moment of the merge.</summary>
/// <param name="forgets">
/// Ended tasks are dropped, so that memory is bounded by the living ones: for a live view, which needs no tables at its end. Otherwise
/// every task is kept for the trace's tables.
/// </param>
/// <param name="stacks">Null: no stacks were recorded.</param>
/// <param name="marks">Null: no marks are kept.</param>
internal sealed class TaskTable(IRegionLedger ledger, PageGeometry pages, bool forgets = false, StackResolver? stacks = null, MarkLog? marks = null)
{
    /// <summary>A task's last faults may come after its end, by as much as the merge lets faults be late.</summary>
    private const long RememberedNs = 1_000_000_000;

    private const int MaxRemembered = 16 * 1024;

    private const long SignalOfExitCode = 0x7f; // wait(2)

    private static readonly int Shmat = SystemCalls.Number("shmat");

    private readonly Dictionary<int, TaskState> _tasks = [];
    private readonly Dictionary<int, ProcessState> _processes = [];

    // Ids are reused: an entry that ended stays in the trace's tables.
    private readonly List<TaskState> _allTasks = [];
    private readonly List<ProcessState> _allProcesses = [];
    private readonly Queue<(long TimeNs, TaskState Task)> _ended = new();
    private readonly ReleaseLog _releases = new();
    private readonly ResidentLog _resident = new();
    private TaskState? _last;
    private bool _commandRuns;
    private bool _hasExecuted;
    private bool _keepsReleases; // not of the launcher

    /// <summary>Threads and processes held.</summary>
    public int Held => _tasks.Count + _processes.Count + _allTasks.Count + _allProcesses.Count;

    public long LostSideband { get; private set; }

    /// <summary>Programs at whose execve the kernel removed the task's perf events.</summary>
    public long ProgramsWithoutEvents { get; private set; }

    public AdviceLog Advice { get; } = new();

    /// <summary>Null: every reservation of memory is remembered.</summary>
    public string? MapperWarning => _allProcesses.Sum(process => process.Space.Mappers.Forgotten) is > 0 and var forgotten
        ? $"{forgotten} memory reservations by different code were dropped, because a process had too many: which code reserved this memory is not known"
        : null;

    public CallFaultLog CallFaults { get; } = new();

    public MemoryLog Memory { get; } = new();

    /// <summary>The state of the thread that faulted; created here if the record of its creation was lost.</summary>
    public TaskState Of(int pid, int tid)
    {
        if (_last is not { } task || task.Tid != tid || task.Process.Pid != pid)
            _last = task = Task(pid, tid, null);
        task.Process.Releases.End();
        return task;
    }

    public void Apply(LedgerEvent change, bool isCommand, int targetPid)
    {
        _last = null;
        _keepsReleases = !forgets && (!isCommand || _commandRuns);
        switch (change)
        {
            case MapEvent map:
                var mapped = Process(map.Pid, null);
                mapped.Releases.End();
                mapped.IsInExec = false;
                mapped.Space.Map(map.Start, map.End, map.FileOffset, map.Identity, map.Flags, map.TimeNs);
                break;
            case CommEvent comm:
                ApplyComm(comm);
                if (comm.Exec && comm.Pid == targetPid)
                    marks?.AddExec(comm, isFirst: isCommand && !_hasExecuted);
                _hasExecuted |= comm.Exec && comm.Pid == targetPid;
                break;
            case ForkEvent fork:
                ApplyFork(fork);
                break;
            case ExitEvent exit:
                ApplyExit(exit);
                ForgetBefore(exit.TimeNs - RememberedNs);
                break;
            case LostEvent lost:
                LostSideband += lost.Lost;
                break;
            case SnapshotEvent snapshot:
                ApplySnapshot(snapshot.Snapshot);
                break;
            case MemoryEvent { Record: var record }:
                Memory.Add(_processes.GetValueOrDefault((int)record.Pid), record);
                break;
            case ResidentEvent { Snapshot: var resident }:
                if (!forgets)
                    _resident.Add(Process(resident.Pid, null), resident);
                break;
            case ProbeEvent { Record: var record }:
                ApplyProbe(record, isCommand, targetPid);
                break;
        }
    }

    /// <param name="onlyWithFaults">Tasks without faults were seen, but are not part of the recording.</param>
    public IReadOnlyList<ProcessEntry> BuildProcesses(Func<long, long> toTraceTime, bool onlyWithFaults)
        => [.. Recorded(onlyWithFaults).Select(process => new ProcessEntry
        {
            Pid = process.Pid,
            ParentPid = process.ParentPid,
            SharesMemory = process.SharesMemory,
            Comm = process.Comm,
            StartedNs = process.StartedNs is { } started ? toTraceTime(started) : null,
            ExitedNs = process.ExitedNs is { } exited ? toTraceTime(exited) : null,
            ExitSignal = process.ExitedNs is null ? null : process.ExitSignal,
            FatalFaultNs = process.FatalFaultNs is { } fatal ? toTraceTime(fatal) : null,
            FatalFileBytes = process.FatalBusError?.FileBytes,
            IsPoisoned = process.FatalBusError?.Code == ProcessState.HardwareErrorCode,
        })];

    public IReadOnlyList<ThreadEntry> BuildThreads(Func<long, long> toTraceTime, bool onlyWithFaults)
        => [.. _allTasks.Where(task => task.Process.HasFaults || !onlyWithFaults).Select(task => new ThreadEntry
        {
            Pid = task.Process.Pid,
            Tid = task.Tid,
            Comm = task.Comm,
            StartedNs = task.StartedNs is { } started ? toTraceTime(started) : null,
            ExitedNs = task.ExitedNs is { } exited ? toTraceTime(exited) : null,
        })];

    public ReleaseTable BuildReleases(Func<long, long> toTraceTime, bool onlyWithFaults)
        => _releases.Build(toTraceTime, Recorded(onlyWithFaults));

    public ResidentRuns? BuildResident(bool onlyWithFaults) => _resident.Build(Recorded(onlyWithFaults));

    private void ApplyProbe(in EventRecord record, bool isCommand, int targetPid)
    {
        if (record.Type is EventType.TaskNew or EventType.TaskExec or EventType.TaskExit)
        {
            ApplyTask(record, isCommand, targetPid);
            return;
        }

        if (record.Type == EventType.ProcessEnd)
        {
            if (!forgets && (_commandRuns || !isCommand))
                Memory.AddEnd(_processes.GetValueOrDefault(record.Pid), record, pages);
            return;
        }

        if (record.Type == EventType.Userfaultfd || AdviceLog.IsKept(record))
        {
            if (!forgets) // a live view has no tables for it
                Advice.Apply(record);
            return;
        }

        if (record.Type == EventType.Collapsed)
        {
            // Of any process of the machine.
            if (_keepsReleases && _processes.GetValueOrDefault(record.Pid) is { } collapsed)
                _releases.Apply(record, collapsed, null);
            return;
        }

        var process = Process(record.Pid, null);
        if (record.Type == EventType.BusError)
        {
            process.LastBusError = ((int)record.A0, record.A1 < 0 ? null : record.A1);
            return;
        }

        if (record.Type == EventType.Listening)
        {
            marks?.AddListen(process, record.TimeNs);
            return;
        }

        var space = process.Space;
        var stack = stacks?.NodeOf(record.Stack, space, record.TimeNs);
        if (record.Type == EventType.UserfaultFilled)
        {
            // Who called, and so the stack, may be another process than the one whose memory it is.
            if (_keepsReleases && _processes.GetValueOrDefault((int)record.A4) is { } owner)
                _releases.Apply(record, owner, stack);
            return;
        }

        if (record.Type == EventType.CallFaults)
        {
            process.HasFaults = true;
            process.Releases.End();
            if (!forgets)
                CallFaults.Add(record, stack);
            return;
        }

        if (_keepsReleases)
            _releases.Apply(record, process, stack);
        switch (record.Type)
        {
            case EventType.Mapped when record.A5 == Shmat:
                space.SetMapperOfPiece((ulong)record.A4, stack);
                break;
            case EventType.Mapped:
                const long protReadWriteExec = 7;
                space.SetMapper((ulong)record.A4, (ulong)(record.A4 + record.A1), stack, (record.A2 & protReadWriteExec) == 0);
                break;
            case EventType.Accessible:
                space.Mappers.TakeIntoUse((ulong)record.A0, (ulong)(record.A0 + record.A1), stack);
                break;
            case EventType.Unmap:
                space.Unmap((ulong)record.A0, (ulong)(record.A0 + record.A1), record.TimeNs);
                break;
            case EventType.Remap:
                const long mremapDontunmap = 4;
                space.Remap(
                    (ulong)record.A0, (ulong)record.A1, (ulong)record.A4, (ulong)record.A2, (record.A3 & mremapDontunmap) != 0, record.TimeNs, stack);
                break;
            case EventType.Brk when record.A0 == record.A4: // else it failed, or only asked
                space.Break((ulong)record.A4, record.TimeNs, stack);
                break;
            case EventType.Brk:
                space.NoteBreak((ulong)record.A4);
                break;
            case EventType.Shmdt:
                space.Detach((ulong)record.A0, record.TimeNs);
                break;
        }
    }

    private void ApplyTask(in EventRecord record, bool isCommand, int targetPid)
    {
        // The launcher's helper threads are targets until execve ends them, but they are not part of the recording.
        _commandRuns |= !isCommand || record.Type == EventType.TaskExec;
        if (!_commandRuns && record.Tid != targetPid || record.Type == EventType.TaskExit && !_tasks.ContainsKey(record.Tid))
            return;
        // The side-band has no record for it.
        if (record is { Type: EventType.TaskNew, IsUncounted: true })
            ApplyFork(new ForkEvent(record.TimeNs, record.Pid, record.Tid, (int)record.A0, (int)record.A1));
        // The start of a thread that was found running is not known.
        var wasFound = !isCommand && record is { Type: EventType.TaskNew, A4: not 0 };
        var task = Task(record.Pid, record.Tid, wasFound ? null : record.TimeNs);
        switch (record.Type)
        {
            case EventType.TaskNew:
                task.Process.SharesMemory |= record.SharesMemory;
                break;
            case EventType.TaskExec:
                task.Process.IsInExec = false;
                if (isCommand && record.Pid == targetPid)
                    Memory.NoteLauncher(task.Process, record.A0, pages);
                _ = AfterExec(task, record.TimeNs);
                if (record.A2 != record.Tid && _tasks.Remove((int)record.A2, out var old))
                {
                    old.ExitedNs = record.TimeNs;
                    old.Process.LiveThreads--;
                }

                break;
            case EventType.TaskExit:
                task.ExitedNs = record.TimeNs;
                // A process that is ended ends all of its threads with the same code.
                task.Process.ExitSignal = (int)(record.A2 & SignalOfExitCode);
                break;
        }
    }

    /// <summary>A thread that is not the leader takes over the id of the leader, which ended just before.</summary>
    private TaskState AfterExec(TaskState task, long timeNs) => task.ExitedNs is null ? task : NewTask(task.Process, task.Tid, timeNs);

    private void ApplyComm(CommEvent comm)
    {
        var task = Task(comm.Pid, comm.Tid, comm.TimeNs);
        if (comm.Exec)
            task = AfterExec(task, comm.TimeNs);
        task.Comm = comm.Comm;
        if (comm.Tid == comm.Pid)
            task.Process.Comm = comm.Comm;
        if (!comm.Exec)
            return;
        task.Process.IsInExec = true;
        if (_keepsReleases)
            _releases.AddAll(task.Process, ReleaseCalls.Execve, comm.TimeNs);
        task.Process.Space.Execute(comm.TimeNs);
        Advice.Exec(task.Process.Pid, comm.TimeNs);
    }

    // With the perf backend, FORK and EXIT can come twice for a thread that was created while its own events were being opened: the second
    // record, for a living or an ended task, has no news.
    private void ApplyFork(ForkEvent fork)
    {
        if (_tasks.TryGetValue(fork.Tid, out var known) && known is { WasForked: true, HasEnded: false })
            return;
        var parent = _processes.GetValueOrDefault(fork.ParentPid);
        var isThread = fork.Pid == fork.ParentPid;
        var creator = _tasks.GetValueOrDefault(fork.ParentTid);
        var process = isThread ? Process(fork.Pid, fork.TimeNs) : NewProcess(fork.Pid, fork.TimeNs);
        if (!isThread)
        {
            process.ParentPid = fork.ParentPid;
            process.Comm = creator?.Comm ?? parent?.Comm ?? "";
            parent?.Space.CopyTo(process.Space, fork.TimeNs);
            Advice.Fork(fork.ParentPid, fork.Pid, fork.TimeNs);
        }

        var task = NewTask(process, fork.Tid, fork.TimeNs);
        task.WasForked = true;
        task.Comm = creator?.Comm ?? process.Comm;
    }

    private void ApplyExit(ExitEvent exit)
    {
        // The kernel also sends EXIT when it removes the perf events of a task that executes a program with other privileges
        // (begin_new_exec, fs/exec.c): after the name and before the mappings.
        if (exit.Tid == exit.Pid && _processes.GetValueOrDefault(exit.Pid) is { IsInExec: true })
        {
            ProgramsWithoutEvents++;
            return;
        }

        if (_tasks.TryGetValue(exit.Tid, out var task))
        {
            if (task.HasEnded)
                return;
            task.HasEnded = true;
            task.ExitedNs ??= exit.TimeNs;
            if (forgets)
                _ended.Enqueue((exit.TimeNs, task));
        }

        if (!_processes.TryGetValue(exit.Pid, out var process) || --process.LiveThreads > 0)
            return;
        process.ExitedNs = exit.TimeNs;
        if (_keepsReleases)
            _releases.AddAll(process, ReleaseCalls.Exit, exit.TimeNs);
        process.Space.Clear(exit.TimeNs);
    }

    /// <summary>A reused id belongs to the task that has it now.</summary>
    private void ForgetBefore(long timeNs)
    {
        while (_ended.TryPeek(out var oldest) && (oldest.TimeNs < timeNs || _ended.Count > MaxRemembered))
        {
            var task = _ended.Dequeue().Task;
            if (_tasks.GetValueOrDefault(task.Tid) == task)
                _tasks.Remove(task.Tid);
            if (task.Process.ExitedNs is not null && _processes.GetValueOrDefault(task.Process.Pid) == task.Process)
                _processes.Remove(task.Process.Pid);
        }
    }

    private void ApplySnapshot(MapsSnapshot snapshot)
    {
        var process = Process(snapshot.Pid, null);
        process.IsInExec = false;
        process.ParentPid = snapshot.ParentPid;
        process.Comm = snapshot.Comm;
        foreach (var thread in snapshot.Threads)
            Task(snapshot.Pid, thread.Tid, null).Comm = thread.Comm;
        // Not cleared before: a process created meanwhile by one that was not known yet has already reported some mappings.
        foreach (var map in MapsText.Parse(snapshot.Maps))
            process.Space.Map(map.Start, map.End, map.FileOffset, map.Identity, 0, null);
    }

    private List<ProcessState> Recorded(bool onlyWithFaults) => [.. _allProcesses.Where(process => process.HasFaults || !onlyWithFaults)];

    private ProcessState Process(int pid, long? startedNs) => _processes.GetValueOrDefault(pid) ?? NewProcess(pid, startedNs);

    private TaskState Task(int pid, int tid, long? startedNs)
        => _tasks.TryGetValue(tid, out var task) && task.Process.Pid == pid ? task : NewTask(Process(pid, startedNs), tid, startedNs);

    private ProcessState NewProcess(int pid, long? startedNs)
    {
        var process = new ProcessState { Pid = pid, Space = new AddressSpace(pid, pages, ledger.Add), StartedNs = startedNs };
        _processes[pid] = process;
        if (!forgets)
            _allProcesses.Add(process);
        return process;
    }

    private TaskState NewTask(ProcessState process, int tid, long? startedNs)
    {
        var task = new TaskState { Tid = tid, Process = process, Comm = process.Comm, StartedNs = startedNs };
        _tasks[tid] = task;
        if (!forgets)
            _allTasks.Add(task);
        process.LiveThreads++;
        return task;
    }
}
