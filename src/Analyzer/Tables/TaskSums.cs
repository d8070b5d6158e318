using Faultrec.Analyzer.Measures;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Tables;

/// <summary>Counts of tasks (a thread under a name), summed by process, by thread or by name.</summary>
internal sealed class TaskSum
{
    private readonly HashSet<(int, int)> _threads = [];
    private FaultCounts _counts;
    private long _mostFaults;

    public FaultCounts Counts => _counts;

    public int Threads => _threads.Count;

    public string? MostFrequentComm { get; private set; }

    /// <param name="keyOf">Tasks with the same key are summed together.</param>
    /// <returns>Empty if tasks were not counted.</returns>
    public static Dictionary<TKey, TaskSum> By<TKey>(FaultReport report, Func<TaskName, TKey> keyOf)
        where TKey : notnull
    {
        var sums = new Dictionary<TKey, TaskSum>();
        if (report.Find(TaskAggregate.Measure) is not { } aggregate)
            return sums;
        for (var i = 0; i < aggregate.Names.Count; i++)
        {
            var name = aggregate.Names[i];
            if (!sums.TryGetValue(keyOf(name), out var sum))
                sums.Add(keyOf(name), sum = new TaskSum());
            sum.Add(name, aggregate.Counts(i));
        }

        return sums;
    }

    private void Add(TaskName name, in FaultCounts counts)
    {
        _counts.Merge(counts);
        _threads.Add((name.Pid, name.Tid));
        var isMore = counts.Faults > _mostFaults || (counts.Faults == _mostFaults && string.CompareOrdinal(name.Comm, MostFrequentComm) < 0);
        if (isMore)
            (_mostFaults, MostFrequentComm) = (counts.Faults, name.Comm);
    }
}

/// <summary>Names of processes and threads by id, as the trace's tables have them.</summary>
internal sealed class TaskNames
{
    private readonly Dictionary<int, string> _processes = [];
    private readonly Dictionary<(int, int), string> _threads = [];

    public TaskNames(TraceMetadata metadata)
    {
        foreach (var process in metadata.Processes)
            _processes[process.Pid] = process.Comm;
        foreach (var thread in metadata.Threads)
            _threads[(thread.Pid, thread.Tid)] = thread.Comm;
    }

    public string? Process(int pid) => _processes.GetValueOrDefault(pid);

    /// <summary>Its own name, else that of its process.</summary>
    public string? Thread(int pid, int tid) => OnlyThread(pid, tid) ?? Process(pid);

    public string? OnlyThread(int pid, int tid) => _threads.GetValueOrDefault((pid, tid));
}
