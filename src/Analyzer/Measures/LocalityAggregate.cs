using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Measures;

/// <summary>
/// How do threads walk through regions? Faults must come in order of time. Memory is bounded by distinct pages, and by distinct
/// pairs of a thread and a region. All threads of a scan share one instance.
/// </summary>
internal sealed class LocalityAggregate(RegionIndex index, PageGeometry pages) : IFaultSink<LocalityAggregate>
{
    // Threads on several CPUs alternate row by row, in a few regions each: remembering the last ones saves hash look-ups.
    private const int RecentThreads = 256;
    private const int RecentWalks = 8192;

    private readonly int _pageShift = pages.PageShift;
    private readonly RegionLocality?[] _byId = new RegionLocality?[index.IdLimit];
    private readonly Dictionary<int, ProcessFaults> _processes = [];
    private readonly Dictionary<(int Pid, int Tid), ThreadFaults> _threads = [];
    private readonly Dictionary<(int Thread, int Region), Walk> _walks = [];
    private readonly ThreadFaults?[] _recentThreads = new ThreadFaults?[RecentThreads];
    private readonly Walk?[] _recentWalks = new Walk?[RecentWalks];

    public FaultColumns Columns => FaultColumns.RegionId | FaultColumns.Pid | FaultColumns.Tid | FaultColumns.Address;

    public bool NeedsVerdicts => false;

    public bool NeedsOrder => true;

    /// <summary>
    /// Null if region <paramref name="id"/> had no fault, and for 0: without a mapping there are no neighbours. Call <see cref="Finish"/> first.
    /// </summary>
    public RegionLocality? ById(int id) => _byId[id];

    public void Add(FaultBatch batch, in Verdicts verdicts)
    {
    }

    public void AddInOrder(FaultBatch batch, in Verdicts verdicts)
    {
        var (pids, tids, regions, addresses) = (batch.Pid, batch.Tid, batch.RegionId, batch.Address);
        for (var row = 0; row < batch.Count; row++)
        {
            var thread = ThreadOf(pids[row], tids[row]);
            var fault = thread.Process.Count++;
            var id = regions[row];
            if (((uint)id < (uint)_byId.Length ? _byId[id] ?? Create(id) : null) is not { } region)
                continue;
            var page = (long)((ulong)addresses[row] >> _pageShift);
            var walk = WalkOf(thread.Number, id, region);
            region.Touch(page, walk.NumberInRegion, fault);
            walk.StepTo(page);
        }
    }

    public void Merge(LocalityAggregate other)
    {
    }

    /// <summary>Counts the runs that are still under way; call once, after the last fault.</summary>
    internal void Finish()
    {
        foreach (var walk in _walks.Values)
            walk.End();
    }

    private RegionLocality? Create(int id)
    {
        if (index.Find(id) is not { } region)
            return null;
        var count = region.End > region.Start ? (long)((region.End - region.Start) >> _pageShift) : 0;
        return _byId[id] = new RegionLocality((long)(region.Start >> _pageShift), count);
    }

    private ThreadFaults ThreadOf(int pid, int tid)
    {
        ref var recent = ref _recentThreads[tid & (RecentThreads - 1)];
        if (recent is not null && recent.Tid == tid && recent.Pid == pid)
            return recent;
        if (!_threads.TryGetValue((pid, tid), out var thread))
        {
            if (!_processes.TryGetValue(pid, out var process))
                _processes.Add(pid, process = new ProcessFaults());
            _threads.Add((pid, tid), thread = new ThreadFaults(pid, tid, _threads.Count, process));
        }

        return recent = thread;
    }

    private Walk WalkOf(int thread, int regionId, RegionLocality region)
    {
        ref var recent = ref _recentWalks[((thread * 601) + regionId) & (RecentWalks - 1)];
        if (recent is not null && recent.Thread == thread && recent.RegionId == regionId)
            return recent;
        if (!_walks.TryGetValue((thread, regionId), out var walk))
            _walks.Add((thread, regionId), walk = new Walk(thread, regionId, region));
        return recent = walk;
    }

    private sealed class ProcessFaults
    {
        public uint Count { get; set; }
    }

    private sealed record ThreadFaults(int Pid, int Tid, int Number, ProcessFaults Process);

    /// <summary>One thread in one region: its last page, and the number of consecutive steps of one length.</summary>
    private sealed class Walk(int thread, int regionId, RegionLocality region)
    {
        private long _lastPage = -1;
        private long _stride;
        private long _steps;

        public int Thread => thread;

        public int RegionId => regionId;

        /// <summary>Number of the thread among those that touch the region, from 1.</summary>
        public int NumberInRegion { get; } = region.AddThread();

        public void StepTo(long page)
        {
            if (_lastPage >= 0)
            {
                var stride = page - _lastPage;
                if (stride != _stride)
                    End();
                _stride = stride;
                _steps++;
            }

            _lastPage = page;
        }

        public void End()
        {
            if (_steps > 0)
                region.AddSteps(_stride, _steps);
            _steps = 0;
        }
    }
}
