using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Classify;

/// <summary>Where the walk through the page table ended, and what was there.</summary>
internal enum WalkEnd : byte
{
    /// <summary>Nothing, in the last level: the page-table levels from here on are in the order of <see cref="FaultBatch.PtLevel"/>.</summary>
    Pte,
    Pmd,
    Pud,
    P4d,
    Pgd,

    /// <summary>A swap entry, or a page made inaccessible.</summary>
    NotPresent,

    Present,

    /// <summary>No page-table facts of this fault.</summary>
    Unknown,
}

/// <summary>Names of <see cref="WalkEnd"/> in every format, and the rule.</summary>
internal static class WalkEnds
{
    public const int Count = (int)WalkEnd.Unknown + 1;

    private static readonly string[] Names = [.. PageGeometry.LevelNames, "not_present", "present", "unknown"];

    public static string Name(this WalkEnd end) => Names[(int)end];

    /// <param name="level">As in the column.</param>
    /// <param name="bits">The entry there.</param>
    public static WalkEnd Of(sbyte level, long bits)
    {
        if ((uint)level > (uint)WalkEnd.Pgd || bits == FaultBatch.NullPte)
            return WalkEnd.Unknown;
        return bits == 0 ? (WalkEnd)level : new PageTableEntry(bits).IsPresent ? WalkEnd.Present : WalkEnd.NotPresent;
    }
}
