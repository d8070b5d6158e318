using System.Text.Json.Serialization;

namespace Faultrec.Traces.Metadata;

/// <param name="Advice">hugepage, nohugepage (madvise(2)); userfaultfd_missing, userfaultfd_wp, userfaultfd_minor (UFFDIO_REGISTER), userfaultfd_none (UFFDIO_UNREGISTER).</param>
/// <param name="End">Exclusive.</param>
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
