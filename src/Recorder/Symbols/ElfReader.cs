using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Symbols;

/// <summary>An ELF file, of which names are asked.</summary>
/// <param name="path">As the program sees it, or <see cref="ElfWorker.Vdso"/>.</param>
/// <param name="inode">0: whatever is there.</param>
internal sealed class ElfModule(string path, ulong inode)
{
    public string Path => path;

    public ulong Inode => inode;

    public string? BuildId { get; set; }

    public IReadOnlyList<Libdw.ProgramHeader> Segments { get; set; } = [];

    /// <summary>What is kept about it; null: answers about it are not kept.</summary>
    public KnownNames? Known { get; set; }

    /// <summary>Its number in a worker, and in which generation of it; null: no worker has it open.</summary>
    public (ElfWorker Worker, int Generation, int Number)? Place { get; set; }
}

/// <summary>
/// Asks libdw about ELF files, or the cache. System files go to one worker, all others to a second: a file that takes its worker over must not
/// give answers about another one that are kept. Used by one thread.
/// </summary>
/// <param name="cache">Null: none, and one worker reads all files.</param>
/// <param name="debugFiles">Null: no separate debug files are searched.</param>
internal sealed class ElfReader(CodeCache? cache, DebugFiles? debugFiles) : IDisposable
{
    private readonly ElfWorker _system = new(debugFiles, forSystemFiles: true);
    private readonly ElfWorker _others = new(debugFiles);
    private readonly List<KnownNames> _known = [];

    /// <summary>How many processes were started.</summary>
    public int Processes => _system.Generation + _others.Generation;

    /// <param name="path">As the program sees it, or <see cref="ElfWorker.Vdso"/>.</param>
    /// <param name="name">Under which it can be opened.</param>
    /// <exception cref="BadElfException">It has no code or no table, or they cannot be read.</exception>
    public UnwindFile MakeUnwindTable(string path, string name)
    {
        using var file = ElfInput.OpenMapped(path, name, inode: 0);
        var key = cache?.KeyOf(file, path, CachedKind.Unwind);
        if (key is not null && cache!.Read(key) is { } known && TryRead(known, path) is { } table)
            return table;
        var answer = (key is null ? _others : _system).MakeUnwindTable(path, file);
        if (key is not null)
            cache!.Write(key, answer);
        return ElfWorker.ReadUnwindFile(answer, path);
    }

    /// <param name="name">Under which it can be opened now.</param>
    /// <exception cref="BadElfException">It is not there, not the one that was mapped, or cannot be read.</exception>
    public ElfModule Open(string path, string name, ulong inode)
    {
        var module = new ElfModule(path, inode);
        using var file = ElfInput.OpenMapped(path, name, inode);
        if (cache?.KeyOf(file, path, CachedKind.Names) is { } key)
        {
            module.Known = cache.Read(key) is { } bytes && KnownNames.Read(key, bytes) is { } known && HasSameDebugFiles(known, path, file)
                ? known : new KnownNames(key);
            _known.Add(module.Known);
            (module.BuildId, module.Segments) = (module.Known.BuildId, module.Known.Segments);
        }

        if (module.Segments.Count == 0)
            OpenIn(module, file);
        return module;
    }

    /// <returns>The innermost first; never empty.</returns>
    /// <param name="name">See <see cref="Open"/>.</param>
    /// <exception cref="BadElfException">It cannot be read.</exception>
    public IReadOnlyList<CodeName> Find(ElfModule module, string name, ulong address)
    {
        if (module.Known?.Find(address) is { } known)
            return known;
        try
        {
            if (module.Place is not { } place || place.Generation != place.Worker.Generation)
                place = OpenAgain(module, name);
            var code = place.Worker.Find(place.Number, address);
            if (module.Known is { } kept && place.Worker == _system && _system.HasOnlySystemFiles)
            {
                kept.DebugFiles = _system.DebugFilesOf(place.Number);
                kept.Add(code);
            }

            return code.Names;
        }
        catch (LostElfWorkerException e) when (e.HadOthers)
        {
            return Find(module, name, address);
        }
    }

    /// <summary>Keeps what was learned.</summary>
    public void Dispose()
    {
        foreach (var known in _known.Where(known => known.HasNews))
            cache?.Write(known.Key, known.ToBytes());
        _system.Dispose();
        _others.Dispose();
    }

    private static UnwindFile? TryRead(byte[] known, string path)
    {
        try
        {
            return ElfWorker.ReadUnwindFile(known, path);
        }
        catch (Exception e) when (e is EndOfStreamException or FormatException or ArgumentException)
        {
            return null;
        }
    }

    private (ElfWorker Worker, int Generation, int Number) OpenAgain(ElfModule module, string name)
    {
        using var file = ElfInput.OpenMapped(module.Path, name, module.Inode);
        // It may have changed since.
        if (module.Known is { } known && cache?.KeyOf(file, module.Path, CachedKind.Names)?.Bytes.AsSpan().SequenceEqual(known.Key.Bytes) != true)
            module.Known = null;
        return OpenIn(module, file);
    }

    private (ElfWorker Worker, int Generation, int Number) OpenIn(ElfModule module, RegularFile file)
    {
        var worker = module.Known is null ? _others : _system;
        (var number, module.BuildId, module.Segments) = worker.Open(module.Path, file);
        if (module.Known is { } known)
            (known.BuildId, known.Segments) = (module.BuildId, [.. module.Segments]);
        var place = (worker, worker.Generation, number);
        module.Place = place;
        return place;
    }

    private bool HasSameDebugFiles(KnownNames known, string path, RegularFile file)
    {
        var module = new OpenedModule(path, file);
        foreach (var (name, found) in known.DebugFiles)
        {
            using var now = debugFiles?.Find(name, module);
            if (now?.Version != found)
                return false;
        }

        return true;
    }
}
