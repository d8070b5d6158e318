using System.Text.Json.Serialization;

namespace Faultrec.Traces.Metadata;

/// <summary>
/// Faults by get_user_pages inside a system call, which raise no exception. It is one call, or, if there were too many, the sum of all calls of a
/// process with the same <see cref="Call"/> and <see cref="Stack"/>, or of all calls of one name.
/// </summary>
/// <param name="Pid">Process id; 0 for several processes.</param>
/// <param name="Tid">Thread id; 0 for several threads.</param>
/// <param name="Call">
/// Name as in syscalls(2), such as mmap, or "madvise populate_read"; null if the number has no name here, or belongs to a 32-bit program.
/// </param>
/// <param name="Number">Number of the system call on x86-64; -1 between two calls, in work that the kernel does for the thread.</param>
/// <param name="Calls">How many calls were added up.</param>
/// <param name="Minor">Minor faults, by the thread's own counter.</param>
/// <param name="Major">Major faults, by the thread's own counter.</param>
/// <param name="Start">First address of the range in the call's arguments; null if they have none, or calls were added up.</param>
/// <param name="End">First address behind the range; null like <paramref name="Start"/>.</param>
/// <param name="Stack">Stack of the call, a node of <see cref="TraceMetadata.Stacks"/>; null if it was not recorded.</param>
/// <param name="TimeNs">When the first of the calls ended, ns since the recording began.</param>
/// <param name="LastNs">When the last of the calls ended, ns since the recording began.</param>
/// <param name="GoesOn">True if the call had not ended when the recording did.</param>
public sealed record CallFaults(
    int Pid,
    int Tid,
    string? Call,
    int Number,
    long Calls,
    long Minor,
    long Major,
    [property: JsonConverter(typeof(HexAddressConverter))] ulong? Start,
    [property: JsonConverter(typeof(HexAddressConverter))] ulong? End,
    int? Stack,
    long TimeNs,
    long LastNs,
    bool GoesOn)
{
    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("pid", RedactionRule.Permute),
        new("tid", RedactionRule.Permute),
        new("call", RedactionRule.Keep),
        new("number", RedactionRule.Keep),
        new("calls", RedactionRule.Keep),
        new("minor", RedactionRule.Keep),
        new("major", RedactionRule.Keep),
        new("start", RedactionRule.Slide),
        new("end", RedactionRule.Slide),
        new("stack", RedactionRule.Keep),
        new("time_ns", RedactionRule.Keep),
        new("last_ns", RedactionRule.Keep),
        new("goes_on", RedactionRule.Keep),
    ];

    /// <summary>Minor and major faults together.</summary>
    [JsonIgnore]
    public long Faults => Minor + Major;
}
