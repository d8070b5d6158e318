namespace Faultrec.Traces.Metadata;

/// <summary>Whether and how page-table facts were recorded.</summary>
/// <param name="Recorded">True if the page table was walked at entry and completion of each fault.</param>
/// <param name="Reason">Why there are none: refused, unverified, or not asked for; null if they were recorded.</param>
/// <param name="PagingLevels">Levels of the page table, 4 or 5; 0 if unknown.</param>
/// <param name="DirectMapFrom">How the base of the kernel's direct map was found, "kallsyms" or "calibration"; null if it was not.</param>
/// <param name="ZeroPfn">Page frame number of the zero page; null if unknown.</param>
public sealed record PageTableRecording(bool Recorded, string? Reason, int PagingLevels, string? DirectMapFrom, long? ZeroPfn)
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

/// <summary>A range of CPUs on one NUMA node.</summary>
/// <param name="Node">Number of the node.</param>
/// <param name="FirstCpu">First CPU.</param>
/// <param name="EndCpu">First CPU behind the range.</param>
public sealed record NumaCpus(int Node, int FirstCpu, int EndCpu)
{
    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("node", RedactionRule.Keep),
        new("first_cpu", RedactionRule.Keep),
        new("end_cpu", RedactionRule.Keep),
    ];
}

/// <summary>A range of page frames on one NUMA node.</summary>
/// <param name="Node">Number of the node.</param>
/// <param name="FirstPfn">First page frame number.</param>
/// <param name="EndPfn">First page frame number behind the range.</param>
public sealed record NumaRange(int Node, long FirstPfn, long EndPfn)
{
    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("node", RedactionRule.Keep),
        new("first_pfn", RedactionRule.Keep),
        new("end_pfn", RedactionRule.Keep),
    ];
}
