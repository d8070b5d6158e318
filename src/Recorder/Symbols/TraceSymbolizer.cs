using Faultrec.Recorder.Native;
using Faultrec.Traces;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Symbols;

/// <param name="Missing">Frames in files that had no name before.</param>
/// <param name="Named">How many of these frames have a name now.</param>
/// <param name="Notes">Modules for which nothing was found, and why.</param>
public sealed record SymbolizeResult(int Missing, int Named, IReadOnlyList<string> Notes);

/// <summary>
/// Adds names that a trace lacks, from files found later: by build id, so that names of another version are never used. Needs no root and
/// nothing from the machine that made the trace.
/// </summary>
public sealed class TraceSymbolizer : IDisposable
{
    private readonly string? _debugFolder;
    private readonly DebugFiles _debugFiles;
    private readonly ElfWorker _worker;
    private readonly List<string> _notes = [];
    private readonly Dictionary<int, (int Module, int Generation)?> _open = [];

    /// <param name="debugFolder">Has .build-id/xx/yyyy.debug; null: none.</param>
    /// <param name="asksDebuginfod">Also the servers of DEBUGINFOD_URLS.</param>
    /// <exception cref="FaultrecException">Not possible here.</exception>
    public TraceSymbolizer(string? debugFolder, bool asksDebuginfod)
    {
        if (!OperatingSystem.IsLinux())
            throw new FaultrecException(ExitCode.NotPermitted, "symbolize reads ELF files with libdw, which exists on Linux only; symbolize the trace there");
        if (Libdw.Reason is { } reason)
            throw new FaultrecException(ExitCode.NotPermitted, $"symbolize reads ELF files with libdw: {reason}; install it");
        if (debugFolder is not null && !Directory.Exists(debugFolder))
            throw new FaultrecException(ExitCode.Usage, $"--debug-dir {debugFolder}: no such directory; expected one with .build-id/xx/yyyy.debug");
        _debugFolder = debugFolder;
        _debugFiles = new DebugFiles(asksDebuginfod);
        _worker = new ElfWorker(_debugFiles);
    }

    /// <summary>Writes the trace again with the names that were found.</summary>
    /// <exception cref="FaultrecException">The trace is damaged, has no stacks, or the output cannot be written.</exception>
    public SymbolizeResult Run(TraceReader trace, Stream output)
    {
        var table = trace.Metadata.Stacks
            ?? throw new FaultrecException(ExitCode.BadInput, $"{trace.Path}: has no stacks; expected a trace of `faultrec record --stacks`");
        var frames = table.Frames.ToList();
        var missing = 0;
        var found = new Dictionary<int, int[]>();
        for (var i = 0; i < table.Frames.Count; i++)
        {
            if (frames[i] is not { Kind: "user", Function: null, Module: { } module })
                continue;
            missing++;
            if (NamesOf(module, table.Modules[module], frames[i].Address) is [.., { Function: not null }] names)
                found[i] = AddFrames(frames, i, names);
        }

        var tree = new StackTree(table.Modules, frames);
        var nodes = Rebuild(tree, table, found);
        using var writer = new TraceWriter(output, trace.Metadata.KnowsMajor);
        var batch = new FaultBatch(trace.RowGroups.Select(group => group.Rows).DefaultIfEmpty().Max());
        for (var group = 0; group < trace.RowGroups.Count; group++)
        {
            trace.ReadRowGroup(group, FaultColumns.All, batch);
            for (var i = 0; i < batch.Count; i++)
            {
                if ((uint)batch.MapperStackId[i] < (uint)nodes.Length)
                    batch.MapperStackId[i] = nodes[batch.MapperStackId[i]];
                if ((uint)batch.StackId[i] >= (uint)nodes.Length)
                    continue;
                batch.StackId[i] = nodes[batch.StackId[i]];
                batch.Stack[i] = tree.Fold(batch.StackId[i]);
            }

            writer.WriteRowGroup(batch);
        }

        writer.Complete(trace.Metadata with
        {
            Stacks = tree.BuildTable(),
            Regions = [.. trace.Metadata.Regions.Select(region => region with { MapperStack = Renumbered(region.MapperStack) })],
            CallFaults = [.. trace.Metadata.CallFaults.Select(call => call with { Stack = Renumbered(call.Stack) })],
        });
        return new SymbolizeResult(missing, found.Count, [.. _notes, .. _debugFiles.Warnings]);

        int? Renumbered(int? stack) => stack is { } node && (uint)node < (uint)nodes.Length ? nodes[node] : stack;
    }

    public void Dispose()
    {
        _worker.Dispose();
        _debugFiles.Dispose();
    }

    // Inlined functions become frames of their own after it.
    private static int[] AddFrames(List<StackFrame> frames, int index, IReadOnlyList<CodeName> names)
    {
        var bare = frames[index];
        var indices = new int[names.Count];
        for (var i = 0; i < names.Count; i++)
        {
            var name = names[^(i + 1)];
            var frame = bare with { Function = name.Function, File = name.File, Line = name.Line, Inlined = i > 0 };
            indices[i] = i == 0 ? index : frames.Count;
            if (i == 0)
                frames[index] = frame;
            else
                frames.Add(frame);
        }

        return indices;
    }

    /// <returns>For each node of the table its node in the tree.</returns>
    private static int[] Rebuild(StackTree tree, StackTable table, Dictionary<int, int[]> found)
    {
        var nodes = new int[table.Parents.Count];
        for (var i = 0; i < nodes.Length; i++)
        {
            var frame = table.NodeFrames[i];
            var node = table.Parents[i] < 0 ? StackTree.Root : nodes[table.Parents[i]];
            foreach (var part in found.GetValueOrDefault(frame, [frame]))
                node = tree.Child(node, part);
            nodes[i] = node;
        }

        return nodes;
    }

    private IReadOnlyList<CodeName> NamesOf(int index, StackModule module, ulong address)
    {
        try
        {
            if (!_open.TryGetValue(index, out var open) || open is { } old && old.Generation != _worker.Generation)
                _open[index] = open = Open(module);
            return open is { } found ? _worker.Find(found.Module, address).Names : [];
        }
        catch (LostElfWorkerException e) when (e.HadOthers)
        {
            return NamesOf(index, module, address);
        }
        catch (BadElfException e)
        {
            _open[index] = null;
            _notes.Add($"{module.Path}: {e.Message}");
            return [];
        }
    }

    private (int Module, int Generation)? Open(StackModule module)
    {
        if (module.BuildId is not { } buildId || !DebugFiles.IsBuildId(buildId))
        {
            _notes.Add($"{module.Path}: the trace has no build id for it");
            return null;
        }

        foreach (var path in Candidates(module.Path, buildId).Where(File.Exists))
        {
            var (number, found, _) = _worker.Open(path, path, 0);
            if (found == buildId)
                return (number, _worker.Generation);
            _notes.Add($"{path}: has build id {found ?? "none"}, but the trace's file had {buildId}");
        }

        using var downloaded = _debugFiles.FromServer(buildId);
        if (downloaded is not null && _worker.Open(module.Path, downloaded) is var opened && opened.BuildId == buildId)
            return (opened.Module, _worker.Generation);
        _notes.Add($"{module.Path}: no file with build id {buildId} was found");
        return null;
    }

    private IEnumerable<string> Candidates(string modulePath, string buildId)
    {
        if (_debugFolder is not null)
            yield return DebugFiles.PathOf(_debugFolder, buildId);
        if (modulePath.StartsWith('/'))
            yield return modulePath;
    }
}
