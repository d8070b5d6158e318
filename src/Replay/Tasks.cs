using Faultrec.Replay.Native;
using Faultrec.Traces;

namespace Faultrec.Replay;

/// <summary>A thread of the engine, and how its operations are ordered after those of other threads.</summary>
internal sealed class ReplayedThread(int tid, int slot, ReplayedProcess process, int slots)
{
    public int Tid { get; } = tid;

    public int Slot { get; } = slot;

    public ReplayedProcess Process { get; } = process;

    /// <summary>By slot: the position up to which this thread's next operation comes after that slot's.</summary>
    public ulong[] Seen { get; } = new ulong[slots];
}

internal sealed class ReplayedProcess(int pid, AddressMap map, PageStates states)
{
    public int Pid { get; } = pid;

    public AddressMap Map { get; } = map;

    public PageStates States { get; } = states;

    /// <summary>Starts of the ranges for which a huge page was requested.</summary>
    public HashSet<ulong> HugeRanges { get; init; } = [];

    /// <summary>Running threads, by tid.</summary>
    public Dictionary<int, ReplayedThread> Threads { get; } = [];

    /// <summary>The thread with the latest fault.</summary>
    public required ReplayedThread? Active { get; set; }

    /// <summary>The process from which it was forked, if that one is in the replay.</summary>
    public ReplayedProcess? Parent { get; init; }

    /// <summary>The thread that runs as the process itself.</summary>
    public ReplayedThread? Main { get; set; }

    /// <summary>Slot and position of its last fork, after which the pages of all its threads are write-protected.</summary>
    public (int Slot, ulong Position) LastFork { get; set; } = (-1, 0);
}

/// <summary>Processes and threads: starts them in the engine at their first fault or their fork, and assigns slots.</summary>
internal sealed class Tasks
{
    /// <summary>Slot of the engine's own first process, which starts the recorded ones.</summary>
    public const int FirstProcess = 0;

    private readonly Rings _rings;
    private readonly Arena _arena;
    private readonly bool _isStrict;
    private readonly Dictionary<int, ReplayedProcess> _processes = [];
    private readonly Queue<int> _free = new();
    private readonly Queue<(int Slot, ulong Position)> _ending = new();
    private (int Slot, ulong Position) _last = (-1, 0);

    public Tasks(Rings rings, Arena arena, ReplayOrder order)
    {
        (_rings, _arena, _isStrict) = (rings, arena, order == ReplayOrder.Strict);
        arena.Name(FirstProcess, "replay");
        for (var slot = FirstProcess + 1; slot < arena.Slots; slot++)
            _free.Enqueue(slot);
    }

    public ReplayedProcess? Find(int pid) => _processes.GetValueOrDefault(pid);

    public ReplayedThread Thread(int pid, int tid, string comm)
    {
        var process = Find(pid) ?? Begin(pid, comm);
        if (!process.Threads.TryGetValue(tid, out var thread))
            thread = BeginThread(process, tid, comm);
        process.Active = thread;
        return thread;
    }

    /// <summary>Puts an operation into a thread's ring, ordered after the operations that must come before it.</summary>
    /// <returns>The position after it.</returns>
    public ulong Push(ReplayedThread thread, in Op op)
    {
        if (_isStrict && _last.Slot >= 0)
            WaitFor(thread, _last.Slot, _last.Position);
        var position = _rings.Push(thread.Slot, op);
        _last = (thread.Slot, position);
        return position;
    }

    /// <summary>Orders the thread's next operations after the other slot's operations up to that position; slot -1: no order.</summary>
    public void WaitFor(ReplayedThread thread, int slot, ulong position)
    {
        if (slot < 0 || slot == thread.Slot || thread.Seen[slot] >= position)
            return;
        thread.Seen[slot] = position;
        if (!_rings.IsDone(slot, position))
            _rings.Push(thread.Slot, new Op { Kind = OpKind.Wait, Bucket = (uint)slot, Offset = position });
    }

    /// <summary>Starts the process as a copy of another one that is running.</summary>
    public void Fork(ReplayedProcess parent, int pid, string comm)
    {
        var forking = parent.Active!;
        foreach (var other in parent.Threads.Values)
            WaitFor(forking, other.Slot, _rings.Head(other.Slot));
        var child = new ReplayedProcess(pid, parent.Map.Fork(), parent.States.Fork()) { HugeRanges = [.. parent.HugeRanges], Parent = parent, Active = null };
        parent.LastFork = (forking.Slot, BeginProcess(child, comm, op => Push(forking, op)));
        // The child began with the mappings that the parent had.
        forking.Seen.CopyTo(child.Main!.Seen, 0);
    }

    /// <summary>Ends a thread that is not the process's first.</summary>
    public void EndThread(int pid, int tid)
    {
        if (Find(pid) is not { } process || !process.Threads.TryGetValue(tid, out var thread) || thread == process.Main)
            return;
        process.Threads.Remove(tid);
        if (process.Active == thread)
            process.Active = process.Main;
        Release(thread.Slot, Push(thread, new Op { Kind = OpKind.Exit }));
    }

    public void EndProcess(int pid)
    {
        if (Find(pid) is not { } process)
            return;
        var main = process.Main!;
        foreach (var thread in process.Threads.Values.Where(thread => thread != main).ToList())
        {
            EndThread(pid, thread.Tid);
            WaitFor(main, thread.Slot, _rings.Head(thread.Slot));
        }

        // Whether a write copies a page depends on which other processes still have it, so an exit keeps its place among the faults of parent and children.
        _processes.Remove(pid);
        var relatives = _processes.Values.Where(other => other.Parent == process || other == process.Parent).SelectMany(other => other.Threads.Values).ToList();
        foreach (var relative in relatives)
            WaitFor(main, relative.Slot, _rings.Head(relative.Slot));
        var position = Push(main, new Op { Kind = OpKind.ExitProcess });
        Release(main.Slot, position);
        foreach (var relative in relatives)
            WaitFor(relative, main.Slot, position);
    }

    public void EndAll()
    {
        foreach (var pid in _processes.Keys.ToList())
            EndProcess(pid);
        _rings.Push(FirstProcess, new Op { Kind = OpKind.ExitProcess });
    }

    private ReplayedProcess Begin(int pid, string comm)
    {
        var process = new ReplayedProcess(pid, new AddressMap(), new PageStates()) { Active = null };
        BeginProcess(process, comm, op => _rings.Push(FirstProcess, op));
        return process;
    }

    private ulong BeginProcess(ReplayedProcess process, string comm, Func<Op, ulong> push)
    {
        var slot = TakeSlot(comm);
        var position = push(new Op { Kind = OpKind.Fork, Bucket = (uint)slot });
        process.Active = process.Main = new ReplayedThread(process.Pid, slot, process, _arena.Slots);
        process.Threads[process.Pid] = process.Main;
        _processes[process.Pid] = process;
        return position;
    }

    private ReplayedThread BeginThread(ReplayedProcess process, int tid, string comm)
    {
        var slot = TakeSlot(comm);
        var thread = new ReplayedThread(tid, slot, process, _arena.Slots);
        var by = process.Active!;
        var position = Push(by, new Op { Kind = OpKind.Spawn, Bucket = (uint)slot });
        by.Seen.CopyTo(thread.Seen, 0);
        thread.Seen[by.Slot] = position;
        return process.Threads[tid] = thread;
    }

    private int TakeSlot(string comm)
    {
        while (_ending.TryPeek(out var ending) && (_rings.IsDone(ending.Slot, ending.Position) || _free.Count == 0))
        {
            _rings.WaitFor(ending.Slot, ending.Position);
            _free.Enqueue(_ending.Dequeue().Slot);
        }

        if (!_free.TryDequeue(out var slot))
        {
            throw new FaultrecException(ExitCode.BadInput,
                $"the trace has more than {_arena.Slots - 1} threads at a time; expected no more; choose some with --pid, --tid or --comm");
        }

        _arena.Name(slot, comm);
        return slot;
    }

    private void Release(int slot, ulong position) => _ending.Enqueue((slot, position));
}
