namespace Faultrec.Traces.Metadata;

/// <param name="Recorded">The page table was walked at entry and completion of each fault.</param>
/// <param name="Reason">Why frames are null: refused, unverified, or not asked for; null where they were recorded.</param>
/// <param name="PagingLevels">4 or 5; 0 where not known.</param>
/// <param name="DirectMapFrom">How the base of the kernel's direct map was found: "kallsyms" or "calibration".</param>
/// <param name="ZeroPfn">Frame of the zero page.</param>
public sealed record FrameRecording(bool Recorded, string? Reason, int PagingLevels, string? DirectMapFrom, long? ZeroPfn)
{
    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("recorded", RedactionRule.Keep),
        new("reason", RedactionRule.Keep),
        new("paging_levels", RedactionRule.Keep),
        new("direct_map_from", RedactionRule.Keep),
        new("zero_pfn", RedactionRule.Permute),
    ];
}

/// <param name="EndPfn">Exclusive.</param>
public sealed record NumaRange(int Node, long FirstPfn, long EndPfn)
{
    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("node", RedactionRule.Keep),
        new("first_pfn", RedactionRule.Keep),
        new("end_pfn", RedactionRule.Keep),
    ];
}
