using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Options;
using Faultrec.Recorder.Perf;
using Faultrec.Recorder.Spool;
using Faultrec.Recorder.Symbols;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Faultrec.Traces.Ledger;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Finalize;

/// <summary>Makes the trace file from a spool, whole or cut off.</summary>
internal sealed class TraceFinalizer : ISpoolTarget, IDisposable
{
    /// <summary>
    /// Of a row group. With little memory too, because each group's place in the footer stays in memory until the end: 25 KB, as much as 160 rows.
    /// </summary>
    private const int LeastRows = 8 * 1024;

    private readonly SpoolReader _spool;
    private readonly TraceWriter _writer;
    private readonly Action<FinalizeProgress> _onProgress;
    private readonly bool _isRecovery;
    private readonly RowGroups _groups;
    private readonly RegionLedger _ledger = new();
    private readonly TaskTable _tasks;
    private readonly SortedDictionary<int, long> _lostByCpu = [];
    private readonly SortedDictionary<long, long> _lostBySecond = [];
    private readonly FaultRows _rows;
    private readonly MarkLog _marks = new();
    private readonly StackResolver? _stacks;
    private readonly MappedFiles _files;

    /// <param name="files">The files of a recording that has just ended; otherwise empty.</param>
    /// <param name="isRecovery">The spool was not written by this process.</param>
    public TraceFinalizer(SpoolReader spool, Stream output, MappedFiles files, Action<FinalizeProgress> onProgress, bool isRecovery = false)
    {
        _isRecovery = isRecovery;
        _spool = spool;
        // Readers accept this many row groups of any size.
        var rows = Math.Max(Math.Max(MemoryBudget.ScaledPart(TraceSchema.RowGroupSize), LeastRows), spool.MostFaults / Footer.FreeRowGroups + 1);
        _writer = new TraceWriter(output);
        _groups = new RowGroups(_writer, (int)Math.Min(Math.Min(rows, TraceSchema.RowGroupSize), spool.MostFaults));
        _onProgress = onProgress;
        _files = files;
        _stacks = spool.Header.Metadata.StackRecording is { Reason: null } asked ? new StackResolver(asked, spool.Header, files, onProgress) : null;
        _tasks = new TaskTable(_ledger, spool.Header.Metadata.Pages, stacks: _stacks, marks: _marks);
        _rows = new FaultRows(spool.Header, _tasks, _ledger, _stacks);
    }

    public TraceMetadata Run()
    {
        var merger = new SpoolMerger(_spool, this);
        merger.Run();
        _groups.Finish();
        var metadata = Metadata(merger);
        // A spool altered by somebody else may claim times and counts that no reader accepts.
        if (_isRecovery)
            metadata = MetadataJson.Checked(metadata);
        _writer.Complete(metadata);
        return metadata;
    }

    public void OnLedgerEvent(LedgerEvent change) => _rows.Apply(change);

    public void OnLoss(int cpu, LossRecord loss)
    {
        _lostByCpu[cpu] = _lostByCpu.GetValueOrDefault(cpu) + loss.Lost;
        var second = _rows.ToTraceTime(loss.TimeNs) / 1_000_000_000;
        _lostBySecond[second] = _lostBySecond.GetValueOrDefault(second) + loss.Lost;
    }

    public void OnStack(in StackRecordHead head, ReadOnlySpan<ulong> ips) => _stacks?.Add(head, ips);

    public void OnPythonCode(ReadOnlySpan<byte> record) => _stacks?.AddPythonCode(record);

    public void OnMarks(SpooledMarks marks) => _marks.Add(marks);

    public void OnProgress(FinalizeProgress progress) => _onProgress(progress);

    public void OnFault(in SpooledFault fault)
    {
        if (_groups.Batch.Count == _groups.Batch.Capacity)
            _groups.Write();
        _rows.Add(_groups.Batch, fault);
    }

    public void Dispose()
    {
        _stacks?.Dispose();
        _groups.Dispose();
        _writer.Dispose();
    }

    private TraceMetadata Metadata(SpoolMerger merger)
    {
        var ending = merger.Ending;
        var counts = ending?.Counts;
        var lost = _lostByCpu.Values.Sum();
        var isPerf = !_spool.Header.Metadata.Backend.HasPrograms;
        var unfollowed = isPerf ? _tasks.ProgramsWithoutEvents : 0;
        var account = Account.Of(counts?.Receipt, _rows.Count - _rows.Failed, lost, isOfTarget: _spool.Header.IsCommand || isPerf, isFollowed: unfollowed == 0);
        var header = _spool.Header.Metadata;
        var costs = counts?.Costs ?? new CostCounts();
        var onlyWithFaults = _spool.Header.TargetPid == 0;
        var marks = _marks.Build(_rows.ToTraceTime, _rows.ToTraceTime(merger.LastTimeNs));
        return header with
        {
            SchemaVersion = TraceSchema.Version, // of the file being written, whatever the spool says
            Sampling = header.Sampling is { } sampling ? sampling with { RateLimited = _rows.IsRateLimited } : null,
            DurationNs = _rows.ToTraceTime(merger.LastTimeNs),
            Regions = BuildIds.AddTo(_ledger.Build(_rows.ToTraceTime, onlyWithFaults), _files),
            Processes = _tasks.BuildProcesses(_rows.ToTraceTime, onlyWithFaults),
            Pressure = ending?.Pressure,
            Advice = _tasks.Advice.Build(_rows.ToTraceTime),
            Threads = _tasks.BuildThreads(_rows.ToTraceTime, onlyWithFaults),
            LockWaits = costs.LockWaits,
            TlbFlushes = costs.TlbFlushes,
            Slab = header.Slab is { } slab ? slab with { Caches = costs.Caches, BuddyAllocations = costs.BuddyAllocations } : null,
            StackRecording = _stacks?.BuildRecording([.. counts?.StackWarnings ?? [], .. _tasks.MapperWarning is { } warning ? (string[])[warning] : []])
                ?? header.StackRecording,
            CallFaults = _tasks.CallFaults.Build(_rows.ToTraceTime),
            Releases = isPerf ? null : _tasks.BuildReleases(_rows.ToTraceTime, onlyWithFaults),
            Memory = _tasks.Memory.Build(_rows.ToTraceTime, onlyWithFaults),
            ResidentBefore = _tasks.BuildResident(onlyWithFaults),
            Stacks = _stacks?.BuildTable(),
            Marks = marks,
            Receipt = WithVerdict(
                (counts?.Receipt ?? new Receipt { Events = 0 }) with
                {
                    Events = _rows.Count,
                    Failed = _rows.Failed,
                    Lost = lost,
                    LostByCpu = [.. _lostByCpu.Select(loss => new CpuLoss(loss.Key, loss.Value))],
                    LostBySecond = [.. _lostBySecond.Select(loss => new SecondLoss(loss.Key, loss.Value))],
                    Missed = account.Missed,
                    LostSideband = _tasks.LostSideband + (counts?.EventsLost ?? 0),
                    WithoutEntry = _rows.WithoutEntry,
                    WithoutOutcome = counts is null ? 0 : counts.Receipt.WithoutOutcome + counts.ReturnsDue,
                    Unfollowed = unfollowed,
                    WithoutRegion = _rows.WithoutRegion,
                    RegionsFolded = _ledger.Folded,
                    RegionsOmitted = _ledger.Omitted,
                    Unseen = account.Unseen,
                    EndReason = ending?.EndReason ?? "recovered",
                    ExitStatus = ending?.ExitStatus,
                    MarksDropped = _marks.Dropped,
                    MarksMoved = _marks.Moved,
                    SpoolBytesDropped = ending is null ? _spool.Length - _spool.Position : 0,
                },
                holds: ending is { Counts.ReturnsDue: 0, EndReason: not EndReason.Failed } && account.AddsUp),
        };
    }

    private static Receipt WithVerdict(Receipt receipt, bool holds) => receipt with { Complete = holds && receipt.LostNothing() };
}
