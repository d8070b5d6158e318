using System.Text.Json.Serialization;

namespace Faultrec.Traces.Metadata;

/// <summary>
/// The distinct call stacks of a recording, as one tree that all faults share: a stack is a node, its callers are the way to a
/// root. <see cref="Columns.FaultBatch.StackId"/> is an index into the nodes.
/// </summary>
/// <param name="Modules">Files that frames lie in.</param>
/// <param name="Frames">Distinct frames.</param>
/// <param name="Parents">Of each node its caller, always a smaller index; -1: the outermost frame.</param>
/// <param name="NodeFrames">Of each node its frame, an index of <paramref name="Frames"/>; as many as <paramref name="Parents"/>.</param>
public sealed record StackTable(
    IReadOnlyList<StackModule> Modules, IReadOnlyList<StackFrame> Frames, IReadOnlyList<int> Parents, IReadOnlyList<int> NodeFrames)
{
    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("modules", StackModule.Members),
        new("frames", StackFrame.Members),
        new("parents", RedactionRule.Keep),
        new("node_frames", RedactionRule.Keep),
    ];

    /// <returns>Frames of a stack, the innermost first.</returns>
    public IEnumerable<StackFrame> FramesOf(int stackId)
    {
        for (int node = stackId; node >= 0; node = Parents[node])
            yield return Frames[NodeFrames[node]];
    }
}

/// <param name="Path">As the recorded process saw it: an ELF file, "[vdso]", "[kernel]".</param>
/// <param name="BuildId">Hex; null when the file has none or it was not read.</param>
public sealed record StackModule([property: JsonRequired] string Path, string? BuildId)
{
    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("path", RedactionRule.Pseudonym),
        new("build_id", RedactionRule.Pseudonym),
    ];
}

/// <summary>One place in code. What is not known is null; an unresolved frame has its module and address.</summary>
public sealed record StackFrame
{
    /// <summary>user, kernel, jit (code made while the program ran), python (a frame of the interpreter's own).</summary>
    public required string Kind { get; init; }

    /// <summary>Demangled; null where no symbol covers the address.</summary>
    public string? Function { get; init; }

    /// <summary>Source file, as the debug information or the interpreter spells it.</summary>
    public string? File { get; init; }

    /// <summary>From 1.</summary>
    public int? Line { get; init; }

    /// <summary>Index of <see cref="StackTable.Modules"/>.</summary>
    public int? Module { get; init; }

    /// <summary>Virtual address in the module's ELF file (st_value's space); the plain address where there is no module.</summary>
    [JsonConverter(typeof(HexAddressConverter))]
    public ulong Address { get; init; }

    /// <summary>The compiler put this function into the one below it: they share an address.</summary>
    public bool Inlined { get; init; }

    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("kind", RedactionRule.Keep),
        new("function", RedactionRule.Pseudonym),
        new("file", RedactionRule.Pseudonym),
        new("line", RedactionRule.Keep),
        new("module", RedactionRule.Keep),
        new("address", RedactionRule.Slide),
        new("inlined", RedactionRule.Keep),
    ];
}

/// <summary>How stacks were taken, and what is missing. Counts are of faults.</summary>
/// <param name="Refusal">Why there are none; null where they were recorded.</param>
/// <param name="Complete">Walked to the outermost frame of the thread.</param>
/// <param name="Truncated">The walk ended before it: no unwind table, more frames than are kept, memory that could not be read.</param>
/// <param name="Lost">Taken, but their table was full: the fault has no stack.</param>
/// <param name="Warnings">A file whose symbols or unwind tables could not be read, and why.</param>
public sealed record StackRecording(string? Refusal, long Complete, long Truncated, long Lost, IReadOnlyList<string> Warnings)
{
    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("refusal", RedactionRule.Keep),
        new("complete", RedactionRule.Keep),
        new("truncated", RedactionRule.Keep),
        new("lost", RedactionRule.Keep),
        new("warnings", RedactionRule.Drop),
    ];
}
