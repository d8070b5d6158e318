using System.Text.Json.Serialization;

namespace Faultrec.Traces.Metadata;

/// <summary>
/// Faults by get_user_pages inside a system call: they raise no exception. One call, or, where there were too many, all calls of a
/// process with the same <see cref="Call"/> and <see cref="Stack"/>, or of a name.
/// </summary>
/// <param name="Pid">0: of several processes.</param>
/// <param name="Tid">0: of several threads.</param>
/// <param name="Call">As in syscalls(2): mmap; null where its number has no name here, or is of a 32-bit program.</param>
/// <param name="Number">-1: between two system calls, in work that the kernel does for the thread.</param>
/// <param name="Calls">1: of one call.</param>
/// <param name="Start">Of the range that its arguments name; null where they name none.</param>
/// <param name="End">Exclusive.</param>
/// <param name="Stack">A node of <see cref="TraceMetadata.Stacks"/>; null where it was not taken.</param>
/// <param name="TimeNs">When the call, or the first of them, ended.</param>
/// <param name="LastNs">When the last of them ended.</param>
/// <param name="GoesOn">It had not ended when the recording did.</param>
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

    [JsonIgnore]
    public long Faults => Minor + Major;
}
