using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Spool;

namespace Faultrec.Recorder.Probes;

/// <summary>Reader of the rare events (bpf/faultrec.bpf.c: `events`).</summary>
internal sealed class EventRing : IDisposable
{
    private readonly RecordRing _ring;
    private readonly List<EventRecord> _tasks = [];
    private IRecordSink? _sink;

    public EventRing(AttachedProbes probes)
        => _ring = new RecordRing(probes.EventsFd, "the event ring", record => OnEvent(MemoryMarshal.Read<EventRecord>(record)));

    /// <summary>Readable when the probes rang the doorbell.</summary>
    public int Fd => _ring.Fd;

    /// <summary>When the target process was last sent an ending signal, CLOCK_MONOTONIC ns; 0: never.</summary>
    public long TargetSignalledNs { get; private set; }

    /// <summary>Tasks that have become targets, or have lost their perf events, since the last call.</summary>
    public IReadOnlyList<EventRecord> TakeTasks()
    {
        if (_tasks.Count == 0)
            return [];
        EventRecord[] taken = [.. _tasks];
        _tasks.Clear();
        return taken;
    }

    public void DrainTo(IRecordSink sink)
    {
        _sink = sink;
        _ring.Drain();
        _sink = null;
    }

    public void Dispose() => _ring.Dispose();

    private void OnEvent(in EventRecord record)
    {
        if (record.Type == EventType.Signal)
            TargetSignalledNs = record.TimeNs;
        if (record.IsUncounted || record.Type is EventType.TaskNew or EventType.TargetFound)
            _tasks.Add(record);
        if (record.Type is not (EventType.Doorbell or EventType.Signal or EventType.TargetFound))
            _sink!.Append(SpoolRecordType.Event, (int)record.Cpu, MemoryMarshal.AsBytes(new ReadOnlySpan<EventRecord>(in record)));
    }
}
