using System.Buffers.Binary;
using System.Text;
using Faultrec.Recorder.Native;
using Faultrec.Traces.Ledger;

namespace Faultrec.Recorder.Perf;

/// <summary>Something that changed tasks or mappings, at its time on CLOCK_MONOTONIC.</summary>
internal abstract record LedgerEvent(long TimeNs);

internal sealed record MapEvent(long TimeNs, int Pid, ulong Start, ulong End, ulong FileOffset, MappingIdentity Identity, uint Flags) : LedgerEvent(TimeNs);

internal sealed record CommEvent(long TimeNs, int Pid, int Tid, string Comm, bool Exec) : LedgerEvent(TimeNs);

internal sealed record ForkEvent(long TimeNs, int Pid, int Tid, int ParentPid, int ParentTid) : LedgerEvent(TimeNs);

internal sealed record ExitEvent(long TimeNs, int Pid, int Tid) : LedgerEvent(TimeNs);

internal sealed record LostEvent(long TimeNs, long Lost) : LedgerEvent(TimeNs);

/// <summary>From faultrec's own probes; see bpf/faultrec.bpf.c for the arguments of each type.</summary>
internal sealed record ProbeEvent(EventRecord Record) : LedgerEvent(Record.TimeNs);

internal sealed record SnapshotEvent(Spool.MapsSnapshot Snapshot) : LedgerEvent(Snapshot.TimeNs);

/// <summary>A look at the kernel's counters of a process's memory.</summary>
internal sealed record MemoryEvent(Spool.MemoryRecord Record) : LedgerEvent(Record.TimeNs);

internal sealed record ResidentEvent(Spool.ResidentSnapshot Snapshot) : LedgerEvent(Snapshot.TimeNs);

/// <summary>
/// perf's binary records (perf_event_open(2), "MMAP layout"), with sample_id_all and only TIME sampled: the last eight bytes
/// of each are its time.
/// </summary>
internal sealed class SidebandParser
{
    private const int HeaderSize = 8;
    private const int CommNameOffset = HeaderSize + 8;
    private const int Mmap2NameOffset = HeaderSize + 64;

    /// <summary>Limit for live views: a machine that compiles for days has more names than memory should hold.</summary>
    private const int MaxNames = 1 << 16;

    // Programs map few distinct files: one string for each keeps a million mappings cheap.
    private readonly Dictionary<string, string> _names = [];
    private readonly Dictionary<(uint, uint), string> _devices = [];

    public IEnumerable<LedgerEvent> Parse(ReadOnlyMemory<byte> records)
    {
        while (records.Length >= HeaderSize)
        {
            var size = BinaryPrimitives.ReadUInt16LittleEndian(records.Span[6..]);
            if (size > records.Length || size < HeaderSize + ContentsOf(TypeOf(records.Span)) + sizeof(long))
                yield break;
            if (ParseOne(records.Span[..size]) is { } parsed)
                yield return parsed;
            records = records[size..];
        }
    }

    private static PerfRecordType TypeOf(ReadOnlySpan<byte> record) => (PerfRecordType)BinaryPrimitives.ReadUInt32LittleEndian(record);

    /// <summary>Fewest bytes between header and time: a shorter record is damaged.</summary>
    private static int ContentsOf(PerfRecordType type) => type switch
    {
        PerfRecordType.Mmap2 => Mmap2NameOffset - HeaderSize,
        PerfRecordType.Comm => CommNameOffset - HeaderSize,
        PerfRecordType.Fork or PerfRecordType.Exit => 4 * sizeof(int) + sizeof(long),
        PerfRecordType.Lost => 2 * sizeof(long),
        _ => 0,
    };

    private LedgerEvent? ParseOne(ReadOnlySpan<byte> record)
    {
        var misc = BinaryPrimitives.ReadUInt16LittleEndian(record[4..]);
        var timeNs = BinaryPrimitives.ReadInt64LittleEndian(record[^8..]);
        return TypeOf(record) switch
        {
            // misc bit 14 is ignored: the kernel sets it because of another tool's events (perf_event_mmap_output).
            PerfRecordType.Mmap2 => ParseMmap2(record, timeNs),
            PerfRecordType.Comm => new CommEvent(
                timeNs, I32(record, 8), I32(record, 12), Text(record[CommNameOffset..^8]), (misc & PerfEvent.MiscCommExec) != 0),
            PerfRecordType.Fork => new ForkEvent(
                timeNs, I32(record, 8), I32(record, 16), I32(record, 12), I32(record, 20)),
            PerfRecordType.Exit => new ExitEvent(timeNs, I32(record, 8), I32(record, 16)),
            PerfRecordType.Lost => new LostEvent(timeNs, (long)U64(record, 16)),
            _ => null,
        };
    }

    private MapEvent ParseMmap2(ReadOnlySpan<byte> record, long timeNs)
    {
        var start = U64(record, 16);
        var name = Text(record[Mmap2NameOffset..^8]);
        var inode = U64(record, 48);
        var prot = U32(record, 64);
        var flags = U32(record, 68);
        var identity = MappingIdentity.Of(
            name, ProtText(prot, flags), inode, DeviceText(U32(record, 40), U32(record, 44)));
        // The kernel gives anonymous memory its address as offset; /proc/PID/maps says 0.
        var fileOffset = identity.Path is null ? 0 : U64(record, 32);
        return new MapEvent(timeNs, I32(record, 8), start, start + U64(record, 24), fileOffset, identity, flags);
    }

    private static string ProtText(uint prot, uint flags)
    {
        const uint mapShared = 1;
        return string.Create(4, (prot, flags), static (text, value) =>
        {
            text[0] = (value.prot & 1) != 0 ? 'r' : '-';
            text[1] = (value.prot & 2) != 0 ? 'w' : '-';
            text[2] = (value.prot & 4) != 0 ? 'x' : '-';
            text[3] = (value.flags & mapShared) != 0 ? 's' : 'p';
        });
    }

    private string DeviceText(uint major, uint minor)
    {
        if (!_devices.TryGetValue((major, minor), out var text))
            _devices[(major, minor)] = text = $"{major:x2}:{minor:x2}";
        return text;
    }

    private string Text(ReadOnlySpan<byte> bytes)
    {
        var end = bytes.IndexOf((byte)0);
        var lookup = _names.GetAlternateLookup<ReadOnlySpan<char>>();
        bytes = end < 0 ? bytes : bytes[..end];
        Span<char> chars = stackalloc char[bytes.Length];
        var text = chars[..Encoding.UTF8.GetChars(bytes, chars)];
        if (lookup.TryGetValue(text, out var known))
            return known;
        if (_names.Count == MaxNames)
            _names.Clear();
        lookup[text] = known = text.ToString();
        return known;
    }

    private static int I32(ReadOnlySpan<byte> record, int offset) => BinaryPrimitives.ReadInt32LittleEndian(record[offset..]);

    private static uint U32(ReadOnlySpan<byte> record, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(record[offset..]);

    private static ulong U64(ReadOnlySpan<byte> record, int offset) => BinaryPrimitives.ReadUInt64LittleEndian(record[offset..]);
}
