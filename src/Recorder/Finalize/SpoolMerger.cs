using System.Runtime.InteropServices;
using System.Text.Json;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Spool;

namespace Faultrec.Recorder.Finalize;

/// <summary>A fault on its way from the spool to a row.</summary>
/// <param name="Signal">0: it was served.</param>
internal readonly record struct SpooledFault(FaultRecord Record, int Cpu, int Signal);

/// <summary>What the merge hands out, in order of time; a ledger event comes before faults of the same nanosecond.</summary>
internal interface IMergeTarget
{
    void OnLedgerEvent(LedgerEvent change);

    void OnFault(in SpooledFault fault);

    void OnLoss(int cpu, LossFrame loss);

    /// <summary>Now and then, with the part of the spool that is done.</summary>
    void OnProgress(double part);
}

/// <summary>
/// Merges the spool's streams (each CPU's faults, each CPU's side-band, the probes' rare events) into one order by time, in
/// bounded memory. A pass frame at T promises that what follows began after the pass before; a margin covers faults that began
/// earlier, because faults are ordered by their start and drained after their end. The few that exceed the margin
/// (a fault that slept for seconds) are found by a first look over the spool and merged from a list.
/// </summary>
internal sealed class SpoolMerger(SpoolReader spool, IMergeTarget target)
{
    private const long MarginNs = 100_000_000;
    private const int BatchItems = 64 * 1024;

    private readonly SidebandParser _parser = new();
    private readonly TimeWindow<SpooledFault> _faults = new();
    private readonly TimeWindow<LedgerEvent> _changes = new();
    private readonly TimeWindow<SpooledFault> _lateFaults = new();
    private readonly TimeWindow<LedgerEvent> _lateChanges = new();
    private long _pass = long.MinValue;
    private long _previousPass = long.MinValue;

    /// <summary>Items held at once at most; bounded by what two margins bring, and by the late ones.</summary>
    public int MostHeld { get; private set; }

    /// <summary>The last frame, or null when the recorder was killed before it wrote one.</summary>
    public SpoolEnding? Ending { get; private set; }

    /// <summary>The last moment of which the spool tells anything.</summary>
    public long LastTimeNs { get; private set; }

    public void Run()
    {
        Scan((in SpooledFault fault) => AddIfLate(_lateFaults, fault.Record.StartNs, fault), change => AddIfLate(_lateChanges, change.TimeNs, change));
        _lateFaults.Sort();
        _lateChanges.Sort();
        spool.Rewind();
        (_pass, _previousPass) = (long.MinValue, long.MinValue);
        Scan((in SpooledFault fault) => AddUnlessLate(_faults, fault.Record.StartNs, fault), change => AddUnlessLate(_changes, change.TimeNs, change), Emit);
        EmitUntil(long.MaxValue);
        target.OnProgress(1);
    }

    private delegate void FaultAction(in SpooledFault fault);

    /// <summary>Nothing that is not on the late lists and comes after this pass can begin before this.</summary>
    private long Watermark => _previousPass == long.MinValue ? long.MinValue : _previousPass - MarginNs;

    private void AddIfLate<T>(TimeWindow<T> late, long timeNs, T item)
    {
        if (timeNs < Watermark)
            late.Add(timeNs, item);
    }

    private void AddUnlessLate<T>(TimeWindow<T> window, long timeNs, T item)
    {
        if (timeNs >= Watermark)
            window.Add(timeNs, item);
    }

    private void Emit()
    {
        if (_faults.Unsorted < BatchItems && _changes.Unsorted < BatchItems)
            return;
        EmitUntil(Watermark);
        target.OnProgress((double)spool.Position / spool.Length);
    }

    private void EmitUntil(long watermark)
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
            LastTimeNs = Math.Max(LastTimeNs, next); // a killed recorder's last faults come after its last pass
            if (change <= fault)
                target.OnLedgerEvent((_changes.NextTimeNs <= _lateChanges.NextTimeNs ? _changes : _lateChanges).Take());
            else
                target.OnFault(in (_faults.NextTimeNs <= _lateFaults.NextTimeNs ? _faults : _lateFaults).Take());
        }
    }

    private void Scan(FaultAction onFault, Action<LedgerEvent> onChange, Action? onPass = null)
    {
        while (spool.Next())
        {
            switch (spool.Type)
            {
                case FrameType.Pass:
                    (_previousPass, _pass) = (_pass, spool.Records<PassFrame>()[0].TimeNs);
                    LastTimeNs = Math.Max(LastTimeNs, _pass);
                    onPass?.Invoke();
                    break;
                case FrameType.Faults:
                    foreach (ref readonly var record in spool.Records<FaultRecord>())
                        onFault(new SpooledFault(record, spool.Cpu, 0));
                    break;
                case FrameType.Sideband:
                    foreach (var change in _parser.Parse(spool.Payload.ToArray()))
                        onChange(change);
                    break;
                case FrameType.Event:
                    ScanEvent(spool.Records<EventRecord>()[0], onFault, onChange);
                    break;
                case FrameType.Loss when onPass is not null:
                    target.OnLoss(spool.Cpu, spool.Records<LossFrame>()[0]);
                    break;
                case FrameType.Maps:
                    onChange(new SnapshotEvent(JsonSerializer.Deserialize(spool.Payload, SpoolJson.Default.MapsSnapshot)!));
                    break;
                case FrameType.End:
                    Ending = JsonSerializer.Deserialize(spool.Payload, SpoolJson.Default.SpoolEnding);
                    LastTimeNs = Math.Max(LastTimeNs, Ending!.TimeNs);
                    break;
            }
        }
    }

    private static void ScanEvent(in EventRecord record, FaultAction onFault, Action<LedgerEvent> onChange)
    {
        if (record.Type == EventType.FaultFailed)
            onFault(FailedFault(record));
        else
            onChange(new ProbeEvent(record));
    }

    // a = { start, address, ip, error code << 32 | signal, si_code }
    private static SpooledFault FailedFault(in EventRecord record)
    {
        var durationNs = record.TimeNs - record.A0;
        return new SpooledFault(
            new FaultRecord
            {
                StartNs = record.A0,
                Address = record.A1,
                Ip = record.A2,
                DurationLow = (uint)durationNs,
                DurationHigh = (byte)(durationNs >> 32),
                Pid = record.Pid,
                Tid = record.Tid,
                ErrorCode = (ushort)(record.A3 >> 32),
                Bits = FaultBits.HasErrorCode | (record.A2 < 0 ? FaultBits.KernelIp : FaultBits.None),
                Weight = 1,
            },
            (int)record.Cpu,
            (int)(record.A3 & 0xff));
    }
}
