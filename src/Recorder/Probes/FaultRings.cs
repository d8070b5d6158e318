using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Options;
using Faultrec.Recorder.Spool;

namespace Faultrec.Recorder.Probes;

/// <param name="Taken">Records delivered and lost.</param>
/// <param name="KernelMinor">Increase of the targets' own kernel counters up to the ends of faults.</param>
/// <param name="EndedMinor">Faults that the kernel's events reported although they began after the end of the recording.</param>
internal readonly record struct ProbeCounts(
    long Taken, long WithoutOutcome, long SampledOut, long SampledOutMajor, long Excluded,
    long KernelMinor, long KernelMajor, long EndedMinor, long EndedMajor);

/// <summary>
/// Reader of the per-CPU fault rings (bpf/ring.bpf.h): copies new records into the sink, counts the lost ones, and tells the
/// probes what share of the faults to record.
/// </summary>
internal sealed class FaultRings
{
    private readonly AttachedProbes _probes;
    private readonly ulong[] _lostSeen;
    private readonly RateGuard? _guard;
    private readonly uint _firstEvery;
    private uint _every;

    /// <summary>Until <see cref="Begin"/> the probes take and count nothing.</summary>
    public FaultRings(AttachedProbes probes, RecordOptions options)
    {
        _probes = probes;
        _firstEvery = (uint)options.Every;
        _lostSeen = new ulong[probes.Cpus];
        if (options.MaxRatePerSecond is { } rate)
            _guard = new RateGuard(rate, options.Every, options.OnNotice);
        // Without a random first distance the first fault would always be recorded, and estimates of short recordings would be too high.
        for (var cpu = 0; cpu < probes.Cpus; cpu++)
            Control(cpu).Gap = (uint)Random.Shared.Next(options.Every);
    }

    public void Begin() => Take(_firstEvery);

    /// <summary>From now on the probes ignore new faults; those under way are still recorded when they end.</summary>
    public void End() => Take(0);

    public void DrainTo(IRecordSink sink, long nowNs)
    {
        for (var cpu = 0; cpu < _probes.Cpus; cpu++)
        {
            ref var control = ref Control(cpu);
            DrainCpu(sink, cpu, ref control);
            var lost = Lost(ref control);
            if (lost == _lostSeen[cpu])
                continue;
            var loss = new LossRecord { TimeNs = nowNs, Lost = (long)(lost - _lostSeen[cpu]) };
            sink.Append(SpoolRecordType.Loss, cpu, MemoryMarshal.AsBytes(new ReadOnlySpan<LossRecord>(in loss)));
            _lostSeen[cpu] = lost;
        }

        if (_guard is null)
            return;
        var counts = ReadCounts();
        Take(_guard.Every(nowNs, counts.Taken + counts.SampledOut));
    }

    public ProbeCounts ReadCounts()
    {
        var counts = default(ProbeCounts);
        for (var cpu = 0; cpu < _probes.Cpus; cpu++)
        {
            ref var control = ref Control(cpu);
            counts = new ProbeCounts(
                counts.Taken + (long)(Volatile.Read(ref control.Head) + Lost(ref control)),
                counts.WithoutOutcome + (long)Volatile.Read(ref control.WithoutOutcome),
                counts.SampledOut + (long)Volatile.Read(ref control.SampledOut),
                counts.SampledOutMajor + (long)Volatile.Read(ref control.SampledOutMajor),
                counts.Excluded + (long)Volatile.Read(ref control.Excluded),
                counts.KernelMinor + (long)Volatile.Read(ref control.KernelMinor),
                counts.KernelMajor + (long)Volatile.Read(ref control.KernelMajor),
                counts.EndedMinor + (long)Volatile.Read(ref control.EndedMinor),
                counts.EndedMajor + (long)Volatile.Read(ref control.EndedMajor));
        }

        return counts;
    }

    // SAFETY: RingControl[Cpus] is mapped for as long as the probes live, which outlive this reader.
    private unsafe ref RingControl Control(int cpu) => ref ((RingControl*)_probes.Controls.Pointer)[cpu];

    // Served faults without a record: the ring was full, or the probe at their end did not run.
    private static ulong Lost(ref RingControl control) => Volatile.Read(ref control.Lost) + Volatile.Read(ref control.Unreturned);

    private void Take(uint every)
    {
        if (every == _every)
            return;
        _every = every;
        for (var cpu = 0; cpu < _probes.Cpus; cpu++)
            Volatile.Write(ref Control(cpu).Every, every);
    }

    // SAFETY: each CPU has RingSlots slots in the mapping, a power of two; a run ends at the last of them. The probe leaves records between
    // tail and head alone, and the sink keeps none.
    private unsafe void DrainCpu(IRecordSink sink, int cpu, ref RingControl control)
    {
        var slots = _probes.RingSlots;
        var bytes = _probes.BytesPerSlot;
        var ring = _probes.Rings.Pointer + (nint)cpu * (nint)slots * bytes;
        var tail = control.Tail;
        // Acquire: the records before head are complete once head is seen.
        var head = Volatile.Read(ref control.Head);
        while (tail < head)
        {
            var from = tail & (slots - 1);
            var run = Math.Min(Math.Min(slots - from, head - tail), SpoolWriter.MaxFaultsPerRecord);
            sink.Append(_probes.RecordType, cpu, new ReadOnlySpan<byte>(ring + (nint)from * bytes, (int)run * bytes));
            tail += run;
            // Release: only now may the probe overwrite them.
            Volatile.Write(ref control.Tail, tail);
        }
    }
}
