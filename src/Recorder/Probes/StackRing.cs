using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Spool;

namespace Faultrec.Recorder.Probes;

/// <summary>Reader of the distinct stacks that the probes send (bpf/unwind.bpf.h: `stacks`), each once or a few times.</summary>
internal sealed unsafe class StackRing : IDisposable
{
    private readonly RingBufferHandle _ring;
    private GCHandle _self;
    private IRecordSink? _sink;
    private ExceptionDispatchInfo? _failure;

    public StackRing(AttachedProbes probes)
    {
        _self = GCHandle.Alloc(this);
        _ring = new RingBufferHandle(Libbpf.RingBufferNew(probes.StacksFd, &OnRecord, GCHandle.ToIntPtr(_self), 0));
        if (_ring.IsInvalid)
            throw Errno.Failure(Marshal.GetLastPInvokeError(), "opening the ring of stacks");
    }

    public void DrainTo(IRecordSink sink)
    {
        _sink = sink;
        var result = Libbpf.RingBufferConsume(_ring);
        _sink = null;
        _failure?.Throw();
        Errno.ThrowIfLibbpfFailed(result, "reading the ring of stacks");
    }

    public void Dispose()
    {
        _ring.Dispose();
        if (_self.IsAllocated)
            _self.Free();
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnRecord(void* context, void* data, nuint size)
    {
        var self = (StackRing)GCHandle.FromIntPtr((nint)context).Target!;
        try
        {
            // SAFETY: libbpf keeps the record in place until we return.
            self._sink!.Append(SpoolRecordType.Stack, 0, new ReadOnlySpan<byte>(data, (int)size));
        }
        catch (Exception e)
        {
            // No exception may cross into libbpf: kept here, thrown by DrainTo.
            self._failure ??= ExceptionDispatchInfo.Capture(e);
        }
        return 0;
    }
}
