using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Spool;

namespace Faultrec.Recorder.Probes;

/// <summary>Reader of the rare events (bpf/faultrec.bpf.c: `events`).</summary>
internal sealed unsafe class EventRing : IDisposable
{
    private readonly RingBufferHandle _ring;
    private readonly List<EventRecord> _tasks = [];
    private GCHandle _self;
    private IRecordSink? _sink;
    private ExceptionDispatchInfo? _failure;

    public EventRing(AttachedProbes probes)
    {
        _self = GCHandle.Alloc(this);
        _ring = new RingBufferHandle(Libbpf.RingBufferNew(probes.EventsFd, &OnRingEvent, GCHandle.ToIntPtr(_self), 0));
        if (_ring.IsInvalid)
            throw Errno.Failure(Marshal.GetLastPInvokeError(), "opening the event ring");
    }

    /// <summary>Readable when the probes rang the doorbell.</summary>
    public int Fd => Libbpf.RingBufferEpollFd(_ring);

    /// <summary>When the target process was last sent an ending signal, CLOCK_MONOTONIC ns; 0: never.</summary>
    public long TargetSignalledNs { get; private set; }

    /// <summary>Tasks that are targets now, or that no perf event follows any more, since the last time that this was asked.</summary>
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
        var result = Libbpf.RingBufferConsume(_ring);
        _sink = null;
        _failure?.Throw();
        Errno.ThrowIfLibbpfFailed(result, "reading the event ring");
    }

    public void Dispose()
    {
        _ring.Dispose();
        if (_self.IsAllocated)
            _self.Free();
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnRingEvent(void* context, void* data, nuint size)
    {
        var self = (EventRing)GCHandle.FromIntPtr((nint)context).Target!;
        try
        {
            // SAFETY: the probe sends whole event_records, and libbpf keeps this one in place until we return.
            self.OnEvent(in *(EventRecord*)data);
        }
        catch (Exception e)
        {
            // No exception may cross into libbpf: kept here, thrown by DrainTo.
            self._failure ??= ExceptionDispatchInfo.Capture(e);
        }
        return 0;
    }

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
