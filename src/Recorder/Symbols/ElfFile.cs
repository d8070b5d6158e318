using System.Text;
using Faultrec.Recorder.Native;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Recorder.Symbols;

/// <summary>An ELF file that is open for libdw. Whatever cannot be read throws <see cref="BadElfException"/>.</summary>
internal sealed class ElfFile : IDisposable
{
    private const long MaxOffset = 1L << 56;

    private readonly SafeFileHandle _file;

    // SAFETY: libelf writes into locals.
    private unsafe ElfFile(SafeFileHandle file, nint elf)
    {
        (_file, Elf) = (file, elf);
        nuint count;
        if (Libdw.ElfProgramHeaders(elf, &count) != 0)
            return;
        var segments = new List<Libdw.ProgramHeader>();
        for (var i = 0; i < (int)count; i++)
        {
            Libdw.ProgramHeader header;
            if (Libdw.ElfProgramHeader(elf, i, &header) != 0)
                segments.Add(header);
        }

        Segments = segments;
    }

    public nint Elf { get; }

    public SafeFileHandle File => _file;

    public IReadOnlyList<Libdw.ProgramHeader> Segments { get; } = [];

    /// <summary>The first loaded segment with code; null: it has none.</summary>
    public Libdw.ProgramHeader? Code
        => Segments.Where(segment => segment.Type == Libdw.SegmentLoad && (segment.Flags & Libdw.SegmentExecutable) != 0).Cast<Libdw.ProgramHeader?>()
            .FirstOrDefault();

    /// <summary>Path of the dynamic linker that the file asks for; null: none.</summary>
    public string? Interpreter
        => Segments.Where(segment => segment is { Type: Libdw.SegmentInterpreter, FileBytes: > 1 and < 4096 })
            .Select(segment => Encoding.UTF8.GetString(Read((long)segment.Offset, (int)segment.FileBytes - 1))).FirstOrDefault();

    /// <param name="file">Owned by the result, and closed if there is none.</param>
    public static ElfFile Open(SafeFileHandle file)
    {
        var elf = Libdw.ElfBegin((int)file.DangerousGetHandle(), Libdw.ElfReadMmap, 0);
        if (elf != 0)
            return new ElfFile(file, elf);
        file.Dispose();
        throw new BadElfException("not an ELF file");
    }

    /// <summary>Virtual address in the file of what is mapped from this byte of it; null: no segment has it.</summary>
    public static ulong? AddressOf(IReadOnlyList<Libdw.ProgramHeader> segments, ulong fileOffset)
    {
        foreach (var segment in segments)
        {
            if (segment.Type == Libdw.SegmentLoad && fileOffset >= segment.Offset && fileOffset - segment.Offset < segment.FileBytes)
                return fileOffset - segment.Offset + segment.Address;
        }

        return null;
    }

    /// <summary>The file's contents for an address in its own space; null: none.</summary>
    public byte[]? ReadAt(ulong address, int length)
    {
        foreach (var segment in Segments)
        {
            if (segment.Type == Libdw.SegmentLoad && address >= segment.Address && address - segment.Address < segment.FileBytes)
                return Read((long)(address - segment.Address + segment.Offset), length);
        }

        return null;
    }

    public byte[] Read(long offset, int length)
    {
        var bytes = new byte[length];
        // Beyond the largest possible file the system call fails.
        return offset is >= 0 and <= MaxOffset && RandomAccess.Read(_file, bytes, offset) == length ? bytes : throw new BadElfException("ends too early");
    }

    public void Dispose()
    {
        _ = Libdw.ElfEnd(Elf);
        _file.Dispose();
    }
}

/// <summary>A file is not what it should be; the message ends a sentence that begins with its name.</summary>
internal class BadElfException(string message, Exception? inner = null) : Exception(message, inner);
