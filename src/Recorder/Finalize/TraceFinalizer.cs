using Faultrec.Recorder.Capture;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Spool;
using Faultrec.Traces;

namespace Faultrec.Recorder.Finalize;

/// <summary>Makes the trace file from a spool, whole or cut off.</summary>
internal sealed class TraceFinalizer : IMergeTarget, IDisposable
{
    private readonly SpoolReader _spool;
    private readonly TraceWriter _writer;
    private readonly Action<double>? _progress;
    private readonly FaultBatch _batch = new(TraceSchema.RowGroupSize);
    private readonly RegionLedger _ledger = new();
    private readonly TaskTable _tasks;
    private readonly SortedDictionary<int, long> _lostByCpu = [];
    private readonly SortedDictionary<long, long> _lostBySecond = [];
    private readonly long _startNs;
    private readonly (long, long)? _baseline;
    private readonly long _writeFlag;
    private readonly long _instructionFlag;
    private readonly bool _seesEntries;
    private long _rows;
    private long _failed;
    private long _withoutEntry;
    private long _withoutRegion;

    public TraceFinalizer(SpoolReader spool, Stream output, Action<double>? progress)
    {
        _spool = spool;
        _writer = new TraceWriter(output);
        _progress = progress;
        _tasks = new TaskTable(_ledger);
        _startNs = spool.Header.Metadata.ClockStartNs;
        _writeFlag = FlagNamed(spool, "FAULT_FLAG_WRITE");
        _instructionFlag = FlagNamed(spool, "FAULT_FLAG_INSTRUCTION");
        _seesEntries = spool.Header.Metadata.Backend != PerfCapture.Backend;
        _baseline = spool.Header.BaselineMinor is { } minor && spool.Header.BaselineMajor is { } major ? (minor, major) : null;
    }

    public TraceMetadata Run()
    {
        var merger = new SpoolMerger(_spool, this);
        merger.Run();
        if (_batch.Count > 0)
            _writer.WriteRowGroup(_batch);
        var metadata = Metadata(merger);
        _writer.Complete(metadata);
        return metadata;
    }

    public void OnLedgerEvent(LedgerEvent change) => _tasks.Apply(change, _baseline, _spool.Header.TargetPid);

    public void OnLoss(int cpu, LossFrame loss)
    {
        _lostByCpu[cpu] = _lostByCpu.GetValueOrDefault(cpu) + loss.Lost;
        var second = ToTraceTime(loss.TimeNs) / 1_000_000_000;
        _lostBySecond[second] = _lostBySecond.GetValueOrDefault(second) + loss.Lost;
    }

    public void OnProgress(double part) => _progress?.Invoke(part);

    public void OnFault(in SpooledFault fault)
    {
        if (_batch.Count == _batch.Capacity)
        {
            _writer.WriteRowGroup(_batch);
            _batch.Count = 0;
        }
        var record = fault.Record;
        var task = _tasks.Of(record.Pid, record.Tid);
        var hasEntry = (record.Bits & FaultBits.NoEntry) == 0;
        var isMajor = (record.Bits & FaultBits.Major) != 0;
        var i = _batch.Count++;
        _batch.TimeNs[i] = ToTraceTime(record.StartNs);
        _batch.DurationNs[i] = hasEntry ? record.DurationNs : FaultBatch.Null;
        _batch.Pid[i] = record.Pid;
        _batch.Tid[i] = record.Tid;
        _batch.Cpu[i] = fault.Cpu;
        _batch.Comm[i] = task.Comm;
        _batch.Address[i] = record.Address;
        _batch.Ip[i] = record.Ip;
        _batch.Major[i] = isMajor;
        _batch.Access[i] = AccessOf(record);
        _batch.KernelAccess[i] = (record.Bits & FaultBits.KernelIp) != 0;
        _batch.ErrorCode[i] = (record.Bits & FaultBits.HasErrorCode) != 0 ? record.ErrorCode : FaultBatch.Null;
        _batch.FaultFlags[i] = (record.Bits & FaultBits.HasFlags) != 0 ? record.FaultFlags : FaultBatch.Null;
        _batch.FaultResult[i] = (record.Bits & FaultBits.HasFlags) != 0 ? record.FaultResult : FaultBatch.Null;
        _batch.Signal[i] = fault.Signal == 0 ? FaultBatch.Null : fault.Signal;
        _batch.PtLevel[i] = FaultBatch.Null;
        _batch.PteBefore[i] = FaultBatch.NullPte;
        _batch.Pfn[i] = FaultBatch.Null;
        _batch.PageOrder[i] = FaultBatch.Null;
        _batch.Stack[i] = null;
        _batch.Gup[i] = false;
        _batch.Handler[i] = null;
        _batch.VmfAddress[i] = _batch.VmfPgoff[i] = FaultBatch.Null;
        _batch.Weight[i] = 1;
        SetRegion(i, task, (ulong)record.Address);
        _rows++;
        _withoutEntry += hasEntry || !_seesEntries ? 0 : 1;
        if (fault.Signal != 0)
            _failed++;
        else
            _tasks.CountRow(task, isMajor);
    }

    public void Dispose() => _writer.Dispose();

    private void SetRegion(int i, TaskState task, ulong address)
    {
        if (task.Process.Space.Lookup(address) is not { } piece)
        {
            _withoutRegion++;
            _batch.RegionId[i] = 0;
            _batch.Region[i] = "";
            _batch.FilePage[i] = FaultBatch.Null;
            return;
        }
        _batch.RegionId[i] = _ledger.IdOf(piece.Region);
        _batch.Region[i] = piece.Region.Identity.Name;
        _batch.FilePage[i] = piece.Region.Identity.Path is null ? FaultBatch.Null : (long)((address - piece.Start + piece.FileOffset) >> 12);
    }

    private FaultAccess AccessOf(in FaultRecord record)
    {
        // arch/x86/include/asm/trap_pf.h: X86_PF_WRITE 2, X86_PF_INSTR 16.
        if ((record.Bits & FaultBits.HasErrorCode) != 0)
            return AccessOf(record.ErrorCode, 2, 16);
        return (record.Bits & FaultBits.HasFlags) != 0 ? AccessOf(record.FaultFlags, _writeFlag, _instructionFlag) : FaultAccess.Unknown;
    }

    private static FaultAccess AccessOf(long bits, long write, long exec)
        => (bits & write) != 0 ? FaultAccess.Write : (bits & exec) != 0 ? FaultAccess.Exec : FaultAccess.Read;

    private static long FlagNamed(SpoolReader spool, string name) => spool.Header.Metadata.FaultFlagNames.GetValueOrDefault(name);

    private long ToTraceTime(long monotonicNs) => monotonicNs - _startNs;

    private TraceMetadata Metadata(SpoolMerger merger)
    {
        var ending = merger.Ending;
        var lost = _lostByCpu.Values.Sum();
        var lostSideband = _tasks.LostSideband + (ending?.EventsLost ?? 0);
        var dropped = ending is null ? _spool.Length - _spool.Position : 0;
        var countersAgree = ending?.PerfMinor is not { } minor || minor + ending.PerfMajor == _rows - _failed;
        var kernelKnown = ending is not null && _baseline is not null && _tasks.KernelCountsKnown;
        return _spool.Header.Metadata with
        {
            DurationNs = ToTraceTime(merger.LastTimeNs),
            Regions = _ledger.Build(ToTraceTime),
            Processes = _tasks.BuildProcesses(ToTraceTime),
            Threads = _tasks.BuildThreads(ToTraceTime),
            Receipt = new Receipt
            {
                Events = _rows,
                Lost = lost,
                LostByCpu = [.. _lostByCpu.Select(loss => new CpuLoss(loss.Key, loss.Value))],
                LostBySecond = [.. _lostBySecond.Select(loss => new SecondLoss(loss.Key, loss.Value))],
                LostSideband = lostSideband,
                WithoutEntry = _withoutEntry,
                WithoutOutcome = ending?.WithoutOutcome ?? 0,
                WithoutRegion = _withoutRegion,
                RegionsFolded = _ledger.Folded,
                RegionsOmitted = _ledger.Omitted,
                PerfMinor = ending?.PerfMinor,
                PerfMajor = ending?.PerfMajor,
                KernelMinor = kernelKnown ? _tasks.KernelMinor : ending?.KernelMinor,
                KernelMajor = kernelKnown ? _tasks.KernelMajor : ending?.KernelMajor,
                KernelExec = kernelKnown ? _tasks.KernelExec : null,
                EndReason = ending?.EndReason ?? "recovered",
                ExitStatus = ending?.ExitStatus,
                SpoolBytesDropped = dropped,
                Complete = ending is not null && lost == 0 && lostSideband == 0 && countersAgree,
            },
        };
    }
}
