using System.Globalization;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Facts;

/// <summary>A function or a line, by which frames are summed.</summary>
/// <param name="Name">Function; [module+0x…] where no symbol covers the address.</param>
/// <param name="File">Source file; null where not known.</param>
/// <param name="Line">0: not known, or a function as a whole.</param>
/// <param name="Module">Path of the file that holds the code; null where there is none.</param>
internal readonly record struct CodePlace(string Name, string? File, int Line, string? Module);

/// <summary>Names of frames, and which frames are the same function or line. Everything is indexed by frame.</summary>
internal sealed class FrameNames
{
    /// <summary>Most frames of a stack that are used: recorders keep fewer, and a damaged file must not cause quadratic cost.</summary>
    public const int MostFrames = 1024;

    private readonly StackTable _table;
    private readonly CodePlace[] _functions;
    private readonly CodePlace[] _lines;
    private readonly int[] _functionIds;
    private readonly int[] _lineIds;

    public FrameNames(StackTable table)
    {
        _table = table;
        _functionIds = new int[table.Frames.Count];
        _lineIds = new int[table.Frames.Count];
        var (functions, lines) = (new Places(), new Places());
        for (var i = 0; i < table.Frames.Count; i++)
        {
            var frame = table.Frames[i];
            var module = ModuleOf(frame)?.Path;
            var name = frame.Function ?? Unresolved(frame);
            // Where a script has no module, its file tells two functions of one name apart.
            _functionIds[i] = functions.IdOf(new CodePlace(name, module is null ? frame.File : null, 0, module));
            _lineIds[i] = lines.IdOf(new CodePlace(name, frame.File, frame.Line ?? 0, module));
        }

        (_functions, _lines) = (functions.ToArray(), lines.ToArray());
    }

    public int FunctionCount => _functions.Length;

    public int LineCount => _lines.Length;

    public CodePlace Function(int id) => _functions[id];

    public CodePlace Line(int id) => _lines[id];

    public int FunctionIdOf(int frame) => _functionIds[frame];

    public int LineIdOf(int frame) => _lineIds[frame];

    public StackModule? ModuleOf(StackFrame frame) => frame.Module is { } module ? _table.Modules[module] : null;

    /// <returns>Frames of a stack as indices, the innermost first.</returns>
    public IEnumerable<int> FramesOf(int stack)
    {
        var depth = 0;
        for (var node = stack; node >= 0 && depth < MostFrames; node = _table.Parents[node], depth++)
            yield return _table.NodeFrames[node];
    }

    /// <summary>As a flame graph's box has it: the function; of a script also the line, because its functions are often all called &lt;module&gt;.</summary>
    public string Short(int frame)
    {
        var value = _table.Frames[frame];
        return value is { Function: { } function, Kind: FrameKinds.Python, File: { } file }
            ? $"{function} ({Place(file, value.Line)})"
            : value.Function ?? Unresolved(value);
    }

    /// <summary>"fill (alloc.c:12)", "memset (libc.so.6)", "[libc.so.6+0x1234]".</summary>
    public string Long(int frame)
    {
        var value = _table.Frames[frame];
        if (value.Function is null)
            return Unresolved(value);
        if (value.File is { } file)
            return $"{value.Function} ({Place(file, value.Line)})";
        return ModuleOf(value) is { } module ? $"{value.Function} ({FileName(module.Path)})" : value.Function;
    }

    /// <summary>"parse (json.c)" of "parse (json.c:210)", a name that <see cref="Long"/> made; null: it has no line.</summary>
    public static string? WithoutLine(string name)
    {
        if (!name.EndsWith(')'))
            return null;
        var start = name.AsSpan()[..^1].TrimEnd("0123456789").Length;
        return start > 0 && start < name.Length - 1 && name[start - 1] == ':' ? name[..(start - 1)] + ")" : null;
    }

    /// <summary>Frames from the innermost to the outermost: "memset (libc.so.6) &lt; fill (alloc.c:12) &lt; main (alloc.c:30)".</summary>
    public string Describe(int stack) => string.Join(" < ", FramesOf(stack).Select(Long));

    /// <summary>The last part of a path, also of one of another operating system.</summary>
    public static string FileName(string path)
    {
        var name = path[(path.TrimEnd('/').LastIndexOf('/') + 1)..];
        return name.Length == 0 ? path : name;
    }

    /// <summary>A file's name before the first '.' or '-': "libc" of libc.so.6 and of libc-2.31.so.</summary>
    public static string Stem(string path)
    {
        var name = FileName(path);
        var end = name.AsSpan().IndexOfAny('.', '-');
        return end < 0 ? name : name[..end];
    }

    private static string Place(string file, int? line)
        => line is { } number ? string.Create(CultureInfo.InvariantCulture, $"{FileName(file)}:{number}") : FileName(file);

    private string Unresolved(StackFrame frame)
        => string.Create(CultureInfo.InvariantCulture, $"[{(ModuleOf(frame) is { } module ? FileName(module.Path) + "+" : "")}0x{frame.Address:x}]");

    private sealed class Places
    {
        private readonly Dictionary<CodePlace, int> _ids = [];

        public int IdOf(CodePlace place)
        {
            if (!_ids.TryGetValue(place, out var id))
                _ids.Add(place, id = _ids.Count);
            return id;
        }

        public CodePlace[] ToArray() => [.. _ids.Keys];
    }
}

/// <summary>Values of <see cref="StackFrame.Kind"/>.</summary>
internal static class FrameKinds
{
    public const string Kernel = "kernel";
    public const string Jit = "jit";
    public const string Python = "python";
}
