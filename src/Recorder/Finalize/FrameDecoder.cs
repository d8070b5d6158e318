using System.Runtime.InteropServices;
using System.Text.Json;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Spool;

namespace Faultrec.Recorder.Finalize;

/// <summary>A fault on its way from a frame to a row.</summary>
/// <param name="Signal">0: it was served.</param>
internal readonly record struct SpooledFault(FaultRecord Record, int Cpu, int Signal);

/// <summary>What frames hold, in the order in which they came.</summary>
internal interface IFrameItems
{
    void OnPass(long timeNs);

    void OnFault(in SpooledFault fault);

    void OnChange(LedgerEvent change);

    void OnLoss(int cpu, LossFrame loss);

    void OnEnding(SpoolEnding ending);
}

/// <summary>Takes frames apart, whether they come from a spool or right from the rings.</summary>
internal sealed class FrameDecoder(IFrameItems items)
{
    private readonly SidebandParser _parser = new();

    /// <summary>Of the header's frame nothing is told: who reads frames has read that first.</summary>
    public void Decode(FrameType type, int cpu, ReadOnlySpan<byte> payload)
    {
        switch (type)
        {
            case FrameType.Pass:
                items.OnPass(MemoryMarshal.Read<PassFrame>(payload).TimeNs);
                break;
            case FrameType.Faults:
                foreach (ref readonly var record in MemoryMarshal.Cast<byte, FaultRecord>(payload))
                    items.OnFault(new SpooledFault(record, cpu, 0));
                break;
            case FrameType.Sideband:
                foreach (var change in _parser.Parse(payload.ToArray()))
                    items.OnChange(change);
                break;
            case FrameType.Event:
                DecodeEvent(MemoryMarshal.Read<EventRecord>(payload));
                break;
            case FrameType.Loss:
                items.OnLoss(cpu, MemoryMarshal.Read<LossFrame>(payload));
                break;
            case FrameType.Maps:
                items.OnChange(new SnapshotEvent(JsonSerializer.Deserialize(payload, SpoolJson.Default.MapsSnapshot)!));
                break;
            case FrameType.End:
                items.OnEnding(JsonSerializer.Deserialize(payload, SpoolJson.Default.SpoolEnding)!);
                break;
        }
    }

    private void DecodeEvent(in EventRecord record)
    {
        if (record.Type == EventType.FaultFailed)
            items.OnFault(FailedFault(record));
        else
            items.OnChange(new ProbeEvent(record));
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
