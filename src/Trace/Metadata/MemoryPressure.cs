namespace Faultrec.Traces.Metadata;

/// <summary>
/// How short of memory the target was, by the kernel's own counters of its cgroup (cgroup-v2.rst, memory.rst) and of pressure stalls
/// (psi.rst): what they rose by during the recording.
/// </summary>
/// <param name="Cgroup">Of the target's cgroup, when the recording began, and those above it: the one with the lowest limit. Null: none has one.</param>
/// <param name="Limit">The file that sets it: memory.max, memory.high, or memory.limit_in_bytes of cgroup v1.</param>
/// <param name="LimitHits">How often the use of memory met the limit; null: not known.</param>
/// <param name="OomKills">Processes of the cgroup that the kernel killed for lack of memory; null: not known.</param>
/// <param name="SomeNs">Time in which a task waited for memory, ns; null: the kernel does not tell.</param>
/// <param name="FullNs">Time in which all tasks that were not idle waited for memory, ns.</param>
/// <param name="IsPressureOfMachine">The two times are of the whole machine, and not of the cgroup.</param>
public sealed record MemoryPressure(
    string? Cgroup, string? Limit, long? LimitBytes, long? LimitHits, long? OomKills, long? SomeNs, long? FullNs, bool IsPressureOfMachine)
{
    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("cgroup", RedactionRule.Pseudonym), new("limit", RedactionRule.Keep), new("limit_bytes", RedactionRule.Keep),
        new("limit_hits", RedactionRule.Keep), new("oom_kills", RedactionRule.Keep), new("some_ns", RedactionRule.Keep),
        new("full_ns", RedactionRule.Keep), new("is_pressure_of_machine", RedactionRule.Keep),
    ];
}
