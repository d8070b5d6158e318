using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Symbols;

/// <summary>A <see cref="StackTable"/> while it is being built: each path from an outermost frame to a frame is one node.</summary>
/// <param name="frames">Grows with its user.</param>
internal sealed class StackTree(IReadOnlyList<StackModule> modules, IReadOnlyList<StackFrame> frames)
{
    public const int Root = -1;

    /// <summary>Most frames in the text, more than the probes can record. A hostile trace must not produce a text of all its nodes.</summary>
    private const int MaxFrames = 1024;

    private readonly Dictionary<(int Parent, int Frame), int> _indices = [];
    private readonly List<int> _parents = [];
    private readonly List<int> _nodeFrames = [];
    private readonly Dictionary<int, string> _folded = [];

    /// <summary>The node of a frame that was called by the parent's frame.</summary>
    public int Child(int parent, int frame)
    {
        if (_indices.TryGetValue((parent, frame), out var node))
            return node;
        _parents.Add(parent);
        _nodeFrames.Add(frame);
        return _indices[(parent, frame)] = _parents.Count - 1;
    }

    /// <summary>As the column `stack` has it: the outermost frame first, a semicolon between two.</summary>
    public string Fold(int node)
    {
        if (_folded.TryGetValue(node, out var text))
            return text;
        var names = new List<string>();
        for (var at = node; at >= 0 && names.Count < MaxFrames; at = _parents[at])
            names.Add(Name(frames[_nodeFrames[at]]));
        names.Reverse();
        return _folded[node] = string.Join(';', names);
    }

    /// <summary>Null: there is no stack.</summary>
    public StackTable? BuildTable() => _parents.Count == 0 ? null : new StackTable(modules, frames, _parents, _nodeFrames);

    private string Name(StackFrame frame)
    {
        var name = frame.Function ?? (frame.Module is { } module
            ? $"{Path.GetFileName(modules[module].Path)}+0x{frame.Address:x}"
            : $"0x{frame.Address:x}");
        return name.Replace(';', ':');
    }
}
