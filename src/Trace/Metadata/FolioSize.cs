namespace Faultrec.Traces.Metadata;

/// <summary>Whether faults may get folios of a size: /sys/kernel/mm/transparent_hugepage/hugepages-KIBkB when the recording began.</summary>
/// <param name="Kib">Size, KiB.</param>
/// <param name="Enabled">
/// For anonymous memory: always, madvise, never or inherit (as <see cref="TraceMetadata.ThpMode"/>); null: the kernel has none so small.
/// </param>
/// <param name="ShmemEnabled">For shared memory: always, within_size, advise, never or inherit; null: the kernel has no such setting.</param>
public sealed record FolioSize(int Kib, string? Enabled, string? ShmemEnabled)
{
    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("kib", RedactionRule.Keep),
        new("enabled", RedactionRule.Keep),
        new("shmem_enabled", RedactionRule.Keep),
    ];
}
