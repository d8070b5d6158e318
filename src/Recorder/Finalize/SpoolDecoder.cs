using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Perf;
using Faultrec.Recorder.Spool;

namespace Faultrec.Recorder.Finalize;

/// <summary>A fault on its way from a record to a row.</summary>
/// <param name="Signal">0: the fault was served.</param>
/// <param name="Stack">Id of a stack that the probes sent, or <see cref="StackRecordHead.NotTaken"/>, or 0: the stack was lost.</param>
/// <param name="Details">Null unless an option asked for details.</param>
internal readonly record struct SpooledFault(FaultRecord Record, int Cpu, int Signal, ulong Stack = 0, SpooledDetails? Details = null);

/// <summary>A class, so that faults without details stay small while they wait to be merged.</summary>
internal sealed class SpooledDetails(in FaultDetails values)
{
    private readonly FaultDetails _values = values;

    public ref readonly FaultDetails Values => ref _values;
}

/// <summary>Receives the contents of records, in the order in which they came.</summary>
internal interface ISpoolItems
{
    void OnPass(long timeNs);

    /// <summary>Asked before <see cref="OnFault"/>, because taking a fault out of its record costs more than looking at its time.</summary>
    bool Wants(long faultStartNs);

    void OnFault(in SpooledFault fault);

    void OnChange(LedgerEvent change);

    void OnStack(in StackRecordHead head, ReadOnlySpan<ulong> ips);

    /// <summary>A struct python_code as it was sent.</summary>
    void OnPythonCode(ReadOnlySpan<byte> record);

    void OnLoss(int cpu, LossRecord loss);

    void OnMarks(SpooledMarks marks);

    void OnEnding(SpoolEnding ending);
}

/// <summary>Decodes records, whether they come from a spool or directly from the rings.</summary>
internal sealed class SpoolDecoder(ISpoolItems items)
{
    private readonly SidebandParser _parser = new();

    /// <summary>The header record is skipped: the caller has already read it.</summary>
    public void Decode(SpoolRecordType type, int cpu, ReadOnlySpan<byte> payload)
    {
        switch (type)
        {
            case SpoolRecordType.Pass:
                items.OnPass(MemoryMarshal.Read<PassRecord>(payload).TimeNs);
                break;
            case SpoolRecordType.Faults:
                foreach (ref readonly var record in MemoryMarshal.Cast<byte, FaultRecord>(payload))
                {
                    if (items.Wants(record.StartNs))
                        items.OnFault(new SpooledFault(record, cpu, 0));
                }

                break;
            case SpoolRecordType.StackedFaults:
                foreach (ref readonly var record in MemoryMarshal.Cast<byte, StackedFault>(payload))
                {
                    if (items.Wants(record.Fault.StartNs))
                        items.OnFault(new SpooledFault(record.Fault, cpu, 0, record.Stack));
                }

                break;
            case SpoolRecordType.DetailedFaults:
                foreach (ref readonly var record in MemoryMarshal.Cast<byte, DetailedFault>(payload))
                {
                    if (items.Wants(record.Fault.StartNs))
                        items.OnFault(new SpooledFault(record.Fault, cpu, 0, record.Details.Stack, DetailsOf(record)));
                }

                break;
            case SpoolRecordType.Sideband:
                foreach (var change in _parser.Parse(payload.ToArray()))
                    items.OnChange(change);
                break;
            case SpoolRecordType.Event:
                DecodeEvent(MemoryMarshal.Read<EventRecord>(payload));
                break;
            case SpoolRecordType.Stack:
                DecodeStack(payload);
                break;
            case SpoolRecordType.Loss:
                items.OnLoss(cpu, MemoryMarshal.Read<LossRecord>(payload));
                break;
            case SpoolRecordType.Memory:
                foreach (ref readonly var record in MemoryMarshal.Cast<byte, MemoryRecord>(payload))
                    items.OnChange(new MemoryEvent(record));
                break;
            case SpoolRecordType.Maps:
                items.OnChange(new SnapshotEvent(SpoolJson.Parse(payload, SpoolJson.Default.MapsSnapshot)));
                break;
            case SpoolRecordType.Resident:
                items.OnChange(new ResidentEvent(SpoolJson.Parse(payload, SpoolJson.Default.ResidentSnapshot)));
                break;
            case SpoolRecordType.Marks:
                items.OnMarks(SpoolJson.Parse(payload, SpoolJson.Default.SpooledMarks));
                break;
            case SpoolRecordType.End:
                items.OnEnding(SpoolJson.Parse(payload, SpoolJson.Default.SpoolEnding));
                break;
        }
    }

    // SAFETY: sizeof, no pointer.
    private unsafe void DecodeStack(ReadOnlySpan<byte> payload)
    {
        var head = MemoryMarshal.Read<StackRecordHead>(payload);
        if (head.Frames == PythonCodeHead.Kind)
            items.OnPythonCode(payload);
        else
            items.OnStack(head, MemoryMarshal.Cast<byte, ulong>(payload[sizeof(StackRecordHead)..]));
    }

    private void DecodeEvent(in EventRecord record)
    {
        if (record.Type != EventType.FaultFailed)
            items.OnChange(new ProbeEvent(record));
        else if (FailedFault(record) is var fault && items.Wants(fault.Record.StartNs))
            items.OnFault(fault);
    }

    private static SpooledDetails? DetailsOf(in DetailedFault record)
        => record.Details.HasCosts != 0 || (record.Fault.Bits & FaultBits.HasVmf) != 0 ? new SpooledDetails(record.Details) : null;

    // a = { start, address, ip, error code or flags << 32 | signal, fault_result << 32 | level << 8 | bits, pte_before }
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
                FaultFlags = (ushort)(record.A3 >> 32),
                FaultResult = (ushort)(record.A4 >> 32),
                Levels = (byte)((int)WalkLevel.Unknown << FaultRecord.LevelAfterShift | (byte)(record.A4 >> 8)),
                PteBefore = (ulong)record.A5,
                Bits = (FaultBits)record.A4,
                Weight = 1,
            },
            (int)record.Cpu,
            (int)(record.A3 & 0xff),
            record.Stack);
    }
}
