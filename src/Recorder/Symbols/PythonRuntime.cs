using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Symbols;

/// <summary>A CPython interpreter in an ELF file: the address of its state, and the layout that the probes read in its version.</summary>
/// <param name="Address">Of `_PyRuntime` in the file's own space.</param>
internal sealed partial record PythonRuntime(ulong Address, PythonLayout Layout)
{
    private const uint DynamicSymbols = 11; // SHT_DYNSYM
    private const int FirstWithOffsets = 13;
    private const int DebugOffsetsWords = 52;

    /// <summary>Null: not CPython 3.8 to 3.14.</summary>
    /// <exception cref="BadElfException">Its tables cannot be read.</exception>
    public static PythonRuntime? Find(ElfFile file, string path)
    {
        if (AddressOf(file, "_PyRuntime") is not { } runtime)
            return null;
        // PY_VERSION_HEX; in older versions only the file's name shows the version.
        var minor = AddressOf(file, "Py_Version") is { } version && file.ReadAt(version, sizeof(ulong)) is { } bytes ? bytes[2]
            : NameWithVersion().Match(path) is { Success: true } match
                && int.TryParse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture, out var named) ? named
            : 0;
        var layout = minor < FirstWithOffsets
            ? Known(minor)
            : file.ReadAt(runtime, DebugOffsetsWords * sizeof(ulong)) is { } offsets ? FromOffsets(minor, MemoryMarshal.Cast<byte, ulong>(offsets)) : null;
        return layout is { } known ? new PythonRuntime(runtime, known) : null;
    }

    // offsetof() in the headers of each version; sizes and the rest follow from the version.
    private static PythonLayout? Known(int minor) => minor switch
    {
        8 or 9 or 10 => Empty(minor) with
        {
            RuntimeInterpreters = 32,
            InterpreterThreads = 8,
            ThreadNext = 8,
            ThreadId = 176,
            ThreadFrame = 24,
            FrameBack = 24,
            FrameCode = 32,
            FrameInstruction = minor == 10 ? 96u : 104,
            CodeFile = 104,
            CodeFirstLine = 40,
        },
        11 => Empty(minor) with
        {
            RuntimeInterpreters = 40,
            InterpreterThreads = 16,
            ThreadNext = 8,
            ThreadId = 152,
            ThreadFrame = 56,
            CframeFrame = 8,
            FrameBack = 48,
            FrameCode = 32,
            FrameInstruction = 56,
            FrameOwner = 68,
            CodeFile = 112,
            CodeFirstLine = 72,
            CodeBytes = 184,
        },
        12 => Empty(minor) with
        {
            RuntimeInterpreters = 40,
            InterpreterThreads = 72,
            ThreadNext = 8,
            ThreadId = 136,
            ThreadFrame = 56,
            CframeFrame = 0,
            FrameBack = 8,
            FrameCode = 0,
            FrameInstruction = 56,
            FrameOwner = 70,
            CodeFile = 112,
            CodeFirstLine = 68,
            CodeBytes = 192,
        },
        _ => null,
    };

    // struct _Py_DebugOffsets at the beginning of _PyRuntime (CPython, Include/internal/pycore_debug_offsets.h); a build without the
    // GIL lays things out otherwise than is read here.
    private static PythonLayout? FromOffsets(int minor, ReadOnlySpan<ulong> words)
    {
        const ulong cookie = 0x7970677562656478; // "xdebugpy"
        const int runtime = 3, interpreter = 6;
        var thread = minor switch
        {
            13 => 19,
            14 => 22,
            _ => 0,
        };
        if (words[0] != cookie || words[2] != 0 || thread == 0)
            return null;
        var frame = thread + 9;
        var code = frame + (minor == 13 ? 6 : 8);
        return Empty(minor) with
        {
            RuntimeInterpreters = (uint)words[runtime + 2],
            InterpreterThreads = (uint)words[interpreter + 3],
            ThreadNext = (uint)words[thread + 2],
            ThreadFrame = (uint)words[thread + 4],
            ThreadId = (uint)words[thread + 5],
            FrameBack = (uint)words[frame + 1],
            FrameCode = (uint)words[frame + 2],
            FrameInstruction = (uint)words[frame + 3],
            FrameOwner = (uint)words[frame + 5],
            CodeFile = (uint)words[code + 1],
            CodeFirstLine = (uint)words[code + 5],
            CodeBytes = (uint)words[code + 9],
        };
    }

    private static PythonLayout Empty(int minor) => new()
    {
        Minor = (uint)minor,
        CframeFrame = PythonLayout.NoCframe,
        AsciiBytes = minor < 12 ? 48u : 40,
        CompactBytes = minor < 12 ? 72u : 56,
        StateShift = minor < 14 ? 2u : 16,
    };

    // SAFETY: libelf writes into locals, and looks itself whether an index is good; texts live as long as the file is open.
    private static unsafe ulong? AddressOf(ElfFile file, string name)
    {
        for (nint section = 0; (section = Libdw.ElfNextSection(file.Elf, section)) != 0;)
        {
            Libdw.SectionHeader header;
            if (Libdw.ElfSectionHeader(section, &header) == 0 || header.Type != DynamicSymbols)
                continue;
            var data = Libdw.ElfSectionData(section, 0);
            Libdw.ElfSymbolEntry symbol;
            for (var i = 0; data != 0 && Libdw.ElfSymbol(data, i, &symbol) != 0; i++)
            {
                if (symbol.Value != 0 && Marshal.PtrToStringUTF8((nint)Libdw.ElfString(file.Elf, header.Link, symbol.Name)) == name)
                    return symbol.Value;
            }
        }

        return null;
    }

    [GeneratedRegex(@"python3\.(\d{1,2})[^/]*$", RegexOptions.CultureInvariant)]
    private static partial Regex NameWithVersion();
}
