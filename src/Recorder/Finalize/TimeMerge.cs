using Faultrec.Recorder.Perf;

namespace Faultrec.Recorder.Finalize;

/// <summary>Output of the merge in order of time; a ledger event comes before faults of the same nanosecond.</summary>
internal interface IMergeTarget
{
    void OnLedgerEvent(LedgerEvent change);

    void OnFault(in SpooledFault fault);
}

/// <summary>
/// Orders faults and ledger events that arrive almost in order of time: they are added as they come and handed out up to a
/// watermark. An item added after its watermark has passed is handed out next, late; a caller that cannot accept this adds such items
/// to the late lists before the first watermark.
/// </summary>
internal sealed class TimeMerge(IMergeTarget target)
{
    private readonly TimeWindow<SpooledFault> _faults = new();
    private readonly TimeWindow<LedgerEvent> _changes = new();
    private readonly TimeWindow<SpooledFault> _lateFaults = new();
    private readonly TimeWindow<LedgerEvent> _lateChanges = new();

    /// <summary>The most items held at once, without those on the late lists.</summary>
    public int MostHeld { get; private set; }

    /// <summary>Time of the last item that was handed out.</summary>
    public long LastTimeNs { get; private set; }

    /// <summary>Items of one kind added since the last <see cref="EmitUntil"/>.</summary>
    public int MostUnsorted => Math.Max(_faults.Unsorted, _changes.Unsorted);

    public void Add(in SpooledFault fault) => _faults.Add(fault.Record.StartNs, fault);

    public void Add(LedgerEvent change) => _changes.Add(change.TimeNs, change);

    public void AddLate(in SpooledFault fault) => _lateFaults.Add(fault.Record.StartNs, fault);

    public void AddLate(LedgerEvent change) => _lateChanges.Add(change.TimeNs, change);

    /// <summary>To be called after the last item was added to the late lists.</summary>
    public void SortLate()
    {
        _lateFaults.Sort();
        _lateChanges.Sort();
    }

    /// <param name="watermark">Exclusive; <see cref="long.MaxValue"/> for all that is left.</param>
    public void EmitUntil(long watermark)
    {
        MostHeld = Math.Max(MostHeld, _faults.Count + _changes.Count);
        _faults.Sort();
        _changes.Sort();
        while (true)
        {
            var change = Math.Min(_changes.NextTimeNs, _lateChanges.NextTimeNs);
            var fault = Math.Min(_faults.NextTimeNs, _lateFaults.NextTimeNs);
            var next = Math.Min(change, fault);
            if (next >= watermark || next == long.MaxValue)
                break;
            LastTimeNs = Math.Max(LastTimeNs, next);
            if (change <= fault)
                target.OnLedgerEvent((_changes.NextTimeNs <= _lateChanges.NextTimeNs ? _changes : _lateChanges).Take());
            else
                target.OnFault(in (_faults.NextTimeNs <= _lateFaults.NextTimeNs ? _faults : _lateFaults).Take());
        }
    }
}
