using System.Globalization;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Facts;

/// <summary>Names of regions in filters and tables.</summary>
internal static class RegionNames
{
    /// <summary>Place of private memory of no file and no name of its own.</summary>
    public const string Anonymous = "anonymous mappings";

    /// <summary>Name for faults at addresses that no known mapping covered (region id 0).</summary>
    public const string Unmapped = "[no mapping]";

    public static string Of(Region? region) => region?.Name ?? Unmapped;

    /// <summary>Whether the value of --region matches the region: its id if the value is only digits, otherwise a part of its name.</summary>
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

    /// <summary>
    /// What the memory is, whichever mapping, address and process it was: "anonymous mappings", "the heap", the last part of a file's path.
    /// </summary>
    public static string PlaceOf(Region? region) => KindOf(region) switch
    {
        "none" => "addresses without a known mapping",
        "heap" => "the heap",
        "stack" => "the main thread's stack",
        "anon" when region!.Name == "[anon]" => region.Prot is [_, _, 'x', ..] ? "generated code" : Anonymous,
        _ => FrameNames.FileName(region!.Name),
    };
}
