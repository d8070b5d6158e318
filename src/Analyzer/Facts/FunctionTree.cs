using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Facts;

/// <summary>
/// The trace's tree of stacks as a flame graph shows it: stacks that differ only in the address inside a function are one node. Node 0
/// stands for faults without a stack.
/// </summary>
internal sealed class FunctionTree
{
    public const int NoStack = 0;

    public const string NoStackName = "[no stack]";

    private readonly List<(int Parent, int Box)> _nodes = [(-1, 0)];
    private readonly List<Box> _boxes = [new Box(NoStackName, null)];
    private readonly int[] _nodeOf;

    /// <param name="byNameOnly">For formats that have only a function's name; otherwise functions of different modules are kept apart.</param>
    public FunctionTree(StackTable table, FrameNames names, bool byNameOnly)
    {
        var (nodes, boxes) = (new Dictionary<(int, int), int>(), new Dictionary<(string, int?), int>());
        var boxOf = new int[table.Frames.Count];
        for (var frame = 0; frame < boxOf.Length; frame++)
        {
            var (value, name) = (table.Frames[frame], names.Short(frame));
            if (!boxes.TryGetValue((name, byNameOnly ? null : value.Module), out boxOf[frame]))
            {
                boxes.Add((name, byNameOnly ? null : value.Module), boxOf[frame] = _boxes.Count);
                _boxes.Add(new Box(name, value.File ?? names.ModuleOf(value)?.Path));
            }
        }

        _nodeOf = new int[table.NodeFrames.Count];
        for (var stack = 0; stack < _nodeOf.Length; stack++)
        {
            // A caller has a smaller index, so its node is known.
            var parent = table.Parents[stack] is >= 0 and var caller ? _nodeOf[caller] : -1;
            var node = (parent, boxOf[table.NodeFrames[stack]]);
            if (!nodes.TryGetValue(node, out _nodeOf[stack]))
            {
                nodes.Add(node, _nodeOf[stack] = _nodes.Count);
                _nodes.Add(node);
            }
        }
    }

    /// <summary>What nodes are made of.</summary>
    public IReadOnlyList<Box> Boxes => _boxes;

    /// <param name="stack">As in the trace; an id that its table does not have counts as no stack.</param>
    public int NodeOf(int stack) => (uint)stack < (uint)_nodeOf.Length ? _nodeOf[stack] : NoStack;

    /// <returns>Boxes from the outermost to the innermost; of a stack deeper than any recorded the inner ones.</returns>
    public IEnumerable<int> PathOf(int node)
    {
        var path = new Stack<int>();
        for (; node >= 0 && path.Count < FrameNames.MostFrames; node = _nodes[node].Parent)
            path.Push(_nodes[node].Box);
        return path;
    }

    /// <param name="File">Source file or, without one, module: of the first frame that is so called.</param>
    public readonly record struct Box(string Name, string? File);
}
