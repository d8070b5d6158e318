using System.Runtime.InteropServices;
using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Perf;
using Faultrec.Recorder.Spool;

namespace Faultrec.Recorder.Capture;

/// <summary>
/// Adds to the records what the kernel counts as memory of each recorded process: when the process appears in the records, then in turn, and
/// once more at the end. Of one process the living processes of its tree are looked at; of a part of the machine those that had faults.
/// </summary>
/// <remarks>
/// A process that looks the same is written when that ends, so an idle one takes no room. No file is kept open between two looks. A process
/// that has meanwhile got the id of one that ended is read in its place; the trace ignores it, because the side-band tells of the end.
/// </remarks>
internal sealed class MemoryWatch : IRecordSink
{
    /// <summary>Between two looks at a process.</summary>
    private const long ShortestIntervalNs = 100_000_000;

    /// <summary>With more processes than this allows (some 2,500, at 20 µs each), the share is exceeded.</summary>
    private const long LongestIntervalNs = 10_000_000_000;

    /// <summary>Looks may take one part in so many of a CPU's time: the interval is stretched by what they took.</summary>
    private const int CostShare = 200;

    /// <summary>The rings fill meanwhile; who is left has its turn in the next pass.</summary>
    private const long MostInPassNs = 2_000_000;

    private readonly IRecordSink _sink;
    private readonly ProcessStatus _status = new();
    private readonly bool _isTree;
    private readonly int _commandPid;
    private readonly Dictionary<int, Watched> _processes = [];
    private readonly Queue<Watched> _new = new();
    private readonly Queue<Watched> _turns = new();
    private int _lastPid;
    private long _lookNs;
    private bool _hasEnded;

    public MemoryWatch(IRecordSink sink, Target target)
        : this(sink, target.Pid, target.Launcher is not null)
    {
    }

    /// <param name="pid">The recorded process; 0: there are many.</param>
    /// <param name="isCommand">It is that only from its execve on.</param>
    public MemoryWatch(IRecordSink sink, int pid, bool isCommand)
    {
        _sink = sink;
        _isTree = pid != 0;
        _commandPid = isCommand ? pid : 0;
        if (_isTree && !isCommand)
            Know(pid);
    }

    public bool TakesResident => true;

    public void Append(SpoolRecordType type, int cpu, ReadOnlySpan<byte> payload, ReadOnlySpan<byte> rest = default)
    {
        if (type == SpoolRecordType.End)
            LookAtAll();
        _sink.Append(type, cpu, payload, rest);
        if (!_isTree)
            FindFaulting(type, payload);
        else if (type == SpoolRecordType.Event)
            FindCreated(MemoryMarshal.Read<EventRecord>(payload));
        else if (type == SpoolRecordType.Sideband)
            FindMentioned([.. payload, .. rest]);
    }

    public string? EndPass(long nowNs)
    {
        if (!_hasEnded)
            LookAtDue();
        return _sink.EndPass(nowNs);
    }

    /// <summary>Between the looks at a process, as things are.</summary>
    private long IntervalNs => Math.Clamp(_lookNs * CostShare * _processes.Count, ShortestIntervalNs, LongestIntervalNs);

    private void LookAtDue()
    {
        var startNs = Libc.MonotonicNs();
        for (var nowNs = startNs; nowNs - startNs < MostInPassNs;)
        {
            if (!_new.TryDequeue(out var process) && (!_turns.TryPeek(out process) || nowNs - process.LookedNs < IntervalNs || !_turns.TryDequeue(out process)))
                return;
            if (Look(process))
            {
                process.LookedNs = nowNs;
                _turns.Enqueue(process);
            }
            else
            {
                _processes.Remove(process.Pid);
            }

            var endNs = Libc.MonotonicNs();
            const int smoothing = 16;
            _lookNs += (endNs - nowNs - _lookNs) / (_lookNs == 0 ? 1 : smoothing);
            nowNs = endNs;
        }
    }

    private void LookAtAll()
    {
        _hasEnded = true;
        foreach (var process in _processes.Values)
        {
            if (Look(process))
                WriteHeld(process);
        }
    }

    /// <returns>False: it has ended.</returns>
    private bool Look(Watched process)
    {
        if (!_status.TryRead(process.Pid, out var memory))
            return false;
        if (process.Last is { } last && last with { TimeNs = memory.TimeNs } is var same && same.Equals(memory))
        {
            (process.Last, process.IsHeld) = (memory, true);
            return true;
        }

        WriteHeld(process);
        Write(memory);
        process.Last = memory;
        return true;
    }

    private void WriteHeld(Watched process)
    {
        if (process.IsHeld)
            Write(process.Last!.Value);
        process.IsHeld = false;
    }

    private void Write(in MemoryRecord memory)
        => _sink.Append(SpoolRecordType.Memory, 0, MemoryMarshal.AsBytes(new ReadOnlySpan<MemoryRecord>(in memory)));

    private void FindFaulting(SpoolRecordType type, ReadOnlySpan<byte> payload)
    {
        var size = SpoolReader.BytesPerFault(type);
        for (var at = 0; size > 0 && at < payload.Length; at += size)
        {
            // Each kind of record begins with a FaultRecord.
            var pid = MemoryMarshal.AsRef<FaultRecord>(payload[at..]).Pid;
            if (pid == _lastPid)
                continue;
            _lastPid = pid;
            Know(pid);
        }
    }

    private void FindCreated(in EventRecord record)
    {
        if (record.Type == EventType.TaskExec || record.Type == EventType.TaskNew && record.Pid != _commandPid)
            Know(record.Pid);
    }

    private void FindMentioned(byte[] records)
    {
        foreach (var pid in TargetFilter.LivingIn(records))
            Know(pid);
    }

    private void Know(int pid)
    {
        if (_processes.ContainsKey(pid))
            return;
        var process = new Watched(pid);
        _processes.Add(pid, process);
        _new.Enqueue(process);
    }

    private sealed class Watched(int pid)
    {
        public int Pid => pid;

        /// <summary>When it had its last turn.</summary>
        public long LookedNs { get; set; }

        /// <summary>The last look.</summary>
        public MemoryRecord? Last { get; set; }

        /// <summary>It is not written, because it is like the one before.</summary>
        public bool IsHeld { get; set; }
    }
}
