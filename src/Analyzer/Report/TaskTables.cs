using Faultrec.Analyzer.Measures;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Report;

/// <summary>Tables of processes, threads and comms: three sums of the same counts.</summary>
internal sealed class TaskTables
{
    private readonly Dictionary<int, Sum> _processes = [];
    private readonly Dictionary<(int Pid, int Tid), Sum> _threads = [];
    private readonly Dictionary<string, Sum> _comms = [];

    private TaskTables(TaskAggregate aggregate)
    {
        for (var i = 0; i < aggregate.Names.Count; i++)
        {
            var name = aggregate.Names[i];
            ref readonly var counts = ref aggregate.Counts(i);
            SumOf(_processes, name.Pid).Add(name, counts);
            SumOf(_threads, (name.Pid, name.Tid)).Add(name, counts);
            SumOf(_comms, name.Comm).Add(name, counts);
        }
    }

    /// <param name="aggregate">Null: not counted, all three are empty.</param>
    /// <param name="pagesByPid">Distinct pages of each process that faulted.</param>
    public static (List<ProcessRow> Processes, List<ThreadRow> Threads, List<CommRow> Comms) Build(
        TraceMetadata metadata, TaskAggregate? aggregate, IReadOnlyDictionary<int, long> pagesByPid)
    {
        if (aggregate is null)
            return ([], [], []);
        var tables = new TaskTables(aggregate);
        return (tables.ProcessRows(metadata, pagesByPid), tables.ThreadRows(metadata), tables.CommRows());
    }

    private static Sum SumOf<TKey>(Dictionary<TKey, Sum> sums, TKey key)
        where TKey : notnull
    {
        if (!sums.TryGetValue(key, out var sum))
            sums.Add(key, sum = new Sum());
        return sum;
    }

    private List<ProcessRow> ProcessRows(TraceMetadata metadata, IReadOnlyDictionary<int, long> pagesByPid)
    {
        var names = new Dictionary<int, string>();
        foreach (var process in metadata.Processes)
            names[process.Pid] = process.Comm;
        var rows = new List<ProcessRow>(_processes.Count);
        foreach (var (pid, sum) in _processes)
            rows.Add(new ProcessRow(pid, names.GetValueOrDefault(pid) ?? sum.MostFrequentComm, sum.Threads, sum.Counts, pagesByPid.GetValueOrDefault(pid)));
        rows.Sort((a, b) => Ordering.ByFaults(a.Counts, b.Counts, a.Pid.CompareTo(b.Pid)));
        return rows;
    }

    private List<ThreadRow> ThreadRows(TraceMetadata metadata)
    {
        var names = new Dictionary<(int, int), string>();
        foreach (var thread in metadata.Threads)
            names[(thread.Pid, thread.Tid)] = thread.Comm;
        var rows = new List<ThreadRow>(_threads.Count);
        foreach (var (id, sum) in _threads)
            rows.Add(new ThreadRow(id.Pid, id.Tid, names.GetValueOrDefault(id) ?? sum.MostFrequentComm, sum.Counts));
        rows.Sort((a, b) => Ordering.ByFaults(a.Counts, b.Counts, (a.Pid, a.Tid).CompareTo((b.Pid, b.Tid))));
        return rows;
    }

    private List<CommRow> CommRows()
    {
        var rows = new List<CommRow>(_comms.Count);
        foreach (var (comm, sum) in _comms)
            rows.Add(new CommRow(comm, sum.Threads, sum.Counts));
        rows.Sort((a, b) => Ordering.ByFaults(a.Counts, b.Counts, string.CompareOrdinal(a.Comm, b.Comm)));
        return rows;
    }

    private sealed class Sum
    {
        private readonly HashSet<(int, int)> _threads = [];
        private FaultCounts _counts;
        private long _mostFaults;

        public FaultCounts Counts => _counts;

        public int Threads => _threads.Count;

        public string? MostFrequentComm { get; private set; }

        public void Add(TaskName name, in FaultCounts counts)
        {
            _counts.Merge(counts);
            _threads.Add((name.Pid, name.Tid));
            var isMore = counts.Faults > _mostFaults
                || (counts.Faults == _mostFaults && string.CompareOrdinal(name.Comm, MostFrequentComm) < 0);
            if (isMore)
                (_mostFaults, MostFrequentComm) = (counts.Faults, name.Comm);
        }
    }
}
