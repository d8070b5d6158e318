using System.Buffers.Binary;
using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Perf;

/// <summary>A running process that has become a target.</summary>
internal readonly record struct NewTarget(int Pid, long TimeNs);

/// <summary>
/// Selects the side-band records about the target's processes from those of the whole machine: processes that already ran, their
/// children, processes that get the name, and those that the probes report. Records of others are kept until the next drain, because a
/// process is known as a target only from its first fault on, and are then dropped.
/// </summary>
/// <param name="names">Null: targets are not chosen by name.</param>
/// <param name="excludedPid">A process that is never one; 0: none.</param>
internal sealed class TargetFilter(Glob? names, int excludedPid)
{
    private const int PidOffset = 8;

    private readonly HashSet<int> _known = [];

    // No longer targets, but their end is still reported.
    private readonly HashSet<int> _former = [];

    // Since when, of this drain.
    private readonly Dictionary<int, long> _new = [];
    private readonly List<NewTarget> _found = [];
    private readonly List<NewTarget> _appeared = [];
    private readonly SidebandParser _parser = new();
    private List<(int Cpu, byte[] Records)> _held = [];

    /// <summary>There has been a target.</summary>
    public bool HasMatched { get; private set; }

    /// <summary>Adds a process that already runs and is a target.</summary>
    public void Know(int pid) => _ = TryAdd(pid);

    /// <summary>The probes have found that a process is a target, possibly once more.</summary>
    public void Found(int pid, long timeNs) => _found.Add(new NewTarget(pid, timeNs));

    /// <summary>New targets since the last call whose mappings no record has reported.</summary>
    public IReadOnlyList<NewTarget> TakeAppeared()
    {
        NewTarget[] taken = [.. _appeared];
        _appeared.Clear();
        return taken;
    }

    /// <param name="drained">Whole records of all CPUs, each CPU's back to back.</param>
    /// <param name="keep">Is given runs of records.</param>
    public void Filter(List<(int Cpu, byte[] Records)> drained, KeepRecords keep)
    {
        // A fork can be in one ring and the child's records in another, so they are ordered by time.
        var changes = drained.SelectMany(ring => TasksOf(ring.Records)).OrderBy(change => change.TimeNs).ToList();
        changes.ForEach(Follow);
        if (TakeFound())
            changes.ForEach(Follow); // Now the tasks that they created are known.
        if (_new.Count > 0)
        {
            foreach (var (cpu, records) in _held)
                Keep(cpu, records, (pid, _) => _new.ContainsKey(pid), keep);
            _new.Clear();
        }

        foreach (var (cpu, records) in drained)
            Keep(cpu, records, (pid, type) => _known.Contains(pid) || type == PerfRecordType.Exit && _former.Contains(pid), keep);
        _held = drained;
    }

    /// <summary>The process of each record that does not tell of an end.</summary>
    public static IEnumerable<int> LivingIn(byte[] records)
        => RecordsOf(records).Where(record => record.Type is not (PerfRecordType.Exit or PerfRecordType.Lost))
            .Select(record => BinaryPrimitives.ReadInt32LittleEndian(records.AsSpan(record.Start + PidOffset)));

    private bool TakeFound()
    {
        var before = _appeared.Count;
        foreach (var found in _found)
            Appear(found);
        _found.Clear();
        return _appeared.Count > before;
    }

    private void Appear(NewTarget target)
    {
        if (!TryAdd(target.Pid))
            return;
        _new[target.Pid] = target.TimeNs;
        _appeared.Add(target);
    }

    private void Follow(LedgerEvent change)
    {
        switch (change)
        {
            case ForkEvent { Pid: var pid, ParentPid: var parent, TimeNs: var timeNs } when pid != parent:
                // A reused id belongs to another process.
                _former.Remove(pid);
                if (_known.Contains(parent))
                    Know(pid);
                else if (!_new.TryGetValue(pid, out var foundNs) || foundNs < timeNs)
                    _known.Remove(pid);
                break;
            case CommEvent comm when names is not null && comm.Tid == comm.Pid:
                if (!names.Matches(comm.Comm))
                    Leave(comm.Pid);
                else if (comm.Exec)
                    Know(comm.Pid); // Its mappings follow.
                else
                    Appear(new NewTarget(comm.Pid, comm.TimeNs));
                break;
        }
    }

    private bool TryAdd(int pid)
    {
        if (pid == excludedPid || !_known.Add(pid))
            return false;
        HasMatched = true;
        return true;
    }

    private void Leave(int pid)
    {
        if (_known.Remove(pid))
            _former.Add(pid);
    }

    private IEnumerable<LedgerEvent> TasksOf(byte[] records)
    {
        foreach (var (start, length, type) in RecordsOf(records))
        {
            if (type is not (PerfRecordType.Fork or PerfRecordType.Comm))
                continue;
            foreach (var change in _parser.Parse(records.AsMemory(start, length)))
                yield return change;
        }
    }

    private static void Keep(int cpu, byte[] records, Func<int, PerfRecordType, bool> isWanted, KeepRecords keep)
    {
        var (from, to) = (0, 0);
        foreach (var (start, length, type) in RecordsOf(records))
        {
            // Lost records may have been the target's.
            if (type != PerfRecordType.Lost && !isWanted(BinaryPrimitives.ReadInt32LittleEndian(records.AsSpan(start + PidOffset)), type))
                continue;
            if (start != to)
            {
                if (to > from)
                    keep(cpu, records.AsSpan(from, to - from));
                from = start;
            }

            to = start + length;
        }

        if (to > from)
            keep(cpu, records.AsSpan(from, to - from));
    }

    private static IEnumerable<(int Start, int Length, PerfRecordType Type)> RecordsOf(byte[] records)
    {
        const int headerBytes = 8, leastBytes = PidOffset + sizeof(int);
        for (int at = 0, size; at + leastBytes <= records.Length; at += size)
        {
            size = BinaryPrimitives.ReadUInt16LittleEndian(records.AsSpan(at + headerBytes - sizeof(ushort)));
            if (size < leastBytes || size > records.Length - at)
                yield break;
            yield return (at, size, (PerfRecordType)BinaryPrimitives.ReadUInt32LittleEndian(records.AsSpan(at)));
        }
    }
}

/// <summary>Records of one CPU, back to back; valid for the call.</summary>
internal delegate void KeepRecords(int cpu, ReadOnlySpan<byte> records);
