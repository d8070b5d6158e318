using System.Text.Json.Serialization;

namespace Faultrec.Traces.Metadata;

/// <summary>
/// The distinct call stacks of a recording, as one tree that all faults share: a stack is a node, and its callers are the path to a
/// root. <see cref="Columns.FaultBatch.StackId"/> is an index into the nodes.
/// </summary>
/// <param name="Modules">The files that hold the frames' code.</param>
/// <param name="Frames">The distinct frames.</param>
/// <param name="Parents">For each node the node of its caller, always a smaller index; -1 for the outermost frame.</param>
/// <param name="NodeFrames">For each node its frame, an index of <paramref name="Frames"/>; as many as <paramref name="Parents"/>.</param>
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

    /// <summary>Lists the frames of a stack, the innermost first.</summary>
    public IEnumerable<StackFrame> FramesOf(int stackId)
    {
        for (var node = stackId; node >= 0; node = Parents[node])
            yield return Frames[NodeFrames[node]];
    }
}

/// <summary>A file that holds code of stack frames.</summary>
/// <param name="Path">Its path as the recorded process saw it: an ELF file, "[vdso]" or "[kernel]".</param>
/// <param name="BuildId">Its build id in hex; null if it has none, or it was not read.</param>
public sealed record StackModule([property: JsonRequired] string Path, string? BuildId)
{
    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("path", RedactionRule.Pseudonym),
        new("build_id", RedactionRule.Pseudonym),
    ];
}

/// <summary>A stack frame: one place in code. Unknown members are null; an unresolved frame has only its module and address.</summary>
public sealed record StackFrame
{
    /// <summary>"user", "kernel", "jit" (code generated at run time) or "python" (a frame of the interpreter's own).</summary>
    public required string Kind { get; init; }

    /// <summary>Name of the function, demangled; null if no symbol covers the address.</summary>
    public string? Function { get; init; }

    /// <summary>Source file, as the debug information or the interpreter spells it; null if unknown.</summary>
    public string? File { get; init; }

    /// <summary>Line in the source file, from 1; null if unknown.</summary>
    public int? Line { get; init; }

    /// <summary>The file that holds the code, an index of <see cref="StackTable.Modules"/>; null if it lies in none.</summary>
    public int? Module { get; init; }

    /// <summary>Virtual address in the module's ELF file (the space of st_value); the plain address if there is no module.</summary>
    [JsonConverter(typeof(HexAddressConverter))]
    public ulong Address { get; init; }

    /// <summary>True if the function was inlined into its caller, with which it shares the address.</summary>
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

/// <summary>How stacks were recorded, and what is missing.</summary>
/// <param name="Reason">Why there are no stacks; null if they were recorded.</param>
/// <param name="Complete">Faults whose stack was walked to the outermost frame of the thread.</param>
/// <param name="Truncated">Faults whose stack is cut short: no unwind table, more frames than are kept, memory that could not be read.</param>
/// <param name="Lost">Faults without a stack, because the table of stacks was full.</param>
/// <param name="Warnings">Lines for people: files whose symbols or unwind tables could not be read, and why.</param>
public sealed record StackRecording([property: JsonPropertyName("refusal")] string? Reason, long Complete, long Truncated, long Lost,
    IReadOnlyList<string> Warnings)
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
