using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Spool;

namespace Faultrec.Recorder.Capture;

/// <summary>Reader of the per-CPU fault rings (bpf/faultrec.bpf.c: `rings`): copies what is new into the sink, counts what was lost.</summary>
internal sealed unsafe class FaultRings(AttachedProbes probes)
{
    private readonly ulong[] _lostSeen = new ulong[probes.Cpus];

    public long WithoutOutcome => Sum(static control => control.WithoutOutcome);

    public void DrainTo(IFrameSink sink, long nowNs)
    {
        for (var cpu = 0; cpu < probes.Cpus; cpu++)
        {
            // SAFETY: RingControl[Cpus] is mapped for as long as the probes live.
            ref var control = ref ((RingControl*)probes.Controls.Pointer)[cpu];
            DrainCpu(sink, cpu, ref control);
            var lost = Volatile.Read(ref control.Lost);
            if (lost == _lostSeen[cpu])
                continue;
            var loss = new LossFrame { TimeNs = nowNs, Lost = (long)(lost - _lostSeen[cpu]) };
            sink.Append(FrameType.Loss, cpu, MemoryMarshal.AsBytes(new ReadOnlySpan<LossFrame>(in loss)));
            _lostSeen[cpu] = lost;
        }
    }

    private void DrainCpu(IFrameSink sink, int cpu, ref RingControl control)
    {
        var slots = probes.RingSlots;
        var ring = (FaultRecord*)probes.Rings.Pointer + (nint)cpu * (nint)slots;
        var tail = control.Tail;
        // Acquire: the records before head are complete once head is seen.
        var head = Volatile.Read(ref control.Head);
        while (tail < head)
        {
            var from = tail & (slots - 1);
            var run = Math.Min(Math.Min(slots - from, head - tail), SpoolWriter.MaxFaultsPerFrame);
            sink.Append(FrameType.Faults, cpu, new ReadOnlySpan<byte>(ring + from, (int)run * sizeof(FaultRecord)));
            tail += run;
            // Release: only now may the probe overwrite them.
            Volatile.Write(ref control.Tail, tail);
        }
    }

    private long Sum(Func<RingControl, ulong> counter)
    {
        ulong sum = 0;
        for (var cpu = 0; cpu < probes.Cpus; cpu++)
            sum += counter(((RingControl*)probes.Controls.Pointer)[cpu]);
        return (long)sum;
    }
}
