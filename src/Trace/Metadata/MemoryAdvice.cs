using System.Text.Json.Serialization;

namespace Faultrec.Traces.Metadata;

/// <summary>A system call by which a program told the kernel how to fault a range.</summary>
/// <param name="Pid">Process id.</param>
/// <param name="Start">First address of the range.</param>
/// <param name="Advice">hugepage, nohugepage, random, mergeable (madvise(2)); userfaultfd_missing, userfaultfd_wp, userfaultfd_minor (UFFDIO_REGISTER),
/// userfaultfd_none (UFFDIO_UNREGISTER).</param>
/// <param name="End">First address behind the range.</param>
/// <param name="TimeNs">When the system call returned, ns since the recording began.</param>
public sealed record MemoryAdvice(
    int Pid,
    [property: JsonConverter(typeof(HexAddressConverter))] ulong Start,
    [property: JsonConverter(typeof(HexAddressConverter))] ulong End,
    [property: JsonRequired] string Advice,
    long TimeNs)
{
    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("pid", RedactionRule.Permute),
        new("start", RedactionRule.Slide),
        new("end", RedactionRule.Slide),
        new("advice", RedactionRule.Keep),
        new("time_ns", RedactionRule.Keep),
    ];
}
