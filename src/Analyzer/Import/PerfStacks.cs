using System.Globalization;
using System.Text.RegularExpressions;
using Faultrec.Analyzer.Facts;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Import;

/// <summary>Stacks of the lines that perf prints below a sample with a call chain, the innermost frame first: "ip symbol+offset (file)".</summary>
internal sealed partial class PerfStacks
{
    private const int None = -1;

    /// <summary>The kernel keeps fewer (kernel.perf_event_max_stack); anything longer is not a chain.</summary>
    private const int MostFrames = FrameNames.MostFrames;

    // Where a thread or program begins, as far as symbols show.
    private static readonly HashSet<string> Roots = ["_start", "clone", "clone3", "__clone", "__clone3", "start_thread", "ret_from_fork", "ret_from_fork_asm"];

    private readonly OrderedDictionary<string, int> _modules = [];
    private readonly OrderedDictionary<StackFrame, int> _frames = [];
    private readonly Dictionary<(int Parent, int Frame), int> _nodes = [];
    private readonly List<int> _parents = [];
    private readonly List<int> _nodeFrames = [];
    private readonly Dictionary<int, string> _folded = [];
    private long _complete;
    private long _truncated;

    /// <summary>Null: no sample had a chain.</summary>
    public StackTable? Table
        => _parents.Count == 0
            ? null
            : new StackTable([.. _modules.Keys.Select(path => new StackModule(path, null))], [.. _frames.Keys], _parents, _nodeFrames);

    /// <summary>Null: no sample had a chain.</summary>
    public StackRecording? Recording => _parents.Count == 0 ? null : new StackRecording(null, _complete, _truncated, 0, []);

    public static bool IsFrame(string line) => line.StartsWith('\t') && Frame().IsMatch(line);

    /// <summary>The instruction that a frame's line prints; null where that is an offset in a file, which perf prints for code of programs.</summary>
    public static ulong? IpOf(string line)
        => ulong.TryParse(Frame().Match(line).Groups["ip"].ValueSpan, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var ip) && IsKernel(ip)
            ? ip
            : null;

    /// <summary>Sets `stack_id` and `stack` of a row.</summary>
    /// <param name="lines">Of the chain, the innermost frame first.</param>
    public void Set(FaultBatch batch, int row, IReadOnlyList<string> lines)
    {
        var node = None;
        StackFrame? root = null;
        for (var i = Math.Min(lines.Count, MostFrames) - 1; i >= 0; i--)
        {
            var frame = FrameOf(lines[i]);
            root ??= frame;
            node = Child(node, frame);
        }

        if (node == None)
            return;
        if (root!.Function is { } function && Roots.Contains(function))
            _complete++;
        else
            _truncated++;
        (batch.StackId[row], batch.Stack[row]) = (node, Fold(node));
    }

    private static bool IsKernel(ulong ip) => (long)ip < 0;

    private StackFrame FrameOf(string line)
    {
        var match = Frame().Match(line);
        _ = ulong.TryParse(match.Groups["ip"].ValueSpan, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var ip);
        var symbol = match.Groups["symbol"].Value;
        var file = match.Groups["file"].Value;
        return new StackFrame
        {
            Kind = IsKernel(ip) ? FrameKinds.Kernel : "user",
            Function = symbol is "" or "[unknown]" ? null : symbol,
            Module = file is "" or "[unknown]" or "inlined"
                ? null
                : IndexOf(_modules, file.StartsWith("[kernel", StringComparison.Ordinal) ? "[kernel]" : file),
            Address = ip,
            Inlined = file == "inlined",
        };
    }

    private int Child(int parent, StackFrame frame)
    {
        var key = (parent, IndexOf(_frames, frame));
        if (_nodes.TryGetValue(key, out var node))
            return node;
        _parents.Add(parent);
        _nodeFrames.Add(key.Item2);
        return _nodes[key] = _parents.Count - 1;
    }

    private string Fold(int node)
    {
        if (_folded.TryGetValue(node, out var text))
            return text;
        var names = new List<string>();
        for (var at = node; at != None; at = _parents[at])
            names.Add(Name(_frames.GetAt(_nodeFrames[at]).Key));
        names.Reverse();
        return _folded[node] = string.Join(';', names);
    }

    // As recordings have it in the column.
    private string Name(StackFrame frame)
    {
        var file = frame.Module is { } module ? FrameNames.FileName(_modules.GetAt(module).Key) + "+" : "";
        var name = frame.Function ?? string.Create(CultureInfo.InvariantCulture, $"{file}0x{frame.Address:x}");
        return name.Replace(';', ':');
    }

    private static int IndexOf<T>(OrderedDictionary<T, int> known, T value)
        where T : notnull
    {
        if (!known.TryGetValue(value, out var index))
            known.Add(value, index = known.Count);
        return index;
    }

    // "\t    7f79b36f2ad7 main+0x10 (/bin/app)": the symbol can hold spaces and brackets; "(inlined)" in place of the file.
    [GeneratedRegex(@"^\s+(?<ip>[0-9a-f]{1,16})(?: (?<symbol>.+?)(?:\+0x[0-9a-f]+)?)?(?: \((?<file>/[^()]*(?: \(deleted\))?|\[[^()]*|inlined|[^() ]+)\))?$",
        RegexOptions.CultureInvariant)]
    private static partial Regex Frame();
}
