using System.Globalization;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Facts;

/// <summary>How regions are called in filters and tables.</summary>
internal static class RegionNames
{
    /// <summary>Of faults at addresses that no known mapping covered (region id 0).</summary>
    public const string Unmapped = "[no mapping]";

    public static string Of(Region? region) => region?.Name ?? Unmapped;

    /// <summary>Whether a name or id as people give them (--region) means the region: the id where it is only digits, else a part of the name.</summary>
    public static bool Matches(int id, Region? region, string text)
        => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var wanted)
            ? wanted == id
            : Of(region).Contains(text, StringComparison.Ordinal);

    /// <summary>file, heap, stack, anon; special for the kernel's own ([vdso], [vvar]…); none without a mapping.</summary>
    public static string KindOf(Region? region) => region switch
    {
        null => "none",
        { Path: not null } => "file",
        { Name: "[heap]" } => "heap",
        { Name: "[stack]" } => "stack",
        { Name: var name } when name.StartsWith("[anon", StringComparison.Ordinal) => "anon",
        _ => "special",
    };
}
