using Faultrec.Traces;

namespace Faultrec.Recorder.Symbols;

/// <summary>The files that frames lie in and what their addresses are called. Grows with distinct files and frames only.</summary>
internal sealed class SymbolCache : IDisposable
{
    private readonly Dictionary<(string Path, ulong Inode), int> _indices = [];
    private readonly List<StackModule> _modules = [];
    private readonly List<ModuleSymbols?> _symbols = [];
    private readonly List<string> _warnings = [];

    public IReadOnlyList<StackModule> Modules => _modules;

    /// <summary>Files that could not be read, and why; their frames have module and offset only.</summary>
    public IReadOnlyList<string> Warnings => _warnings;

    public int ModuleOf(string path, ulong inode)
    {
        if (_indices.TryGetValue((path, inode), out var known))
            return known;
        ModuleSymbols? symbols = null;
        try
        {
            symbols = new ModuleSymbols(path, inode);
        }
        catch (BadElfException e)
        {
            _warnings.Add($"{path}: {e.Message}: its frames have no names, and are offsets in the file");
        }
        _modules.Add(new StackModule(path, symbols?.BuildId));
        _symbols.Add(symbols);
        return _indices[(path, inode)] = _modules.Count - 1;
    }

    /// <summary>Something without a file, as "[vdso]".</summary>
    public int ModuleWithoutFile(string name)
    {
        if (_indices.TryGetValue((name, 0), out var known))
            return known;
        _modules.Add(new StackModule(name, null));
        _symbols.Add(null);
        return _indices[(name, 0)] = _modules.Count - 1;
    }

    public StackFrame FrameAt(int module, ulong fileOffset)
    {
        if (_symbols[module] is not { } symbols || symbols.AddressOf(fileOffset) is not { } address)
            return new StackFrame { Kind = "user", Module = module, Address = fileOffset };
        var name = symbols.Find(address);
        return new StackFrame { Kind = "user", Module = module, Address = address, Function = name.Function, File = name.File, Line = name.Line };
    }

    public void Dispose() => _symbols.ForEach(symbols => symbols?.Dispose());
}
