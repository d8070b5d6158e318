using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Symbols;

/// <summary>What is known about one address of a file; members that are not known are null.</summary>
internal readonly record struct CodeName(string? Function, string? File, int? Line);

/// <summary>Names of a piece of code.</summary>
/// <param name="Start">Address in the file's space of the first byte that has these names.</param>
/// <param name="End">Behind the last byte of which that is known.</param>
/// <param name="Names">The innermost first: inlined functions come before their callers. Never empty.</param>
internal sealed record NamedCode(ulong Start, ulong End, IReadOnlyList<CodeName> Names);

/// <summary>Functions and lines of one ELF file, by libdwfl: its symbol tables, and its debug information, here or in a file of its own.</summary>
// SAFETY: the callbacks are never freed; texts and DWARF belong to libdwfl, which is ended by Dispose. DIEs are locals.
internal sealed unsafe class ModuleSymbols : IDisposable
{
    private static readonly Libdw.Callbacks* Callbacks = MakeCallbacks();

    private readonly ElfFile _file;
    private readonly nint _dwfl;
    private readonly nint _module;
    private readonly GoFunctions? _go;
    private UnitIndex? _units;
    private SymbolIndex? _symbols;

    /// <param name="file">It belongs to the result.</param>
    /// <param name="path">Only its file name is used.</param>
    /// <exception cref="BadElfException">It cannot be read.</exception>
    public ModuleSymbols(ElfFile file, string path)
    {
        _file = file;
        _dwfl = Libdw.DwflBegin(Callbacks);
        if (_dwfl != 0)
        {
            Libdw.DwflReportBegin(_dwfl);
            // Base 0: all look-ups use addresses in the file's own space. libdwfl closes the descriptor that it is given.
            var fd = Libc.Dup((int)file.File.DangerousGetHandle());
            _module = Libdw.DwflReportElf(_dwfl, path, path, fd, 0, true);
            if (_module == 0)
                _ = Libc.Close(fd);
            _ = Libdw.DwflReportEnd(_dwfl, 0, 0);
        }

        if (_module != 0)
        {
            _go = GoFunctions.Read(file);
            return;
        }

        Dispose();
        throw new BadElfException("is not readable for libdwfl");
    }

    public string? BuildId
    {
        get
        {
            byte* bits;
            ulong address;
            var length = Libdw.ModuleBuildId(_module, &bits, &address);
            return DebugFileSearch.Hex(bits, length) is { Length: > 0 } text ? text : null;
        }
    }

    public IReadOnlyList<Libdw.ProgramHeader> Segments => _file.Segments;

    public NamedCode Find(ulong address)
    {
        _symbols ??= new SymbolIndex(_module);
        var hasSymbol = _symbols.TryFind(address, out var name);
        var function = hasSymbol ? name : Text(Libdw.ModuleAddressName(_module, address));
        var names = new List<CodeName>();
        var piece = hasSymbol && _go is null ? _symbols.PieceAt(address) : (Start: address, End: address + 1);
        var (file, line) = AddInlined(names, address, ref piece);
        DebugFileSearch.ThrowIfFailed();
        names.Add(new CodeName(function is null ? null : Demangler.Demangle(WithoutVersion(function)), file, line));
        if (file is null && _go?.Find(address) is { } go)
            names = [go];
        return new NamedCode(piece.Start, piece.End, names);
    }

    // "memcpy@@GLIBC_2.14" of .dynsym.
    private static string WithoutVersion(string name) => name.IndexOf('@') is > 0 and var at ? name[..at] : name;

    /// <param name="piece">Code around the address with the same symbol; becomes that with the same lines.</param>
    /// <returns>The place of the function into which they were inlined.</returns>
    private (string? File, int? Line) AddInlined(List<CodeName> names, ulong address, ref (ulong Start, ulong End) piece)
    {
        ulong found;
        var dwarf = Libdw.ModuleDwarf(_module, &found);
        if (dwarf == 0)
            return (null, null);
        var bias = found;
        _units ??= new UnitIndex(dwarf, start => IsCode(start + bias));
        // Lines may differ from one instruction to the next. Where debug information counts from elsewhere, the borders may have no address in it.
        if (bias != 0 || _units.HasCodeIn(piece.Start, piece.End))
            piece = (address, address + 1);
        Libdw.Die unit, function;
        if (!_units.TryFindUnit(address - bias, &unit))
            return (null, null);
        var (file, line) = LineAt(&unit, address - bias);
        if (!_units.TryFindFunction(&unit, address - bias, &function))
            return (file, line);
        foreach (var inlined in InlinedFunctions.At(&unit, &function, address - bias))
        {
            names.Add(new CodeName(inlined.Name, file, line));
            (file, line) = (inlined.CallFile, inlined.CallLine);
        }

        return (file, line);
    }

    private static (string? File, int? Line) LineAt(Libdw.Die* unit, ulong address)
    {
        var line = Libdw.SourceLine(unit, address);
        var number = 0;
        if (line == 0 || Text(Libdw.LineSource(line, null, null)) is not { } file)
            return (null, null);
        return (file, Libdw.LineNumber(line, &number) == 0 && number > 0 ? number : null);
    }

    private bool IsCode(ulong address) => Segments.Any(segment =>
        segment.Type == Libdw.SegmentLoad && (segment.Flags & Libdw.SegmentExecutable) != 0
        && address >= segment.Address && address - segment.Address < segment.MemoryBytes);

    public void Dispose()
    {
        if (_dwfl != 0)
            Libdw.DwflEnd(_dwfl);
        _file.Dispose();
    }

    private static string? Text(byte* text) => text == null ? null : Marshal.PtrToStringUTF8((nint)text);

    // Never freed: libdwfl keeps the pointer.
    private static Libdw.Callbacks* MakeCallbacks()
    {
        var callbacks = (Libdw.Callbacks*)NativeMemory.AllocZeroed((nuint)sizeof(Libdw.Callbacks));
        callbacks->FindDebugInfo = &DebugFileSearch.FindDebugInfo;
        return callbacks;
    }
}
