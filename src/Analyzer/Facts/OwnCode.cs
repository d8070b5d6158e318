using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Facts;

/// <summary>
/// Which frame of a stack is the program's own? memset touches the page, but the line that called it is the one to change. So:
/// the innermost frame of a script or of compiled-at-run-time code, where there is one (what lies below is its interpreter);
/// else the innermost outside the C and C++ runtime, the allocators, the vdso and the kernel; else the innermost of all. Of either
/// kind the languages' own libraries come last (<see cref="LibraryCode"/>).
/// </summary>
internal sealed class OwnCode(StackTable table, FrameNames names)
{
    // File names before the first '.' or '-': libc.so.6, libc-2.31.so, ld-linux-x86-64.so.2, ld-musl-x86_64.so.1.
    private static readonly HashSet<string> RuntimeFiles =
    [
        "libc", "ld", "libpthread", "libm", "libdl", "librt", "libgcc_s", "libstdc++", "libc++", "libc++abi",
        "libjemalloc", "libtcmalloc", "libtcmalloc_minimal", "libmimalloc", "[vdso]", "[vsyscall]", "[kernel]",
    ];

    // Interpreters and virtual machines, whose code is not the program's own: python3.11, libpython3.11.so.1.0, node, libjvm.so.
    private static readonly HashSet<string> InterpreterFiles =
    [
        "python", "python2", "python3", "libpython2", "libpython3", "node", "libnode", "java", "libjvm", "libjava", "dotnet", "libcoreclr", "libclrjit",
        "libclrgc", "ruby", "libruby", "perl", "libperl", "php", "lua", "luajit", "bash", "dash", "sh",
    ];

    private readonly bool[] _isInterpreter = [.. table.Modules.Select(module => InterpreterFiles.Contains(FrameNames.Stem(module.Path)))];
    private readonly bool[] _isRuntime = [.. table.Modules.Select(module => RuntimeFiles.Contains(FrameNames.Stem(module.Path)))];
    private readonly bool[] _isLibrary = LibraryCode.Find(table);
    private readonly Dictionary<int, int> _known = [];

    /// <returns>Index of a frame.</returns>
    public int FrameOf(int stack)
    {
        if (!_known.TryGetValue(stack, out var frame))
            _known.Add(stack, frame = Find(stack));
        return frame >= 0 ? frame : table.NodeFrames[stack];
    }

    /// <returns>Index of a frame; null if the stack has only frames of runtimes and interpreters.</returns>
    public int? UserFrameOf(int stack)
    {
        var index = FrameOf(stack);
        var frame = table.Frames[index];
        var isOwn = _known[stack] >= 0 && !_isLibrary[index]
            && (frame.Kind is FrameKinds.Python or FrameKinds.Jit || frame.Module is not { } module || !_isInterpreter[module]);
        return isOwn ? index : null;
    }

    /// <summary>The program's own frames that called <see cref="FrameOf"/>, the nearest first: as that, without interpreters, runtimes and libraries.</summary>
    /// <returns>Indices of frames.</returns>
    public IEnumerable<int> CallersOf(int stack)
    {
        var (called, isInside) = (FrameOf(stack), true);
        var isScript = IsScript(table.Frames[called]);
        foreach (var index in names.FramesOf(stack))
        {
            var frame = table.Frames[index];
            if (isInside)
                isInside = index != called;
            else if (frame.Function is not (null or "_start") && !_isLibrary[index] && (IsScript(frame) || (!isScript && !IsRuntime(frame))))
                yield return index;
        }
    }

    /// <summary>All of the program's frames are of the dynamic linker.</summary>
    public bool IsOfDynamicLinker(int stack)
    {
        var isAny = false;
        foreach (var index in names.FramesOf(stack))
        {
            if (table.Frames[index] is { Kind: not FrameKinds.Kernel } frame)
            {
                if (frame.Module is not { } module || FrameNames.Stem(table.Modules[module].Path) != "ld")
                    return false;
                isAny = true;
            }
        }

        return isAny;
    }

    /// <returns>-1: there is none.</returns>
    private int Find(int stack)
    {
        var (own, ofLibrary, script) = (-1, -1, -1);
        foreach (var index in names.FramesOf(stack))
        {
            var frame = table.Frames[index];
            var isLibrary = _isLibrary[index];
            if (IsScript(frame))
            {
                if (!isLibrary && frame.Function is not null)
                    return index;
                script = script < 0 ? index : script;
            }
            else if (isLibrary)
            {
                ofLibrary = ofLibrary < 0 ? index : ofLibrary;
            }
            else if (own < 0 && !IsRuntime(frame))
            {
                own = index;
            }
        }

        return script >= 0 ? script : own >= 0 ? own : ofLibrary;
    }

    private static bool IsScript(StackFrame frame) => frame.Kind is FrameKinds.Python or FrameKinds.Jit;

    private bool IsRuntime(StackFrame frame) => frame.Kind == FrameKinds.Kernel || (frame.Module is { } module && _isRuntime[module]);
}
