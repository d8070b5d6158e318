namespace Faultrec.Traces.Metadata;

/// <summary>A device or file to which the kernel swaps.</summary>
/// <param name="Name">Its path, as /proc/swaps has it.</param>
/// <param name="Kib">Size, KiB.</param>
public sealed record SwapArea(string Name, long Kib)
{
    internal static IReadOnlyList<MetadataMember> Members { get; } = [new("name", RedactionRule.Pseudonym), new("kib", RedactionRule.Keep)];
}
