using Faultrec.Analyzer.Classify;
using Faultrec.Traces.Columns;

namespace Faultrec.Analyzer.Measures;

/// <summary>A thread under one of the names it had.</summary>
internal readonly record struct TaskName(int Pid, int Tid, string Comm);

/// <summary>
/// Who faults? Counts by process, thread and thread name at the fault; the tables of processes, threads and comms are sums of
/// these counts.
/// </summary>
internal sealed class TaskAggregate : IMeasure<TaskAggregate>
{
    public static Measure<TaskAggregate> Measure { get; } = new(_ => new TaskAggregate());

    // Threads on several CPUs alternate row by row: remembering the last slot for 256 tids saves hashing the name.
    private const int RecentSize = 256;

    private readonly Dictionary<TaskName, int> _slots = [];
    private readonly List<TaskName> _names = [];
    private readonly (TaskName Name, int Slot)[] _recent = new (TaskName, int)[RecentSize];
    private FaultCounts[] _counts = new FaultCounts[16];

    public IReadOnlyList<TaskName> Names => _names;

    /// <summary>Counts of <see cref="Names"/>[<paramref name="slot"/>].</summary>
    public ref readonly FaultCounts Counts(int slot) => ref _counts[slot];

    public FaultColumns Columns => FaultColumns.Pid | FaultColumns.Tid | FaultColumns.Comm | FaultColumns.DurationNs;

    public void Add<TWeights>(FaultBatch batch, in Verdicts verdicts, TWeights weights)
        where TWeights : struct, IRowWeights
    {
        var severities = verdicts.Severities;
        var (pids, tids, comms, durations) = (batch.Pid, batch.Tid, batch.Comm, batch.DurationNs);
        for (var i = 0; i < severities.Length; i++)
        {
            ref var recent = ref _recent[tids[i] & (RecentSize - 1)];
            if (!ReferenceEquals(recent.Name.Comm, comms[i]) || recent.Name.Tid != tids[i] || recent.Name.Pid != pids[i])
            {
                var name = new TaskName(pids[i], tids[i], comms[i]);
                recent = (name, Slot(name));
            }

            _counts[recent.Slot].Add(severities[i], durations[i], weights.Of(i));
        }
    }

    public void Merge(TaskAggregate other)
    {
        for (var i = 0; i < other._names.Count; i++)
        {
            var slot = Slot(other._names[i]);
            _counts[slot].Merge(other._counts[i]);
        }
    }

    private int Slot(TaskName name)
    {
        if (_slots.TryGetValue(name, out var slot))
            return slot;
        slot = _names.Count;
        _slots.Add(name, slot);
        _names.Add(name);
        if (slot == _counts.Length)
            Array.Resize(ref _counts, slot * 2);
        return slot;
    }
}
