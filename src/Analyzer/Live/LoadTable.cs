using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Facts;
using Faultrec.Traces.Columns;

namespace Faultrec.Analyzer.Live;

/// <summary>Faults of one process over some time. Memory is bounded: if there are very many regions, those with the most faults are kept.</summary>
internal sealed class ProcessLoad(int pid)
{
    private const int MaxRegions = 256;

    private readonly Dictionary<string, RegionLoad> _regions = [];
    private string? _lastName;
    private RegionLoad _last = new();
    private bool _hasMainComm;

    private sealed class RegionLoad
    {
        public long Faults;
        public long Major;

        public void Add(long faults, long major)
        {
            Faults += faults;
            Major += major;
        }
    }

    public int Pid { get; } = pid;

    /// <summary>Name of the main thread if it has faulted, otherwise of another.</summary>
    public string Comm { get; private set; } = "";

    public long Faults { get; private set; }

    public long Major { get; private set; }

    /// <summary>Of the faults whose duration is known.</summary>
    public long LatencySumNs { get; private set; }

    public long LatencyCount { get; private set; }

    public void Add(FaultBatch batch, int row, bool isMajor, long weight)
    {
        Name(batch.Comm[row], isMain: batch.Tid[row] == Pid);
        var major = isMajor ? weight : 0;
        Faults += weight;
        Major += major;
        if (batch.DurationNs[row] is >= 0 and var durationNs)
        {
            LatencySumNs += durationNs * weight;
            LatencyCount += weight;
        }

        Region(batch.RegionId[row] == 0 ? RegionNames.Unmapped : batch.Region[row]).Add(weight, major);
    }

    public void Merge(ProcessLoad other)
    {
        Name(other.Comm, other._hasMainComm);
        Faults += other.Faults;
        Major += other.Major;
        LatencySumNs += other.LatencySumNs;
        LatencyCount += other.LatencyCount;
        foreach (var (name, load) in other._regions)
            Region(name).Add(load.Faults, load.Major);
    }

    public IEnumerable<(string Name, long Faults)> Hottest(int count)
        => _regions.OrderByDescending(region => region.Value.Faults).ThenBy(region => region.Key, StringComparer.Ordinal)
            .Take(count).Select(region => (region.Key, region.Value.Faults));

    /// <summary>Where most of the major faults were; null: there were none.</summary>
    public (string Name, long Major)? MostMajor()
    {
        var (name, load) = _regions.OrderByDescending(region => region.Value.Major).ThenBy(region => region.Key, StringComparer.Ordinal).FirstOrDefault();
        return load?.Major > 0 ? (name, load.Major) : null;
    }

    private void Name(string comm, bool isMain)
    {
        if (isMain || !_hasMainComm)
            Comm = comm;
        _hasMainComm |= isMain;
    }

    private RegionLoad Region(string name)
    {
        if (ReferenceEquals(name, _lastName))
            return _last;
        if (!_regions.TryGetValue(name, out var load))
        {
            if (_regions.Count == MaxRegions)
                Prune();
            _regions.Add(name, load = new RegionLoad());
        }

        (_lastName, _last) = (name, load);
        return load;
    }

    // Their faults are still in the process's sum.
    private void Prune()
    {
        var waitsMost = MostMajor()?.Name;
        foreach (var region in _regions.OrderBy(region => region.Key == waitsMost).ThenBy(region => region.Value.Faults).Take(MaxRegions / 2).ToList())
            _regions.Remove(region.Key);
        _lastName = null;
    }
}

/// <summary>Processes and their faults over some time; of very many processes the first in the order are kept.</summary>
internal sealed class LoadTable(LoadOrder order)
{
    private const int MaxProcesses = 1024;

    private readonly Dictionary<int, ProcessLoad> _processes = [];
    private ProcessLoad? _last;

    /// <summary>Recorded faults; fewer than <see cref="Faults"/> if each stands for several.</summary>
    public long Rows { get; private set; }

    public long Faults { get; private set; }

    public long Major { get; private set; }

    public long Failed { get; private set; }

    /// <summary>Processes that are not kept individually.</summary>
    public int Pruned { get; private set; }

    public int Count => _processes.Count + Pruned;

    public void Add(FaultBatch batch, int row, Severity severity)
    {
        var weight = Math.Max(1, batch.Weight[row]);
        Rows++;
        Faults += weight;
        Major += severity == Severity.Major ? weight : 0;
        Failed += severity == Severity.Failed ? weight : 0;
        Process(batch.Pid[row]).Add(batch, row, severity == Severity.Major, weight);
    }

    public void Merge(LoadTable other)
    {
        Rows += other.Rows;
        Faults += other.Faults;
        Major += other.Major;
        Failed += other.Failed;
        Pruned += other.Pruned;
        foreach (var process in other._processes.Values)
            Process(process.Pid).Merge(process);
    }

    public List<ProcessLoad> Sorted()
        => [.. _processes.Values.OrderByDescending(Rank).ThenByDescending(process => process.Faults).ThenBy(process => process.Pid)];

    private long Rank(ProcessLoad process) => order switch
    {
        LoadOrder.Time => process.LatencySumNs,
        LoadOrder.Major => process.Major,
        _ => process.Faults,
    };

    private ProcessLoad Process(int pid)
    {
        if (_last is { } last && last.Pid == pid)
            return last;
        if (!_processes.TryGetValue(pid, out var process))
        {
            if (_processes.Count == MaxProcesses)
                Prune();
            _processes.Add(pid, process = new ProcessLoad(pid));
        }

        return _last = process;
    }

    private void Prune()
    {
        foreach (var process in Sorted().Skip(MaxProcesses / 2))
            _processes.Remove(process.Pid);
        Pruned += MaxProcesses - (MaxProcesses / 2);
        _last = null;
    }
}
