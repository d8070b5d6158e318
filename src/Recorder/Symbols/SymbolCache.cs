using System.Globalization;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Symbols;

/// <summary>The files of frames, and the names of their addresses. Grows only with distinct files and frames.</summary>
internal sealed class SymbolCache : IDisposable
{
    /// <summary>Most warnings kept; more are only counted, because a program may map any number of files that are not ELF files.</summary>
    private const int MaxWarnings = 64;

    private readonly MappedFiles _files;
    private readonly Dictionary<(string Path, ulong Inode), int> _indices = [];
    private readonly List<StackModule> _modules = [];
    private readonly List<ElfModule?> _open = [];
    private readonly List<string> _warnings = [];
    private int _unsaid;
    private readonly DebugFiles _debugFiles;
    private readonly ElfReader _reader;
    private readonly HashSet<ElfModule> _bad = [];

    public SymbolCache(MappedFiles files)
    {
        _files = files;
        _debugFiles = new DebugFiles(files.AsksDebuginfod);
        // What a server sends is nobody's but its own to vouch for.
        _reader = new ElfReader(files.AsksDebuginfod ? null : files.Cache, _debugFiles);
    }

    public IReadOnlyList<StackModule> Modules => _modules;

    /// <summary>Files that could not be read, and why; their frames have module and offset only.</summary>
    public IReadOnlyList<string> Warnings => [
        .. _warnings,
        .. _unsaid == 0 ? (string[])[] : [string.Create(CultureInfo.InvariantCulture, $"and {_unsaid} more files like these")],
        .. _debugFiles.Warnings,
    ];

    public int ModuleOf(string path, ulong inode)
    {
        if (_indices.TryGetValue((path, inode), out var known))
            return known;
        ElfModule? open = null;
        try
        {
            open = _reader.Open(path, _files.Find(path, inode), inode);
        }
        catch (BadElfException e)
        {
            Warn($"{path}: {e.Message}: its frames have no names, only offsets in the file");
        }

        _modules.Add(new StackModule(path, open?.BuildId));
        _open.Add(open);
        return _indices[(path, inode)] = _modules.Count - 1;
    }

    /// <summary>A mapping without a file, such as "[vdso]", whose names come from this process's own copy.</summary>
    public int ModuleWithoutFile(string name)
    {
        if (name == ElfWorker.Vdso)
            return ModuleOf(name, 0);
        if (_indices.TryGetValue((name, 0), out var known))
            return known;
        _modules.Add(new StackModule(name, null));
        _open.Add(null);
        return _indices[(name, 0)] = _modules.Count - 1;
    }

    /// <returns>Outermost first: inlined functions come after their callers. Never empty.</returns>
    public IReadOnlyList<StackFrame> FramesAt(int module, ulong fileOffset)
    {
        if (_open[module] is not { } open || ElfFile.AddressOf(open.Segments, fileOffset) is not { } address)
            return [new StackFrame { Kind = "user", Module = module, Address = fileOffset }];
        var names = Names(open, address);
        var frames = new StackFrame[names.Count];
        for (var i = 0; i < frames.Length; i++)
        {
            var name = names[^(i + 1)];
            frames[i] = new StackFrame
            {
                Kind = "user",
                Module = module,
                Address = address,
                Function = name.Function,
                File = name.File,
                Line = name.Line,
                Inlined = i > 0,
            };
        }

        return frames;
    }

    public void Dispose()
    {
        _reader.Dispose();
        _debugFiles.Dispose();
    }

    private void Warn(string warning)
    {
        if (_warnings.Count < MaxWarnings)
            _warnings.Add(warning);
        else
            _unsaid++;
    }

    private IReadOnlyList<CodeName> Names(ElfModule module, ulong address)
    {
        if (_bad.Contains(module))
            return [default];
        try
        {
            return _reader.Find(module, _files.Find(module.Path, module.Inode), address);
        }
        catch (BadElfException e)
        {
            _bad.Add(module); // not asked again
            Warn($"{module.Path}: {e.Message}: from there on its frames have no names");
            return [default];
        }
    }
}
