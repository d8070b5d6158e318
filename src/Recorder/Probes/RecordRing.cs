using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Probes;

/// <summary>A record that a probe has sent: valid until the call returns.</summary>
internal delegate void RingRecord(ReadOnlySpan<byte> record);

/// <summary>Reader of one BPF ring buffer: everything but the faults, which have rings of their own.</summary>
internal sealed class RecordRing : IDisposable
{
    private readonly string _what;
    private readonly RingRecord _see;
    private readonly RingBufferHandle _ring;
    private GCHandle _self;
    private ExceptionDispatchInfo? _failure;

    /// <param name="what">For messages: "the event ring".</param>
    // SAFETY: libbpf calls OnRecord, with the handle, only while Drain runs; the handle is freed after the ring.
    public unsafe RecordRing(int mapFd, string what, RingRecord see)
    {
        (_what, _see) = (what, see);
        _self = GCHandle.Alloc(this);
        _ring = new RingBufferHandle(Libbpf.RingBufferNew(mapFd, &OnRecord, GCHandle.ToIntPtr(_self), 0));
        if (_ring.IsInvalid)
            throw Errno.Failure(Marshal.GetLastPInvokeError(), $"opening {what}");
    }

    /// <summary>Readable when the probes rang the doorbell.</summary>
    public int Fd => Libbpf.RingBufferEpollFd(_ring);

    /// <summary>Shows every record that is there.</summary>
    public void Drain()
    {
        var result = Libbpf.RingBufferConsume(_ring);
        _failure?.Throw();
        Errno.ThrowIfLibbpfFailed(result, $"reading {_what}");
    }

    public void Dispose()
    {
        _ring.Dispose();
        if (_self.IsAllocated)
            _self.Free();
    }

    // SAFETY: libbpf keeps the record in place, with its size, until this returns; what is thrown waits for Drain.
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static unsafe int OnRecord(void* context, void* data, nuint size)
    {
        var self = (RecordRing)GCHandle.FromIntPtr((nint)context).Target!;
        try
        {
            self._see(new ReadOnlySpan<byte>(data, (int)size));
        }
        catch (Exception e)
        {
            // No exception may cross into libbpf: kept here, thrown by Drain.
            self._failure ??= ExceptionDispatchInfo.Capture(e);
        }

        return 0;
    }
}
