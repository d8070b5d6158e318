using System.Text.Json.Serialization;

namespace Faultrec.Traces.Metadata;

/// <summary>A moment of the recording that has a name: where one phase of the run ends and the next begins.</summary>
/// <param name="TimeNs">When it was set, ns since the recording began.</param>
/// <param name="Name">Its name, which other marks may have, too.</param>
/// <param name="Source">What set it: one of <see cref="MarkSource"/>.</param>
/// <param name="Pid">The process that it is about; null for a mark that was set by hand.</param>
public sealed record Mark(long TimeNs, [property: JsonRequired] string Name, [property: JsonRequired] string Source, int? Pid)
{
    /// <summary>Whether a person or the program set it, and not faultrec.</summary>
    [JsonIgnore]
    public bool IsByHand => Source == MarkSource.Mark;

    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("time_ns", RedactionRule.Keep),
        new("name", RedactionRule.Pseudonym),
        new("source", RedactionRule.Keep),
        new("pid", RedactionRule.Permute),
    ];
}

/// <summary>What set a mark; the words of <see cref="Mark.Source"/>.</summary>
public static class MarkSource
{
    /// <summary>`faultrec mark`, or a line written to FAULTREC_MARKS.</summary>
    public const string Mark = "mark";

    /// <summary>The recorded process executed another program.</summary>
    public const string Exec = "exec";

    /// <summary>A process listened on a socket for the first time.</summary>
    public const string Listen = "listen";
}
