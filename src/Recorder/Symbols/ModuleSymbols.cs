using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Symbols;

/// <summary>What is known of one address of a file; each member null where it is not.</summary>
internal readonly record struct CodeName(string? Function, string? File, int? Line);

/// <summary>Functions and lines of one ELF file, by libdwfl: its symbol tables, and its debug information, here or in a file of its own.</summary>
internal sealed unsafe class ModuleSymbols : IDisposable
{
    private static readonly Libdw.Callbacks* _callbacks = MakeCallbacks();

    private readonly ElfFile _file;
    private readonly nint _dwfl;
    private readonly nint _module;

    /// <exception cref="BadElfException">It is not there, not the one that was mapped, or cannot be read.</exception>
    public ModuleSymbols(string path, ulong inode)
        : this(Checked(path, inode))
    {
    }

    /// <summary>Of the file at this path, whatever it is.</summary>
    public ModuleSymbols(string path)
    {
        _file = ElfFile.Open(path);
        _dwfl = Libdw.DwflBegin(_callbacks);
        if (_dwfl != 0)
        {
            Libdw.DwflReportBegin(_dwfl);
            // Base 0: what is asked for are addresses in the file's own space. By name, so that libdwfl opens a descriptor that it may close.
            _module = Libdw.DwflReportElf(_dwfl, path, path, -1, 0, true);
            _ = Libdw.DwflReportEnd(_dwfl, 0, 0);
        }
        if (_module != 0)
            return;
        Dispose();
        throw new BadElfException("is not readable for libdwfl");
    }

    private static string Checked(string path, ulong inode)
    {
        if (Libc.TryGetDeviceAndInode(path) is not { } found)
            throw new BadElfException("is not there any more");
        if (found.Inode != inode)
            throw new BadElfException("is not the file any more that was mapped");
        return path;
    }

    public string? BuildId
    {
        get
        {
            byte* bits;
            ulong address;
            var length = Libdw.ModuleBuildId(_module, &bits, &address);
            return length > 0 ? Convert.ToHexStringLower(new ReadOnlySpan<byte>(bits, length)) : null;
        }
    }

    public IReadOnlyList<Libdw.ProgramHeader> Segments => _file.Segments;

    /// <summary>What runs there, the innermost first: functions that were put into others come before them. Never empty.</summary>
    public IReadOnlyList<CodeName> Find(ulong address)
    {
        var (file, line) = LineAt(address);
        var function = Text(Libdw.ModuleAddressName(_module, address));
        var names = new List<CodeName>();
        foreach (var inlined in InlinedFunctions.At(_module, address))
        {
            names.Add(new CodeName(inlined.Name, file, line));
            (file, line) = (inlined.CallFile, inlined.CallLine);
        }
        names.Add(new CodeName(function is null ? null : Demangler.Demangle(WithoutVersion(function)), file, line));
        return names;
    }

    // "memcpy@@GLIBC_2.14" of .dynsym.
    private static string WithoutVersion(string name) => name.IndexOf('@') is > 0 and var at ? name[..at] : name;

    private (string? File, int? Line) LineAt(ulong address)
    {
        var line = Libdw.ModuleSource(_module, address);
        int number;
        return line != 0 && Text(Libdw.LineInfo(line, null, &number, null, null, null)) is { } file ? (file, number > 0 ? number : null) : (null, null);
    }

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
        callbacks->FindDebugInfo = &Libdw.FindDebugInfo;
        return callbacks;
    }
}
