using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Options;
using Faultrec.Recorder.Perf;
using Faultrec.Recorder.Spool;

namespace Faultrec.Recorder.Finalize;

/// <summary>Consumer of a whole spool.</summary>
internal interface ISpoolTarget : IMergeTarget
{
    void OnLoss(int cpu, LossRecord loss);

    /// <summary>Before the first fault.</summary>
    void OnStack(in StackRecordHead head, ReadOnlySpan<ulong> ips);

    void OnPythonCode(ReadOnlySpan<byte> record);

    void OnMarks(SpooledMarks marks);

    /// <summary>Called now and then.</summary>
    void OnProgress(FinalizeProgress progress);
}

/// <summary>
/// Merges the spool's streams (each CPU's faults, each CPU's side-band, the probes' rare events) into one order by time, in
/// bounded memory. A pass record at time T promises that everything after it began after the previous pass; a margin covers faults that
/// began earlier, because faults are ordered by their start but drained after their end. The few that exceed the margin
/// (a fault that slept for seconds) are found in a first pass over the spool and merged from a list.
/// </summary>
internal sealed class SpoolMerger : ISpoolItems
{
    private const long MarginNs = 100_000_000;
    private static readonly int BatchItems = MemoryBudget.ScaledPart(64 * 1024);

    private readonly SpoolReader _spool;
    private readonly ISpoolTarget _target;
    private readonly TimeMerge _merge;
    private readonly SpoolDecoder _decoder;
    private bool _isFirstLook = true;
    private long _faults;
    private long _allFaults;
    private long _pass = long.MinValue;
    private long _previousPass = long.MinValue;
    private long _lastRecordNs;

    public SpoolMerger(SpoolReader spool, ISpoolTarget target)
    {
        _spool = spool;
        _target = target;
        _merge = new TimeMerge(target);
        _decoder = new SpoolDecoder(this);
    }

    /// <summary>The most items held at once; bounded by what arrives within two margins, and by the late items.</summary>
    public int MostHeld => _merge.MostHeld;

    /// <summary>The last record, or null if the recorder was killed before it wrote one.</summary>
    public SpoolEnding? Ending { get; private set; }

    /// <summary>The last moment about which the spool has a record; a killed recorder's last faults come after its last pass.</summary>
    public long LastTimeNs => Math.Max(_lastRecordNs, _merge.LastTimeNs);

    public void Run()
    {
        Scan();
        _merge.SortLate();
        _spool.Rewind();
        (_isFirstLook, _pass, _previousPass) = (false, long.MinValue, long.MinValue);
        (_allFaults, _faults) = (_faults, 0);
        Scan();
        _merge.EmitUntil(long.MaxValue);
        _target.OnProgress(new FinalizeProgress(FinalizeStep.WritingRows, _allFaults, _allFaults));
    }

    /// <summary>No item that comes after this pass can begin before this time, except those on the late lists.</summary>
    private long Watermark => _previousPass == long.MinValue ? long.MinValue : _previousPass - MarginNs;

    public void OnPass(long timeNs)
    {
        (_previousPass, _pass) = (_pass, timeNs);
        _lastRecordNs = Math.Max(_lastRecordNs, timeNs);
        if (_isFirstLook)
        {
            _target.OnProgress(new FinalizeProgress(FinalizeStep.ReadingSpool, _spool.Position, _spool.Length));
            return;
        }

        if (_merge.MostUnsorted < BatchItems)
            return;
        _merge.EmitUntil(Watermark);
        _target.OnProgress(new FinalizeProgress(FinalizeStep.WritingRows, _faults, _allFaults));
    }

    public bool Wants(long faultStartNs) => (faultStartNs < Watermark) == _isFirstLook;

    public void OnFault(in SpooledFault fault)
    {
        if (_isFirstLook)
            _merge.AddLate(fault);
        else
            _merge.Add(fault);
    }

    public void OnChange(LedgerEvent change)
    {
        var isLate = change.TimeNs < Watermark;
        if (isLate && _isFirstLook)
            _merge.AddLate(change);
        else if (!isLate && !_isFirstLook)
            _merge.Add(change);
    }

    public void OnLoss(int cpu, LossRecord loss)
    {
        if (!_isFirstLook)
            _target.OnLoss(cpu, loss);
    }

    public void OnStack(in StackRecordHead head, ReadOnlySpan<ulong> ips)
    {
        if (_isFirstLook)
            _target.OnStack(head, ips);
    }

    public void OnPythonCode(ReadOnlySpan<byte> record)
    {
        if (_isFirstLook)
            _target.OnPythonCode(record);
    }

    public void OnMarks(SpooledMarks marks)
    {
        _lastRecordNs = Math.Max(_lastRecordNs, marks.ReadNs);
        if (_isFirstLook)
            _target.OnMarks(marks);
    }

    public void OnEnding(SpoolEnding ending)
    {
        Ending = ending;
        _lastRecordNs = Math.Max(_lastRecordNs, ending.TimeNs);
    }

    private void Scan()
    {
        while (_spool.Next())
        {
            _faults += _spool.Faults;
            _decoder.Decode(_spool.Type, _spool.Cpu, _spool.Payload);
        }
    }
}
