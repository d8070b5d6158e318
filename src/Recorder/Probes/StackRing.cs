using Faultrec.Recorder.Spool;

namespace Faultrec.Recorder.Probes;

/// <summary>Reader of the distinct stacks that the probes send (bpf/unwind.bpf.h: `stacks`), each once or a few times.</summary>
internal sealed class StackRing : IDisposable
{
    private readonly RecordRing _ring;
    private IRecordSink? _sink;

    public StackRing(AttachedProbes probes)
        => _ring = new RecordRing(probes.StacksFd, "the ring of stacks", record => _sink!.Append(SpoolRecordType.Stack, 0, record));

    public void DrainTo(IRecordSink sink)
    {
        _sink = sink;
        _ring.Drain();
        _sink = null;
    }

    public void Dispose() => _ring.Dispose();
}
