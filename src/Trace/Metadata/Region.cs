using System.Text.Json.Serialization;
using Faultrec.Traces.Columns;

namespace Faultrec.Traces.Metadata;

/// <summary>
/// A mapping (VMA) of one process over the time it existed. If it grew, shrank or was split by mprotect, it stays one entry, with
/// the widest range it had.
/// </summary>
public sealed record Region
{
    /// <summary>Id of the region, from 1; <see cref="FaultBatch.RegionId"/> refers to it.</summary>
    public required int Id { get; init; }

    /// <summary>Process id.</summary>
    public required int Pid { get; init; }

    /// <summary>First address of the widest range that the mapping had.</summary>
    [JsonConverter(typeof(HexAddressConverter))]
    public required ulong Start { get; init; }

    /// <summary>First address behind the widest range that the mapping had.</summary>
    [JsonConverter(typeof(HexAddressConverter))]
    public required ulong End { get; init; }

    /// <summary>Protection as in /proc/PID/maps, such as "rw-p".</summary>
    public required string Prot { get; init; }

    /// <summary>Flags of the kernel's MMAP2 record (MAP_*).</summary>
    public uint Flags { get; init; }

    /// <summary>[heap], [stack], [anon], [vdso], or the path of the mapped file.</summary>
    public required string Name { get; init; }

    /// <summary>Path of the mapped file; null for anonymous memory.</summary>
    public string? Path { get; init; }

    /// <summary>Inode number of the mapped file; 0 for anonymous memory.</summary>
    public ulong Inode { get; init; }

    /// <summary>major:minor of the file's device, hex as in /proc/PID/maps; null for anonymous memory.</summary>
    public string? Device { get; init; }

    /// <summary>Offset in the mapped file at which <see cref="Start"/> lies, in bytes.</summary>
    public ulong FileOffset { get; init; }

    /// <summary>Build id of the mapped file in hex; null if it has none, or it was not read.</summary>
    public string? BuildId { get; init; }

    /// <summary>When the mapping was made, ns since the recording began; null if it is older than the recording.</summary>
    public long? BornNs { get; init; }

    /// <summary>When the mapping ended, ns since the recording began; null if it outlived the recording.</summary>
    public long? DiedNs { get; init; }

    /// <summary>
    /// Stack of the system calls that made the mapping, a node of <see cref="TraceMetadata.Stacks"/>; null if unknown, or if its parts have
    /// different ones (<see cref="FaultBatch.MapperStackId"/> has the one of the part in which a fault lies).
    /// </summary>
    public int? MapperStack { get; init; }

    /// <summary>
    /// Number of mappings in this entry: more than one only if the recording had more mappings than the ledger holds
    /// (<see cref="Receipt.RegionsFolded"/>).
    /// </summary>
    public int Lives { get; init; } = 1;

    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("id", RedactionRule.Keep),
        new("pid", RedactionRule.Permute),
        new("start", RedactionRule.Slide),
        new("end", RedactionRule.Slide),
        new("prot", RedactionRule.Keep),
        new("flags", RedactionRule.Keep),
        new("name", RedactionRule.Pseudonym),
        new("path", RedactionRule.Pseudonym),
        new("inode", RedactionRule.Permute),
        new("device", RedactionRule.Pseudonym),
        new("file_offset", RedactionRule.Keep),
        new("build_id", RedactionRule.Pseudonym),
        new("born_ns", RedactionRule.Keep),
        new("died_ns", RedactionRule.Keep),
        new("mapper_stack", RedactionRule.Keep),
        new("lives", RedactionRule.Keep),
    ];
}
