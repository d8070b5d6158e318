using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Perf;

/// <summary>
/// A PERF_RECORD_SAMPLE of the fault events. Its length shows the kind: major faults, which are rare, are sampled with their CPU,
/// which makes them eight bytes longer, so that no id is needed to distinguish minor ones.
/// </summary>
internal static class PerfSample
{
    public const ulong MinorFields = PerfEvent.SampleIp | PerfEvent.SampleTid | PerfEvent.SampleTime | PerfEvent.SampleAddr;
    public const ulong MajorFields = MinorFields | PerfEvent.SampleCpu;
    public const int HeaderSize = 8;

    private const int MinorSize = 40;
    private const int FieldSize = 8;

    /// <summary>One more than any record of ours: those with id and CPU.</summary>
    public const int MaxSize = MinorSize + 2 * FieldSize;

    // perf_event_open(2): the fields in the order in which the kernel writes them.
    [StructLayout(LayoutKind.Sequential)]
    private struct Fields
    {
        public uint Type;
        public ushort Misc;
        public ushort Size;
        public long Ip;
        public int Pid;
        public int Tid;
        public long TimeNs;
        public long Address;
    }

    /// <param name="record">A whole record, from its header on.</param>
    /// <param name="hasId">The events were opened with <see cref="PerfEvent.SampleId"/>.</param>
    /// <param name="id">Of the event, 0 without ids.</param>
    /// <returns>False: not a sample of faultrec's events.</returns>
    public static bool TryParse(ReadOnlySpan<byte> record, bool hasId, ushort weight, out FaultRecord fault, out long id)
    {
        var minorSize = MinorSize + (hasId ? FieldSize : 0);
        var isMajor = record.Length == minorSize + FieldSize;
        if (!isMajor && record.Length != minorSize)
        {
            (fault, id) = (default, 0);
            return false;
        }

        var fields = MemoryMarshal.Read<Fields>(record);
        id = hasId ? BinaryPrimitives.ReadInt64LittleEndian(record[MinorSize..]) : 0;
        var isKernel = (fields.Misc & PerfEvent.MiscCpumodeMask) == PerfEvent.MiscKernel;
        fault = new FaultRecord
        {
            StartNs = fields.TimeNs,
            Address = fields.Address,
            Ip = fields.Ip,
            Pid = fields.Pid,
            Tid = fields.Tid,
            Bits = FaultBits.NoEntry | (isMajor ? FaultBits.Major : 0) | (isKernel ? FaultBits.KernelIp : 0),
            Weight = weight,
        };
        return true;
    }
}

/// <summary>Result of one drain of a ring of samples.</summary>
/// <param name="Lost">As reported by PERF_RECORD_LOST.</param>
/// <param name="Excluded">Samples of the excluded process.</param>
/// <param name="LeftOutMinor">Duplicates from another of faultrec's events, or from before the recording: counted by the events, but without rows.</param>
internal record struct SampleTotals(long Lost, long Minor, long Major, long Excluded, long LeftOutMinor, long LeftOutMajor);

/// <summary>
/// Turns one CPU's ring into fault records. A thread can have two events of a kind: its own, and one that it inherited, when it
/// was created while events were being opened (Capture/FaultSamples.cs). Both report a fault in the same call, so their samples
/// are neighbours in the ring, with the same thread, address and instruction; only the first of such a group is used. Up to Linux
/// 6.2 they differ in id and time; since then the kernel sets both once for all events (perf_prepare_sample), so
/// they are equal.
/// </summary>
/// <param name="excludedPid">A process whose samples are left out; 0: none.</param>
internal sealed class SampleReader(bool hasId, ushort weight, int excludedPid = 0)
{
    private FaultRecord _group;
    private long _groupId;
    private bool _idsAreShared;

    /// <summary>Earlier faults are left out.</summary>
    public long BeginNs { get; set; }

    /// <summary>
    /// Converts records from <paramref name="position"/> on, and advances it, until <paramref name="faults"/> is full or the records end. Anything
    /// that cannot be a record ends the conversion.
    /// </summary>
    /// <param name="first">Records back to back, continued in <paramref name="rest"/>, maybe inside one.</param>
    public int Read(ReadOnlySpan<byte> first, ReadOnlySpan<byte> rest, ref int position, Span<FaultRecord> faults, ref SampleTotals totals)
    {
        Span<byte> joined = stackalloc byte[PerfSample.MaxSize];
        var length = first.Length + rest.Length;
        var count = 0;
        while (count < faults.Length && length - position >= PerfSample.HeaderSize)
        {
            // Records and rings are multiples of eight bytes: a header never wraps.
            var header = position < first.Length ? first[position..] : rest[(position - first.Length)..];
            var size = header.Length < PerfSample.HeaderSize ? 0 : BinaryPrimitives.ReadUInt16LittleEndian(header[6..]);
            if (size < PerfSample.HeaderSize || size > length - position)
            {
                position = length;
                break;
            }

            position += size;
            if (size > PerfSample.MaxSize)
                continue;
            var record = header.Length >= size ? header[..size] : Join(header, rest, joined[..size]);
            if (TryTake(record, out faults[count], ref totals))
                count++;
        }

        return count;
    }

    private static ReadOnlySpan<byte> Join(ReadOnlySpan<byte> head, ReadOnlySpan<byte> rest, Span<byte> record)
    {
        head.CopyTo(record);
        rest[..(record.Length - head.Length)].CopyTo(record[head.Length..]);
        return record;
    }

    private bool TryTake(ReadOnlySpan<byte> record, out FaultRecord fault, ref SampleTotals totals)
    {
        const int lostSize = 24;
        var type = (PerfRecordType)BinaryPrimitives.ReadUInt32LittleEndian(record);
        if (type == PerfRecordType.Lost && record.Length >= lostSize)
            totals.Lost += BinaryPrimitives.ReadInt64LittleEndian(record[16..]);
        if (type != PerfRecordType.Sample || !PerfSample.TryParse(record, hasId, weight, out fault, out var id))
        {
            fault = default;
            return false;
        }

        if (excludedPid != 0 && fault.Pid == excludedPid)
        {
            totals.Excluded++;
            return false;
        }

        var isMajor = (fault.Bits & FaultBits.Major) != 0;
        if (fault.StartNs < BeginNs || hasId && IsToldAgain(fault, id))
        {
            totals.LeftOutMinor += isMajor ? 0 : 1;
            totals.LeftOutMajor += isMajor ? 1 : 0;
            return false;
        }

        totals.Minor += isMajor ? 0 : 1;
        totals.Major += isMajor ? 1 : 0;
        return true;
    }

    // A second fault of the same instruction at the same address has a later time, or, if ids differ, the event of
    // _groupId reports again.
    private bool IsToldAgain(in FaultRecord fault, long id)
    {
        if (fault.Tid == _group.Tid && fault.Address == _group.Address && fault.Ip == _group.Ip && fault.Bits == _group.Bits)
        {
            var isEqual = id == _groupId && fault.StartNs == _group.StartNs;
            _idsAreShared |= isEqual;
            if (isEqual || id != _groupId && !_idsAreShared)
                return true;
        }

        (_group, _groupId) = (fault, id);
        return false;
    }
}
