using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Options;
using Faultrec.Recorder.Spool;
using Faultrec.Recorder.Symbols;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Ledger;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Finalize;

/// <summary>
/// Makes the tree of stacks. The probes sent addresses that are valid for one process at one moment, so each fault's stack is looked up
/// in the mappings of that moment, and only once while they do not change.
/// </summary>
internal sealed class StackResolver : IDisposable
{
    /// <summary>Limit for programs that map code all the time, which makes every stack a new one.</summary>
    private const int MaxResolved = 1 << 18;

    private readonly Dictionary<ulong, (StackEnding Ending, ulong[] Ips, ulong[] Python)> _sent = [];
    private readonly Dictionary<(AddressSpace, int CodeVersion, (int Dump, int Map) JitVersion, ulong Id), Resolved> _resolved = [];
    private readonly Dictionary<(int Module, ulong Place), int[]> _frameIndices = [];
    private readonly Dictionary<(ulong Address, CodeName Name), int[]> _jitFrames = [];
    private readonly List<StackFrame> _frames = [];
    private readonly SymbolCache _symbols;
    private readonly MappedFiles _files;
    private readonly Action<FinalizeProgress> _onProgress;
    private readonly StackTree _tree;
    private readonly StackRecording _recording;
    private readonly JitFrames _jit;
    private readonly KernelFrames _kernel;
    private readonly PythonFrames _python = new();
    private readonly Dictionary<(ulong Code, ulong Offset), int> _pythonFrames = [];
    private readonly Dictionary<StackFrame, int> _pythonLines = [];
    private ((AddressSpace Space, int CodeVersion, (int Dump, int Map) JitVersion, ulong Id) Place, Resolved Stack, string Text) _last;
    private long _complete;
    private long _truncated;
    private long _lost;

    public StackResolver(StackRecording recording, SpoolHeader header, MappedFiles files, Action<FinalizeProgress> onProgress)
    {
        _recording = recording;
        (_files, _onProgress) = (files, onProgress);
        _symbols = new SymbolCache(files);
        _tree = new StackTree(_symbols.Modules, _frames);
        _jit = new JitFrames(header.Metadata, files.PerfMaps);
        _kernel = new KernelFrames(header.BootId == Machine.BootId, files.Kernel);
    }

    public void Add(in StackRecordHead head, ReadOnlySpan<ulong> ips)
        => _sent[head.Id] = (head.Ending, ips[..Math.Min(head.Frames, ips.Length)].ToArray(), ips[Math.Min(head.Frames, ips.Length)..].ToArray());

    public void AddPythonCode(ReadOnlySpan<byte> record) => _python.Add(record);

    /// <summary>Sets `stack_id` and `stack` of a row.</summary>
    public void Set(FaultBatch batch, int i, in SpooledFault fault, AddressSpace space)
    {
        (batch.StackId[i], batch.Stack[i]) = (FaultBatch.Null, null);
        var id = fault.Stack;
        if (id == StackRecordHead.NotTaken)
            return;
        // Most faults have the same stack as the one before.
        var place = (space, space.CodeVersion, _jit.VersionOf(space, fault.Record.StartNs), id);
        if (place != _last.Place)
        {
            if (!_sent.TryGetValue(id, out var stack))
            {
                _lost++;
                return;
            }

            var resolved = Resolve(id, stack, space, fault.Record.StartNs);
            _last = (place, resolved, _tree.Fold(resolved.Node));
        }

        if (_last.Stack.IsComplete)
            _complete++;
        else
            _truncated++;
        batch.StackId[i] = _last.Stack.Node;
        batch.Stack[i] = _last.Text;
    }

    /// <summary>Null: no such stack has come.</summary>
    public int? NodeOf(ulong id, AddressSpace space, long timeNs)
        => _sent.TryGetValue(id, out var stack) ? Resolve(id, stack, space, timeNs).Node : null;

    /// <summary>Null: no fault has a stack.</summary>
    public StackTable? BuildTable() => _tree.BuildTable();

    public StackRecording BuildRecording(IReadOnlyList<string> recordingWarnings)
        => _recording with
        {
            Complete = _complete,
            Truncated = _truncated,
            Lost = _lost,
            Warnings = [.. recordingWarnings, .. _symbols.Warnings, .. _jit.Warnings, .. _python.Warnings],
        };

    public void Dispose() => _symbols.Dispose();

    private Resolved Resolve(ulong id, (StackEnding Ending, ulong[] Ips, ulong[] Python) stack, AddressSpace space, long timeNs)
    {
        var key = (space, space.CodeVersion, _jit.VersionOf(space, timeNs), id);
        if (_resolved.TryGetValue(key, out var known))
            return known;
        var (frames, isWhole) = NativeFrames(stack.Ips, space, timeNs);
        var isComplete = isWhole
            && (stack.Ending == StackEnding.Outermost || frames.Count > 0 && _frames[frames[^1]].Function is { } root && StackRoots.Contains(root));
        if (stack.Python.Length > 0)
            frames = WithPython(frames, stack.Python);
        var node = StackTree.Root;
        for (var i = frames.Count - 1; i >= 0; i--)
            node = _tree.Child(node, frames[i]);
        if (_resolved.Count == MaxResolved)
            _resolved.Clear();
        return _resolved[key] = new Resolved(node, isComplete);
    }

    /// <summary>The frames, innermost first; the stack is whole if no step between them is a guess.</summary>
    private (List<int> Frames, bool IsWhole) NativeFrames(ulong[] ips, AddressSpace space, long timeNs)
    {
        var frames = new List<int>(ips.Length);
        var (isWhole, isInterrupted) = (true, true);
        for (var i = _kernel.FirstOf(ips); i < ips.Length; i++)
        {
            var ip = ips[i] & ~(KernelFrames.IsKernel(ips[i]) ? 0 : StackRecordHead.WithoutTable);
            if (!KernelFrames.IsKernel(ip))
            {
                // A program may jump anywhere, but nothing returns to an address without code.
                if (!isInterrupted && !IsCode(ip, space, timeNs))
                    return (frames, false);
                isInterrupted = false;
                isWhole &= ip == ips[i] || i == ips.Length - 1 || KeepsFramePointers(ip, space);
            }

            frames.AddRange(FramesOf(ip, space, timeNs).Reverse());
        }

        return (frames, isWhole);
    }

    private bool IsCode(ulong ip, AddressSpace space, long timeNs)
    {
        // Nothing is known of a process whose mappings could not be read.
        if (space.Pieces.Count == 0)
            return true;
        return space.Lookup(ip) is { } piece
            && (piece.Region.Identity.Prot[2] == 'x' || JitFrames.CanHold(piece.Region.Identity) && _jit.Find(space, ip, timeNs, isCode: false) is not null);
    }

    // Runtimes that generate code keep frame pointers, .NET also in files; a compiler that omits them makes an unwind table.
    private static bool KeepsFramePointers(ulong ip, AddressSpace space)
        => space.Lookup(ip) is not { } piece || JitFrames.CanHold(piece.Region.Identity)
            || piece.Region.Identity.Path is { } path && path.EndsWith(".dll", StringComparison.Ordinal);

    /// <summary>
    /// Puts the interpreter's frames where its C function is on the stack: at each such frame, the Python frames up to its next entry.
    /// If the native stack is not whole, the callers of the remaining Python frames are not known.
    /// </summary>
    private List<int> WithPython(List<int> native, ulong[] words)
    {
        var frames = new List<int>(native.Count + words.Length / 2);
        var next = 0;
        foreach (var frame in native)
        {
            if (_frames[frame].Function is not { } name || !PythonFrames.IsInterpreter(name) || next + 1 >= words.Length)
            {
                frames.Add(frame);
                continue;
            }

            for (var isEntry = false; !isEntry && next + 1 < words.Length; next += 2)
            {
                frames.Add(PythonFrame(words[next], words[next + 1]));
                isEntry = (words[next + 1] & 1) != 0;
            }
        }

        for (; next + 1 < words.Length; next += 2)
            frames.Add(PythonFrame(words[next], words[next + 1]));
        return frames;
    }

    private int PythonFrame(ulong code, ulong word)
    {
        if (_pythonFrames.TryGetValue((code, word >> 1), out var known))
            return known;
        var made = _python.FrameOf(code, (uint)(word >> 1));
        if (!_pythonLines.TryGetValue(made, out var index))
        {
            _frames.Add(made);
            index = _pythonLines[made] = _frames.Count - 1;
        }

        return _pythonFrames[(code, word >> 1)] = index;
    }

    /// <returns>Indices, outermost first: more than one if functions were inlined.</returns>
    private int[] FramesOf(ulong ip, AddressSpace space, long timeNs)
    {
        const int none = -1;
        if (KernelFrames.IsKernel(ip))
        {
            var kernel = _symbols.ModuleWithoutFile(KernelFrames.Module);
            return Frame(kernel, ip, () => [_kernel.FrameAt(ip, kernel)]);
        }

        if (space.Lookup(ip) is not { } piece)
            return Frame(none, ip, () => [new StackFrame { Kind = "user", Address = ip }]);
        var identity = piece.Region.Identity;
        if (JitFrames.CanHold(identity))
        {
            var isCode = identity.Prot[2] == 'x';
            var name = _jit.Find(space, ip, timeNs, isCode);
            return isCode || name is not null ? JitFrame(ip, name ?? default) : Frame(none, ip, () => [new StackFrame { Kind = "user", Address = ip }]);
        }

        if (identity.Path is { } path)
        {
            var (module, offset) = (_symbols.ModuleOf(path, identity.Inode), ip - piece.Start + piece.FileOffset);
            return Frame(module, offset, () => _symbols.FramesAt(module, offset));
        }

        var named = _symbols.ModuleWithoutFile(identity.Name);
        return Frame(named, ip - piece.Start, () => _symbols.FramesAt(named, ip - piece.Start));
    }

    private int[] JitFrame(ulong ip, CodeName name)
    {
        if (!_jitFrames.TryGetValue((ip, name), out var known))
            _jitFrames[(ip, name)] = known = Add([new StackFrame { Kind = "jit", Address = ip, Function = name.Function, File = name.File, Line = name.Line }]);
        return known;
    }

    private int[] Frame(int module, ulong place, Func<IReadOnlyList<StackFrame>> make)
    {
        if (_frameIndices.TryGetValue((module, place), out var known))
            return known;
        _onProgress(new FinalizeProgress(FinalizeStep.ReadingNames, _symbols.Modules.Count, Math.Max(_files.Count, _symbols.Modules.Count)));
        return _frameIndices[(module, place)] = Add(make());
    }

    private int[] Add(IReadOnlyList<StackFrame> frames)
    {
        var first = _frames.Count;
        _frames.AddRange(frames);
        return [.. Enumerable.Range(first, frames.Count)];
    }

    private readonly record struct Resolved(int Node, bool IsComplete);
}
