using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Options;
using Faultrec.Recorder.Spool;

namespace Faultrec.Recorder.Capture;

/// <summary>Counts the faults that pass through, and reports after each pass.</summary>
internal sealed class ProgressSink(IRecordSink sink, Action<CaptureProgress?> report) : IRecordSink
{
    private long _startNs;
    private long _faults;
    private long _lost;

    public bool TakesResident => sink.TakesResident;

    public void Append(SpoolRecordType type, int cpu, ReadOnlySpan<byte> payload, ReadOnlySpan<byte> rest = default)
    {
        sink.Append(type, cpu, payload, rest);
        if (SpoolReader.BytesPerFault(type) is > 0 and var size)
            _faults += (payload.Length + rest.Length) / size;
        else if (type == SpoolRecordType.Loss)
            _lost += MemoryMarshal.Read<LossRecord>(payload).Lost;
        else if (type == SpoolRecordType.Header)
            _startNs = Libc.MonotonicNs();
    }

    public string? EndPass(long nowNs)
    {
        report(new CaptureProgress(nowNs - _startNs, _faults, _lost));
        return sink.EndPass(nowNs);
    }
}
