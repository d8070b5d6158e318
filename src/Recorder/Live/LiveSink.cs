using System.Text.Json;
using Faultrec.Recorder.Finalize;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Perf;
using Faultrec.Recorder.Spool;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Live;

/// <summary>
/// Makes rows from records as they are drained. Everything that ended before a pass began has been read when the pass ends, so a fault is
/// handed out one pass after it ended, in order of its start; one that took longer than the margin comes late.
/// </summary>
internal sealed class LiveSink(BatchQueue queue, Action<TraceMetadata> onStart) : IRecordSink, ISpoolItems, IMergeTarget
{
    /// <summary>Why the capture ended, in the place of <see cref="EndReason"/>: nobody watches any more.</summary>
    public const string ReaderGone = "reader-gone";

    /// <summary>One interval of the drain loop: the delay that a viewer accepts for correct order.</summary>
    private const long MarginNs = 20_000_000;

    private TimeMerge? _merge;
    private SpoolDecoder? _decoder;
    private FaultRows? _rows;
    private TaskTable? _tasks;
    private FaultBatch? _batch;
    private MissedFaults _missed;
    private long _passNs;
    private volatile bool _isReaderGone;

    public SpoolEnding? Ending { get; private set; }

    /// <summary>Faults that the probes delivered.</summary>
    public long Faults => _rows?.Count ?? 0;

    /// <summary>Delivered faults that the kernel could not serve.</summary>
    public long Failed => _rows?.Failed ?? 0;

    /// <summary>Faults that found a probe's ring full.</summary>
    public long Lost { get; private set; }

    /// <summary>When the capture ended, since its start.</summary>
    public long EndNs => Ending is { } ending && _rows is { } rows ? rows.ToTraceTime(ending.TimeNs) : 0;

    /// <summary>Threads and processes held.</summary>
    public int TasksHeld => _tasks?.Held ?? 0;

    /// <summary>Ends the capture with the next pass. From any thread.</summary>
    public void EndForGoneReader() => _isReaderGone = true;

    public void Append(SpoolRecordType type, int cpu, ReadOnlySpan<byte> payload, ReadOnlySpan<byte> rest = default)
    {
        if (type == SpoolRecordType.Header)
            Start(JsonSerializer.Deserialize(payload, SpoolJson.Default.SpoolHeader)!);
        else if (rest.IsEmpty)
            _decoder!.Decode(type, cpu, payload);
        else
            _decoder!.Decode(type, cpu, (byte[])[.. payload, .. rest]);
    }

    public string? EndPass(long nowNs)
    {
        _merge!.EmitUntil(Ending is null ? _passNs - MarginNs : long.MaxValue);
        // A batch that is not full waits while the view has others to show, so that passes with few faults do not use up the batches.
        if (Ending is not null || queue.IsEmpty)
            HandOver();
        queue.Advance(_rows!.ToTraceTime(_passNs - MarginNs));
        return _isReaderGone ? ReaderGone : null;
    }

    /// <summary>Nothing follows.</summary>
    public void Complete()
    {
        HandOver();
        if (!_missed.IsEmpty)
            queue.Add(new Delivery(new FaultBatch(0), _missed));
        queue.Advance(EndNs);
        queue.Complete();
    }

    public void OnPass(long timeNs) => _passNs = timeNs;

    bool ISpoolItems.Wants(long faultStartNs) => true;

    void ISpoolItems.OnFault(in SpooledFault fault) => _merge!.Add(fault);

    public void OnChange(LedgerEvent change) => _merge!.Add(change);

    public void OnLoss(int cpu, LossRecord loss)
    {
        Lost += loss.Lost;
        _missed += new MissedFaults(0, loss.Lost);
    }

    public void OnPythonCode(ReadOnlySpan<byte> record)
    {
    }

    public void OnStack(in StackRecordHead head, ReadOnlySpan<ulong> ips)
    {
        // A live view shows no stacks, and does not ask for them.
    }

    public void OnMarks(SpooledMarks marks)
    {
        // A live view has no pipe for them.
    }

    public void OnEnding(SpoolEnding ending) => Ending = ending;

    public void OnLedgerEvent(LedgerEvent change) => _rows!.Apply(change);

    void IMergeTarget.OnFault(in SpooledFault fault)
    {
        if (_batch is { } full && full.Count == full.Capacity)
            HandOver();
        _batch ??= queue.TryRent();
        if (_batch is not null)
        {
            _rows!.Add(_batch, fault);
            return;
        }

        _rows!.Skip(fault);
        _missed += new MissedFaults(1, 0);
    }

    private void Start(SpoolHeader header)
    {
        var regions = new LiveRegions();
        _tasks = new TaskTable(regions, header.Metadata.Pages, forgets: true);
        _rows = new FaultRows(header, _tasks, regions);
        _merge = new TimeMerge(this);
        _decoder = new SpoolDecoder(this);
        onStart(header.Metadata);
    }

    private void HandOver()
    {
        if (_batch is not { Count: > 0 } && _missed.IsEmpty)
            return;
        if ((_batch ?? queue.TryRent()) is not { } batch)
            return;
        queue.Add(new Delivery(batch, _missed));
        (_batch, _missed) = (null, default);
    }
}
