using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Scan;
using Faultrec.Replay.Native;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;

namespace Faultrec.Replay;

/// <summary>The second pass over the trace: recorded faults, and what happened between them, become the engine's operations.</summary>
internal sealed class Planner
{
    private readonly TraceMetadata _metadata;
    private readonly ReplayOptions _options;
    private readonly Admission _admission;
    private readonly Survey _survey;
    private readonly AccessReader _access;
    private readonly Tasks _tasks;
    private readonly Layout _layout;
    private readonly PageWork _pages;
    private readonly List<(long TimeNs, Action Do)> _timeline = [];
    private readonly ILookup<int, ReplayedRegion> _files;
    private int _nextEvent;

    public Planner(TraceMetadata metadata, ReplayOptions options, Admission admission, Survey survey, Tasks tasks)
    {
        (_metadata, _options, _admission, _survey, _tasks) = (metadata, options, admission, survey, tasks);
        _access = new AccessReader(metadata.Backend);
        _layout = new Layout(tasks);
        _pages = new PageWork(tasks, _layout, survey, _access, options);
        _files = admission.Regions.Where(region => region.HasStandIn).OrderBy(region => region.BornNs).ToLookup(region => region.Ledger.Pid);
        FillTimeline();
    }

    /// <summary>Faults that failed in the recording but would not fail here.</summary>
    public long WouldSucceed { get; private set; }

    public void Run(TraceReader reader, CancellationToken cancelled)
    {
        TraceScan.RunInOrder(reader, _options.Filter, Survey.Columns(_access), (batch, classifier) =>
        {
            cancelled.ThrowIfCancellationRequested();
            Plan(batch, classifier);
        });
        while (_nextEvent < _timeline.Count)
            _timeline[_nextEvent++].Do();
        _tasks.EndAll();
    }

    /// <summary>Forks, starts and ends, which have no row. At the same time, starts come first.</summary>
    private void FillTimeline()
    {
        foreach (var process in _metadata.Processes)
        {
            var (pid, comm) = (process.Pid, process.Comm);
            if (process is { StartedNs: { } started, ParentPid: { } parent } && parent != pid)
                _timeline.Add((started, () => Fork(parent, pid, comm)));
        }

        foreach (var region in _files.SelectMany(files => files))
        {
            if (region.Ledger.BornNs is { } born)
                _timeline.Add((born, () => Born(region)));
        }

        foreach (var thread in _metadata.Threads)
        {
            if (thread.ExitedNs is { } exited && thread.Tid != thread.Pid && _options.Change.Threads == 0)
                _timeline.Add((exited, () => _tasks.EndThread(thread.Pid, thread.Tid)));
        }

        foreach (var region in _admission.Regions)
        {
            if (region.Ledger.DiedNs is { } died)
                _timeline.Add((died, () => EndRegion(region)));
        }

        foreach (var process in _metadata.Processes)
        {
            if (process.ExitedNs is { } exited)
                _timeline.Add((exited, () => _tasks.EndProcess(process.Pid)));
        }

        var ordered = _timeline.OrderBy(moment => moment.TimeNs).ToList(); // stable, which List.Sort is not
        _timeline.Clear();
        _timeline.AddRange(ordered);
    }

    private void Fork(int parentPid, int pid, string comm)
    {
        if (_tasks.Find(pid) is null && _tasks.Find(parentPid) is { } parent)
            _tasks.Fork(parent, pid, comm);
    }

    private void Born(ReplayedRegion region)
    {
        if (_tasks.Find(region.Ledger.Pid) is { } process)
            _layout.Born(process, region);
    }

    private void EndRegion(ReplayedRegion region)
    {
        if (_tasks.Find(region.Ledger.Pid) is { } process)
            _layout.End(process, region);
    }

    private void Plan(FaultBatch batch, FaultClassifier classifier)
    {
        var severities = classifier.Verdicts.Severities;
        var kinds = classifier.Verdicts.Kinds;
        for (var i = 0; i < batch.Count; i++)
        {
            while (_nextEvent < _timeline.Count && _timeline[_nextEvent].TimeNs <= batch.TimeNs[i])
                _timeline[_nextEvent++].Do();
            if (_admission.Admit(batch, i, severities[i], out var region) == Skip.No)
                PlanFault(batch, i, kinds[i], severities[i], region);
        }
    }

    private void PlanFault(FaultBatch batch, int row, FaultKind kind, Severity severity, ReplayedRegion? region)
    {
        var isNew = _tasks.Find(batch.Pid[row]) is null;
        var thread = _tasks.Thread(batch.Pid[row], _options.Change.TidOf(batch, row), batch.Comm[row]);
        if (isNew)
            PlaceFiles(thread.Process, batch.TimeNs[row]);
        _tasks.WaitFor(thread, thread.Process.LastFork.Slot, thread.Process.LastFork.Position);
        var access = AccessOf(batch, row, region);
        var address = (ulong)batch.Address[row] + (region?.Shift ?? 0);
        if (severity == Severity.Failed)
        {
            if (!Fails(thread, region, address, access))
            {
                WouldSucceed++;
                return;
            }
        }
        else
        {
            _layout.Ensure(thread, region!, address);
            _pages.Prepare(thread, region!, batch, row, address, kind);
        }

        var position = _tasks.Push(thread, new Op
        {
            Kind = OpKind.Touch,
            Address = address,
            DueNs = Due(batch.TimeNs[row]),
            Bucket = (uint)_survey.Buckets.NumberOf(batch.RegionId[row], kind, severity),
            Flags = (access == FaultAccess.Write ? OpFlags.Write : OpFlags.None) | (batch.KernelAccess[row] ? OpFlags.ByKernel : OpFlags.None),
        });
        if (severity == Severity.Failed)
            return;
        region!.Touched(thread.Slot, position);
        _pages.Note(thread, region, batch, row, address);
    }

    private void PlaceFiles(ReplayedProcess process, long nowNs)
    {
        foreach (var file in _files[process.Pid].Where(file => file.BornNs <= nowNs && !(file.Ledger.DiedNs <= nowNs)))
            _layout.Born(process, file);
    }

    private long Due(long timeNs)
        => _options.Speed > 0 ? (long)((timeNs - _survey.FirstNs) / _options.Speed) : timeNs - _survey.FirstNs;

    // Without an error code the access is not known: most first touches of writable memory are writes.
    private FaultAccess AccessOf(FaultBatch batch, int row, ReplayedRegion? region) => _access.Of(batch, row) switch
    {
        FaultAccess.Unknown => region is { IsWritable: true, IsFile: false } ? FaultAccess.Write : FaultAccess.Read,
        var access => access,
    };

    private bool Fails(ReplayedThread thread, ReplayedRegion? region, ulong address, FaultAccess access)
    {
        if (ReplayedRegion.IsEngines(address))
            return false;
        if (region is not null)
            _layout.Ensure(thread, region, address);
        return thread.Process.Map.At(address)?.Region is not { } there || (access == FaultAccess.Write ? !there.IsWritable : !there.IsReadable);
    }
}
