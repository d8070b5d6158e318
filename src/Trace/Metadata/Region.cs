using System.Text.Json.Serialization;
using Faultrec.Traces.Columns;

namespace Faultrec.Traces.Metadata;

/// <summary>
/// A VMA of one process over the time it existed. Grown, shrunk and mprotect-split neighbours keep one entry, whose range is
/// the widest it had.
/// </summary>
public sealed record Region
{
    public required int Id { get; init; }

    public required int Pid { get; init; }

    [JsonConverter(typeof(HexAddressConverter))]
    public required ulong Start { get; init; }

    /// <summary>Exclusive.</summary>
    [JsonConverter(typeof(HexAddressConverter))]
    public required ulong End { get; init; }

    /// <summary>As in /proc/PID/maps: "rw-p".</summary>
    public required string Prot { get; init; }

    /// <summary>VM_* / MAP_* flags as the kernel's MMAP2 record gave them.</summary>
    public uint Flags { get; init; }

    /// <summary>[heap], [stack], [anon], [vdso], or the mapped file's path.</summary>
    public required string Name { get; init; }

    /// <summary>Mapped file, or null for anonymous memory.</summary>
    public string? Path { get; init; }

    public ulong Inode { get; init; }

    /// <summary>major:minor of the file's device, hex as in /proc/PID/maps; null for anonymous memory.</summary>
    public string? Device { get; init; }

    /// <summary>Byte offset in the file of <see cref="Start"/>.</summary>
    public ulong FileOffset { get; init; }

    /// <summary>Hex; null when the file has none or it was not read.</summary>
    public string? BuildId { get; init; }

    /// <summary>Null: it was there before the recording.</summary>
    public long? BornNs { get; init; }

    /// <summary>Null: it was still there at the end.</summary>
    public long? DiedNs { get; init; }

    /// <summary>
    /// Stack of the system calls that made it, a node of <see cref="TraceMetadata.Stacks"/>; null where not known, and where they have
    /// different ones: <see cref="FaultBatch.MapperStackId"/> is that of the part in which a fault lies.
    /// </summary>
    public int? MapperStack { get; init; }

    /// <summary>
    /// Mappings folded into this entry. More than one only when the recording had more mappings than the ledger holds
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
