using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Native;
using Faultrec.Traces.Ledger;

namespace Faultrec.Recorder.Symbols;

/// <summary>
/// Files whose code the target has mapped, kept open until the trace is made: by then they may be deleted or replaced, and those of a
/// process with another root never existed here under their name. Used by two threads, never at the same time.
/// </summary>
internal sealed class MappedFiles : IDisposable
{
    private readonly Dictionary<(string Path, ulong Inode), FdHandle> _held = [];

    /// <summary>Files that are kept open.</summary>
    public int Count => _held.Count;

    public PerfMapWatch PerfMaps { get; } = new();

    /// <summary>Missing debug files may be fetched from servers.</summary>
    public bool AsksDebuginfod { get; set; }

    /// <summary>Null: no answers of libdw are kept.</summary>
    public CodeCache? Cache { get; set; }

    /// <summary>The kernel's functions, which take as long to read as all names of a small program; null: they are read when they are needed.</summary>
    public Task<KernelFunctions>? Kernel { get; private set; }

    /// <summary>Begins to read the kernel's functions, beside the verifier's work, which takes one CPU.</summary>
    public void ReadAhead()
    {
        if (!MemoryBudget.IsShort)
            Kernel = Task.Run(KernelFunctions.Read);
    }

    /// <summary>Keeps open a file that a process has just mapped.</summary>
    /// <returns>A name under which it can be opened, also by other processes; null: it cannot be opened.</returns>
    public string? Hold(int pid, ulong start, ulong end, MappingIdentity identity)
    {
        PerfMaps.Start();
        var path = identity.Path!;
        if (_held.TryGetValue((path, identity.Inode), out var known))
            return NameOf(known);
        // The last is proc_pid_map_files(5): the mapping itself, whatever became of its name.
        string[] names = [path, RootFolder.PathOf(pid) + path, $"/proc/{pid}/map_files/{start:x}-{end:x}"];
        foreach (var name in names)
        {
            // O_PATH: opening has no effect on a device or a pipe.
            var file = new FdHandle(Libc.Open(name, Libc.OPath | Libc.OCloexec, 0));
            if (!file.IsInvalid && Libc.TryGetDeviceAndInode(NameOf(file))?.Inode == identity.Inode)
            {
                _held[(path, identity.Inode)] = file;
                return NameOf(file);
            }

            file.Dispose();
        }

        return null;
    }

    /// <summary>Where a file that was mapped under this path can be opened now: under the path, if it is still the same file.</summary>
    public string Find(string path, ulong inode)
        => _held.TryGetValue((path, inode), out var held) && Libc.TryGetDeviceAndInode(path)?.Inode != inode ? NameOf(held) : path;

    public void Dispose()
    {
        PerfMaps.Dispose();
        Cache?.Dispose();
        foreach (var file in _held.Values)
            file.Dispose();
    }

    private static string NameOf(FdHandle file) => $"/proc/{Environment.ProcessId}/fd/{file.Fd}";
}
