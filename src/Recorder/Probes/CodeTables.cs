using System.Globalization;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Symbols;
using Faultrec.Traces.Ledger;

namespace Faultrec.Recorder.Probes;

/// <summary>The tables with which the probes unwind, filled by user space (bpf/unwind.bpf.h). Used by one thread.</summary>
// SAFETY: both arrays are mapped until Dispose, with MaxRows and maxAddressSpaces elements. Rows are counted before they are written;
// elements are 0 or come from the queue that the constructor filled.
internal sealed unsafe class CodeTables : IDisposable
{
    private readonly AttachedProbes _probes;
    private readonly MappedFiles _mapped;
    private readonly MappedMemory _rows;
    private readonly MappedMemory _maps;

    // By device and inode; null: no rows can be made from the file.
    private readonly Dictionary<CodeFileKey, CodeFile?> _files = [];

    // Files that could not be opened when they were mapped; another process may still map them.
    private readonly Dictionary<CodeFileKey, string> _missing = [];
    private readonly Dictionary<string, IReadOnlyList<string>> _needed = [];
    private readonly List<string> _warnings = [];
    private readonly List<PythonLayout> _pythonLayouts = [];
    private readonly ElfReader _reader;
    private uint _rowCount;
    private uint _leftOut;

    public CodeTables(AttachedProbes probes, uint maxAddressSpaces, MappedFiles mapped)
    {
        _probes = probes;
        _mapped = mapped;
        _reader = new ElfReader(mapped.Cache, debugFiles: null);
        _rows = probes.MapArray("unwind_rows", StackProbes.MaxRows, sizeof(UnwindRow), "the unwind tables");
        _maps = probes.MapArray("code_maps", maxAddressSpaces, sizeof(CodeMaps), "the mappings of code");
        for (uint element = 1; element < maxAddressSpaces; element++)
            probes.Push("free_maps", element);
    }

    public IReadOnlyList<string> Warnings =>
    [
        .. _warnings,
        .. _missing.Values.Select(path => $"{path}: no longer exists: stacks through it follow frame pointers"),
        // The probe and user space see the same mappings, except of files that only one of them knows.
        .. LeftOut(Math.Max(Element(0).Count, _leftOut), $"mappings of code beyond the first {CodeMaps.MaxCodeMappings} of their process"),
        .. LeftOut(Element(0).Processes, "programs, because too many ran at once"),
    ];

    /// <summary>Adds a process that already runs.</summary>
    public void Found(int pid)
    {
        if (_probes.TryGet("process_maps", (uint)pid, out uint _))
            return;
        if (!_probes.TryPop("free_maps", out uint element))
        {
            Interlocked.Increment(ref Element(0).Processes);
            return;
        }

        ref var maps = ref Element(element);
        (maps.Count, maps.Python, maps.Processes) = (0, 0, 1);
        maps.Uses++;
        _probes.TrySet("process_maps", (uint)pid, element);
    }

    /// <summary>The libraries needed by a file whose rows were made.</summary>
    public IReadOnlyList<string> NeededBy(string path) => _needed.GetValueOrDefault(path, []);

    /// <summary>Makes rows from a file that will most likely be mapped; if it has none, that does not matter until it is mapped.</summary>
    public void Prepare(string path)
    {
        if (KeyOf(path) is not { } key || _files.ContainsKey(key))
            return;
        Find(key, path, path, "");
        if (_files[key] is not null)
            return;
        _files.Remove(key);
        _warnings.RemoveAt(_warnings.Count - 1);
    }

    public void PrepareVdso() => Find(new CodeFileKey { Device = CodeFileKey.VdsoDevice }, ElfWorker.Vdso, ElfWorker.Vdso, "");

    /// <summary>The size of the file whose rows have to be made before its mapping can be added; 0: they are made.</summary>
    public long BytesToRead(int pid, ulong start, ulong end, MappingIdentity identity)
    {
        if (identity.Path is null || KeyOf(identity) is not { } key || _files.ContainsKey(key) || _mapped.Hold(pid, start, end, identity) is not { } name)
            return 0;
        try
        {
            return new FileInfo(name).Length;
        }
        catch (IOException)
        {
            return 0;
        }
    }

    /// <summary>A process has mapped code. If the probe has not seen the mapping, or did not know the file, it is added.</summary>
    public void Mapped(int pid, ulong start, ulong end, ulong fileOffset, MappingIdentity identity)
    {
        // A 32-bit program has another vDSO.
        if (identity.Path is null && start <= uint.MaxValue
            || KeyOf(identity) is not { } key
            || Find(key, identity.Name, OpenNameOf(pid, start, end, identity), RootFolder.PathOf(pid)) is not { RowCount: > 0 } file
            || !_probes.TryGet("process_maps", (uint)pid, out uint element))
        {
            return;
        }

        var bias = start - fileOffset + file.CodeOffset - file.CodeAddress;
        if (file.Python != 0)
        {
            Element(element).PythonRuntime = bias + file.PythonRuntime;
            Volatile.Write(ref Element(element).Python, file.Python);
        }

        Add(element, new CodeMapping
        {
            Start = start,
            End = end,
            Bias = bias,
            FirstRow = file.FirstRow,
            RowCount = file.RowCount,
        });
    }

    /// <summary>Makes rows from a file, if there are none yet, and passes them to the probes.</summary>
    /// <param name="path">The path as the program sees it.</param>
    /// <param name="name">A name under which the file can be opened; null: none.</param>
    /// <param name="root">Prefix for absolute paths that the file itself names.</param>
    public CodeFile? Find(CodeFileKey key, string path, string? name, string root)
    {
        if (_files.TryGetValue(key, out var known))
            return known;
        if (name is null)
        {
            _missing[key] = path;
            return null;
        }

        _missing.Remove(key);
        CodeFile? made = null;
        try
        {
            made = Make(path, name, root);
            if (!_probes.TrySet("code_files", key, made.Value))
                throw new BadElfException($"does not fit into the probes' tables, which hold {StackProbes.MaxFiles} files");
        }
        catch (BadElfException e)
        {
            _warnings.Add($"{path}: {e.Message}: stacks through it follow frame pointers");
        }

        _files[key] = made;
        return made;
    }

    /// <summary>Device and inode as in the kernel's struct inode and super_block; null: there is no such file.</summary>
    public static CodeFileKey? KeyOf(string path) => Libc.TryGetDeviceAndInode(path) is var (device, inode)
        ? new CodeFileKey { Device = device, Inode = inode }
        : null;

    public void Dispose()
    {
        _reader.Dispose();
        _rows.Dispose();
        _maps.Dispose();
    }

    private string? OpenNameOf(int pid, ulong start, ulong end, MappingIdentity identity)
        => identity.Path is null ? ElfWorker.Vdso : _mapped.Hold(pid, start, end, identity);

    // "fe:01" of /proc/PID/maps: major and minor, hex.
    private static CodeFileKey? KeyOf(MappingIdentity identity)
    {
        if (identity.Path is null)
            return new CodeFileKey { Device = CodeFileKey.VdsoDevice };
        var parts = identity.Device?.Split(':') ?? [];
        return parts.Length == 2
            && uint.TryParse(parts[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var major)
            && uint.TryParse(parts[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var minor)
            ? new CodeFileKey { Device = Libc.KernelDevice(major, minor), Inode = identity.Inode }
            : null;
    }

    private static IEnumerable<string> LeftOut(uint count, string what)
        => count == 0 ? [] : [string.Create(CultureInfo.InvariantCulture, $"{count} {what} have no unwind table: stacks through them follow frame pointers")];

    private CodeFile Make(string path, string openName, string root)
    {
        var made = _reader.MakeUnwindTable(path, openName);
        // Later programs will use the rows, too, so they are made even if the process is gone meanwhile.
        if (made.Interpreter is { } name)
        {
            var opened = KeyOf(root + name) is null ? name : root + name;
            if (KeyOf(opened) is { } key)
                Find(key, name, opened, root);
        }

        _needed[path] = made.Needed;
        var rows = made.Rows;
        if (rows.Length > StackProbes.MaxRows - _rowCount)
            throw new BadElfException($"needs {rows.Length} unwind rows, and {StackProbes.MaxRows - _rowCount} are free");
        // SAFETY: the array is mapped for as long as this object lives, and the room was looked at.
        rows.CopyTo(new Span<UnwindRow>((UnwindRow*)_rows.Pointer + _rowCount, rows.Length));
        var file = new CodeFile
        {
            CodeAddress = made.CodeAddress,
            CodeOffset = made.CodeOffset,
            CodeBytes = made.CodeBytes,
            FirstRow = _rowCount,
            RowCount = (uint)rows.Length,
        };
        _rowCount += (uint)rows.Length;
        if (made.Python is { } python)
            (file.PythonRuntime, file.Python) = (python.Address, ElementOf(python.Layout));
        return file;
    }

    // SAFETY: the array is mapped for as long as this object lives; elements are below its length.
    private ref CodeMaps Element(uint element) => ref ((CodeMaps*)_maps.Pointer)[element];

    // Element of python_layouts, from 1; 0: it is full, which takes more versions than are known.
    private uint ElementOf(PythonLayout layout)
    {
        var known = _pythonLayouts.IndexOf(layout);
        if (known >= 0)
            return (uint)known + 1;
        var element = (uint)_pythonLayouts.Count + 1;
        if (!_probes.TrySet("python_layouts", element, layout))
            return 0;
        _pythonLayouts.Add(layout);
        return element;
    }

    private void Add(uint element, CodeMapping mapping)
    {
        ref var maps = ref Element(element);
        var count = Math.Min(Volatile.Read(ref maps.Count), CodeMaps.MaxCodeMappings);
        for (var i = 0; i < count; i++)
        {
            ref readonly var known = ref maps.Mappings[i];
            if (known.Bias == mapping.Bias && known.FirstRow == mapping.FirstRow && known.Start < mapping.End && known.End > mapping.Start)
                return;
        }

        var index = Interlocked.Increment(ref maps.Count) - 1;
        if (index >= CodeMaps.MaxCodeMappings)
        {
            _leftOut++;
            return;
        }

        maps.Mappings[(int)index] = mapping;
        Interlocked.Increment(ref maps.Changes);
    }
}
