using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Spool;

/// <summary>
/// The spool: an append-only file of records in the order in which they were drained, little-endian. It lives for one recording
/// and is read by the same version that wrote it or by `recover`; it is not an exchange format.
/// </summary>
internal enum SpoolRecordType : ushort
{
    /// <summary>First record: <see cref="SpoolHeader"/> as JSON.</summary>
    Header = 1,

    /// <summary><see cref="PassRecord"/>: everything older than its time is in the records up to the next pass.</summary>
    Pass = 2,

    /// <summary>FaultRecord[] of one CPU.</summary>
    Faults = 3,

    /// <summary>perf records of one CPU, whole ones, back to back.</summary>
    Sideband = 4,

    /// <summary>EventRecord.</summary>
    Event = 5,

    /// <summary><see cref="LossRecord"/> of one CPU.</summary>
    Loss = 6,

    /// <summary><see cref="MapsSnapshot"/> as JSON: the address space of a process that ran before the recording.</summary>
    Maps = 7,

    /// <summary>Last record: <see cref="SpoolEnding"/> as JSON. Missing when the recorder was killed.</summary>
    End = 8,

    /// <summary>DetailedFault[] of one CPU.</summary>
    DetailedFaults = 9,

    /// <summary>stack_record up to its last frame: a user stack that faults name by its id, before or after this.</summary>
    Stack = 10,

    /// <summary>StackedFault[] of one CPU.</summary>
    StackedFaults = 11,

    /// <summary><see cref="MemoryRecord"/>[].</summary>
    Memory = 12,

    /// <summary><see cref="ResidentSnapshot"/> as JSON, when the mappings of all processes are known.</summary>
    Resident = 13,

    /// <summary><see cref="SpooledMarks"/> as JSON.</summary>
    Marks = 14,
}

[StructLayout(LayoutKind.Sequential)]
internal struct SpoolRecordHeader
{
    public const uint ExpectedMagic = 0x4C505346; // "FSPL"

    public uint Magic;
    public SpoolRecordType Type;
    public ushort Cpu;
    public int Length;

    /// <summary>CRC-32C of the members above and the payload.</summary>
    public uint Checksum;

    /// <summary>CRC-32C of the members before <see cref="Checksum"/>.</summary>
    public readonly uint CrcOfHead
    {
        get
        {
            var bytes = MemoryMarshal.AsBytes(new ReadOnlySpan<SpoolRecordHeader>(in this));
            return Crc32C.Append(0, bytes[..^sizeof(uint)]);
        }
    }
}

[StructLayout(LayoutKind.Sequential)]
internal struct PassRecord
{
    public long TimeNs;
}

[StructLayout(LayoutKind.Sequential)]
internal struct LossRecord
{
    public long TimeNs;
    public long Lost;
}

/// <summary>What /proc/PID/status said of a process; see <see cref="ProcessMemory"/>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal record struct MemoryRecord
{
    public long TimeNs;
    public long Pid;
    public long AnonBytes;
    public long FileBytes;
    public long ShmemBytes;
    public long SwapBytes;

    /// <summary>VmHWM.</summary>
    public long PeakBytes;

    /// <summary>1 if the process refuses huge pages (THP_enabled is 0), else 0.</summary>
    public long ThpDisabled;

    public readonly long ResidentBytes => AnonBytes + FileBytes + ShmemBytes;
}

/// <summary>What is known when the recording starts; the rest of the trace's metadata is known at the end.</summary>
internal sealed record SpoolHeader
{
    public const int CurrentVersion = 9;

    public int SpoolVersion { get; init; } = CurrentVersion;

    /// <summary>Everything but regions, processes, threads and figures.</summary>
    public required TraceMetadata Metadata { get; init; }

    /// <summary><c>/proc/sys/kernel/random/boot_id</c>, null where there is none.</summary>
    public string? BootId { get; init; }

    /// <summary>The recorded process: the command, or the requested pid; 0: there are many.</summary>
    public required int TargetPid { get; init; }

    /// <summary>The recorded process was launched; it is a command from its execve on.</summary>
    public bool IsCommand { get; init; }
}

/// <summary>Of a header of any version.</summary>
internal sealed record SpoolVersionOnly(int SpoolVersion);

internal sealed record MapsSnapshot(int Pid, long TimeNs, string Comm, int ParentPid, IReadOnlyList<ThreadName> Threads, string Maps);

/// <summary>Runs of pages of a process that were resident, in order of address, and how many more there were.</summary>
internal sealed record ResidentSnapshot(int Pid, long TimeNs, IReadOnlyList<long> FirstPage, IReadOnlyList<long> Pages, long OmittedPages);

/// <summary>Marks that were read at once.</summary>
/// <param name="ReadNs">When: a mark cannot be later.</param>
/// <param name="Dropped">Further marks, for which there was no room.</param>
internal sealed record SpooledMarks(long ReadNs, IReadOnlyList<SpooledMark> Marks, long Dropped);

/// <summary>A mark that was set by hand. A struct, so that none is null in a list.</summary>
/// <param name="TimeNs">Its own time, or when it was read.</param>
[method: JsonConstructor]
internal readonly record struct SpooledMark(long TimeNs, string Name);

/// <summary>A struct, so that none is null in a list.</summary>
[method: JsonConstructor] // else a struct's members need not be there
internal readonly record struct ThreadName(int Tid, string Comm);

internal sealed record SpoolEnding
{
    public required long TimeNs { get; init; }

    public required string EndReason { get; init; }

    public int? ExitStatus { get; init; }

    public required CaptureCounts Counts { get; init; }

    public MemoryPressure? Pressure { get; init; }
}

[JsonSourceGenerationOptions(
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(SpoolVersionOnly))]
[JsonSerializable(typeof(SpoolHeader))]
[JsonSerializable(typeof(MapsSnapshot))]
[JsonSerializable(typeof(ResidentSnapshot))]
[JsonSerializable(typeof(SpooledMarks))]
[JsonSerializable(typeof(SpoolEnding))]
internal sealed partial class SpoolJson : JsonSerializerContext
{
    /// <exception cref="InvalidDataException">The payload does not match the record's type.</exception>
    public static T Parse<T>(ReadOnlySpan<byte> payload, JsonTypeInfo<T> json)
    {
        try
        {
            return JsonSerializer.Deserialize(payload, json) ?? throw new InvalidDataException($"a {typeof(T).Name} is null");
        }
        catch (Exception e) when (e is JsonException or FormatException or OverflowException or ArgumentException or InvalidOperationException)
        {
            throw new InvalidDataException($"a {typeof(T).Name} does not have the JSON of this version", e);
        }
    }
}
