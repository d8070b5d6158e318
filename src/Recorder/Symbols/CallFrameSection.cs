using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Symbols;

/// <summary>Registers by their DWARF numbers, and the size of a word on the stack.</summary>
internal readonly record struct UnwindMachine(int Bp, int Sp, int Bx, int ReturnAddress, int WordBytes)
{
    private const ushort I386 = 3; // EM_386
    private const ushort X8664 = 62; // EM_X86_64

    /// <param name="identity">The first 20 bytes of the file.</param>
    public static UnwindMachine Of(ReadOnlySpan<byte> identity) => BinaryPrimitives.ReadUInt16LittleEndian(identity[18..]) switch
    {
        X8664 => new UnwindMachine(Bp: 6, Sp: 7, Bx: 3, ReturnAddress: 16, WordBytes: 8),
        I386 => new UnwindMachine(Bp: 5, Sp: 4, Bx: 3, ReturnAddress: 8, WordBytes: 4),
        _ => throw new BadElfException("is not for x86"),
    };
}

/// <summary>What all functions of one common information entry (CIE) share.</summary>
internal sealed class CallFrameCommon
{
    public required ulong CodeFactor { get; init; }

    public required long DataFactor { get; init; }

    public required bool ReturnAddressIsKnown { get; init; }

    /// <summary>DW_EH_PE_*, of addresses in its functions' entries.</summary>
    public required byte PointerEncoding { get; init; }

    /// <summary>A signal handler returns to this code.</summary>
    public required bool IsSignalFrame { get; init; }

    public required bool HasSizedAugmentation { get; init; }

    /// <summary>Place and length of its instructions, within the section.</summary>
    public required (int Start, int Length) Instructions { get; init; }
}

/// <summary>A section with call-frame information, .eh_frame or .debug_frame, whose entries libdw takes apart.</summary>
/// <param name="data">Elf_Data, which lives as long as the file is open.</param>
/// <param name="address">In the file's own space.</param>
// SAFETY: libelf owns data and buffer, and keeps them as long as the file is open, which whoever reads the section closes. Bytes are read
// through the span, and what libdw points to lies in the same buffer.
internal sealed unsafe class CallFrameSection(byte[] identity, nint data, ulong address, bool isEhFrame)
{
    private const ulong CommonId = ulong.MaxValue; // DW_CIE_ID_64
    private const ulong NoOffset = ulong.MaxValue;
    private const byte FormatMask = 0x0f; // DW_EH_PE_*
    private const byte Relative = 0x10; // DW_EH_PE_pcrel
    private const int TerminatorBytes = 4;

    private readonly Dictionary<ulong, CallFrameCommon?> _commons = [];

    private Libdw.ElfData* Data => (Libdw.ElfData*)data;

    /// <summary>Its bytes. Places below are offsets in it.</summary>
    // SAFETY: libelf says how long its buffer is, and keeps it while the file is open.
    public ReadOnlySpan<byte> Bytes => new(Data->Buffer, (int)Math.Min(Data->Bytes, int.MaxValue));

    /// <summary>.eh_frame, which is loaded with the program, then .debug_frame, which a debugger would read.</summary>
    public static IEnumerable<CallFrameSection> Read(ElfFile file, byte[] identity)
    {
        var eh = Find(file, ".eh_frame");
        if (eh.Data == 0)
            eh = FindByHeader(file);
        if (eh.Data != 0)
            yield return new CallFrameSection(identity, eh.Data, eh.Address, isEhFrame: true);
        if (Find(file, ".debug_frame") is { Data: not 0 } debug)
            yield return new CallFrameSection(identity, debug.Data, debug.Address, isEhFrame: false);
    }

    /// <returns>Its bytes as they are in the file, for as long as that is open; 0: it is not there.</returns>
    public static (nint Data, int Length) BytesOf(ElfFile file, string name)
    {
        Libdw.SectionHeader header;
        if (SectionOf(file, name, &header) is var section && section == 0 || Libdw.ElfSectionData(section, 0) is var data && data == 0)
            return default;
        var found = (Libdw.ElfData*)data;
        return ((nint)found->Buffer, (int)Math.Min(found->Bytes, int.MaxValue));
    }

    /// <summary>Each function: its first address, the address after its last, and its instructions.</summary>
    public IEnumerable<(ulong Start, ulong End, CallFrameCommon Common, (int Start, int Length) Instructions)> Functions()
    {
        for (ulong offset = 0; offset < (ulong)Bytes.Length;)
        {
            var (status, next, function) = ReadEntry(offset);
            if (function is { } found)
                yield return found;
            // A terminator in the middle comes from a linker that joined sections with one each.
            if (status > 0)
                next = isEhFrame && IsTerminator(offset) ? offset + TerminatorBytes : NoOffset;
            if (next == NoOffset || next <= offset)
                yield break;
            offset = next;
        }
    }

    public ulong ReadAddress(ref int place, byte encoding)
    {
        var from = address + (ulong)place;
        var value = ReadFormat(ref place, (byte)(encoding & FormatMask));
        return (encoding & ~FormatMask) switch
        {
            0 => value,
            Relative => value + from,
            _ => throw new BadElfException("has call-frame information with addresses in an unsupported encoding"),
        };
    }

    public ulong ReadUnsigned(ref int place)
    {
        ulong value = 0;
        for (var shift = 0; ; shift += 7)
        {
            var part = ReadByte(ref place);
            if (shift < 64)
                value |= (ulong)(part & 0x7f) << shift;
            if ((part & 0x80) == 0)
                return value;
        }
    }

    public long ReadSigned(ref int place)
    {
        long value = 0;
        for (var shift = 0; ; shift += 7)
        {
            var part = ReadByte(ref place);
            if (shift < 64)
                value |= (long)(part & 0x7f) << shift;
            if ((part & 0x80) != 0)
                continue;
            return (part & 0x40) != 0 && shift + 7 < 64 ? value | -1L << (shift + 7) : value;
        }
    }

    public ulong ReadFixed(ref int place, int bytes)
    {
        if (place < 0 || bytes > Bytes.Length - place)
            throw new BadElfException("has call-frame information that ends too early");
        var from = Bytes[place..];
        place += bytes;
        return bytes switch
        {
            1 => from[0],
            2 => BinaryPrimitives.ReadUInt16LittleEndian(from),
            4 => BinaryPrimitives.ReadUInt32LittleEndian(from),
            _ => BinaryPrimitives.ReadUInt64LittleEndian(from),
        };
    }

    private byte ReadByte(ref int place) => (byte)ReadFixed(ref place, 1);

    private static (nint Data, ulong Address) Find(ElfFile file, string name)
    {
        Libdw.SectionHeader header;
        var section = SectionOf(file, name, &header);
        if (section == 0)
            return default;
        if ((header.Flags & Libdw.SectionIsCompressed) != 0)
            _ = Libdw.ElfCompress(section, 0, 0);
        return (Libdw.ElfSectionData(section, 0), header.Address);
    }

    private static nint SectionOf(ElfFile file, string name, Libdw.SectionHeader* header)
    {
        nuint names;
        if (Libdw.ElfSectionNames(file.Elf, &names) != 0)
            return 0;
        for (nint section = 0; (section = Libdw.ElfNextSection(file.Elf, section)) != 0;)
        {
            if (Libdw.ElfSectionHeader(section, header) != 0 && header->Type != Libdw.SectionWithoutBytes
                && Marshal.PtrToStringUTF8((nint)Libdw.ElfString(file.Elf, names, header->Name)) == name)
            {
                return section;
            }
        }

        return 0;
    }

    // Without section headers. .eh_frame_hdr: version 1, then encodings; a relative pointer to .eh_frame.
    private static (nint Data, ulong Address) FindByHeader(ElfFile file)
    {
        const int headerBytes = 8;
        if (file.Segments.Where(segment => segment.Type == Libdw.SegmentEhFrame).Cast<Libdw.ProgramHeader?>().FirstOrDefault() is not { } found
            || file.Read((long)found.Offset, headerBytes) is not [1, 0x1b, ..] header)
        {
            return default;
        }

        var start = found.Address + 4 + (ulong)(long)BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(4));
        foreach (var segment in file.Segments)
        {
            if (segment.Type == Libdw.SegmentLoad && start >= segment.Address && start - segment.Address < segment.FileBytes)
            {
                return ((nint)Libdw.ElfChunk(file.Elf, (long)(start - segment.Address + segment.Offset), (nuint)(segment.FileBytes - (start - segment.Address)),
                    0), start);
            }
        }

        return default;
    }

    private (int Status, ulong Next, (ulong, ulong, CallFrameCommon, (int, int))? Function) ReadEntry(ulong offset)
    {
        Libdw.CallFrameEntry entry;
        var (status, next) = Entry(offset, &entry);
        return status != 0 || entry.Id == CommonId || CommonAt(entry.Id) is not { } common
            ? (status, next, null)
            : (status, next, ReadFunction(common, PlaceOf(entry.FunctionStart), PlaceOf(entry.FunctionEnd)));
    }

    private (int Status, ulong Next) Entry(ulong offset, Libdw.CallFrameEntry* entry)
    {
        var next = NoOffset;
        fixed (byte* ident = identity)
            return (Libdw.NextCallFrame(ident, Data, isEhFrame, offset, &next, entry), next);
    }

    private (ulong, ulong, CallFrameCommon, (int, int)) ReadFunction(CallFrameCommon common, int place, int end)
    {
        var start = ReadAddress(ref place, common.PointerEncoding);
        var length = ReadFormat(ref place, (byte)(common.PointerEncoding & FormatMask));
        if (common.HasSizedAugmentation)
        {
            var bytes = ReadUnsigned(ref place);
            place = bytes <= (ulong)Bytes.Length ? place + (int)bytes : end;
        }

        return (start, start + length, common, (place, Math.Max(end - place, 0)));
    }

    /// <summary>Null: there is none, or it has an unknown augmentation.</summary>
    private CallFrameCommon? CommonAt(ulong offset)
    {
        if (_commons.TryGetValue(offset, out var known))
            return known;
        Libdw.CallFrameEntry entry;
        return _commons[offset] = Entry(offset, &entry).Status == 0 && entry.Id == CommonId ? ReadCommon(entry) : null;
    }

    private CallFrameCommon? ReadCommon(in Libdw.CallFrameEntry entry)
    {
        var augmentation = Marshal.PtrToStringUTF8((nint)entry.Augmentation) ?? "";
        var (encoding, isSignalFrame, place) = ((byte)0, false, entry.AugmentationData == null ? 0 : PlaceOf(entry.AugmentationData));
        foreach (var letter in augmentation)
        {
            switch (letter)
            {
                case 'z' or 'B':
                    break;
                case 'R':
                    encoding = ReadByte(ref place);
                    break;
                case 'L':
                    ReadByte(ref place);
                    break;
                case 'P':
                    ReadFormat(ref place, (byte)(ReadByte(ref place) & FormatMask));
                    break;
                case 'S':
                    isSignalFrame = true;
                    break;
                default:
                    return null;
            }
        }

        var start = PlaceOf(entry.Instructions);
        return new CallFrameCommon
        {
            CodeFactor = entry.CodeFactor,
            DataFactor = entry.DataFactor,
            ReturnAddressIsKnown = entry.ReturnAddress == (ulong)UnwindMachine.Of(identity).ReturnAddress,
            PointerEncoding = encoding,
            IsSignalFrame = isSignalFrame,
            HasSizedAugmentation = augmentation.StartsWith('z'),
            Instructions = (start, PlaceOf(entry.InstructionsEnd) - start),
        };
    }

    private int PlaceOf(byte* pointer) => (int)(pointer - Data->Buffer);

    private bool IsTerminator(ulong offset)
    {
        var place = (int)offset;
        return Bytes.Length - place >= TerminatorBytes && ReadFixed(ref place, TerminatorBytes) == 0;
    }

    private ulong ReadFormat(ref int place, byte format) => format switch
    {
        0x00 => ReadFixed(ref place, identity[4] == 1 ? 4 : 8), // DW_EH_PE_absptr; EI_CLASS
        0x01 => ReadUnsigned(ref place),
        0x02 => ReadFixed(ref place, 2),
        0x03 => ReadFixed(ref place, 4),
        0x04 or 0x0c => ReadFixed(ref place, 8),
        0x09 => (ulong)ReadSigned(ref place),
        0x0a => (ulong)(short)ReadFixed(ref place, 2),
        0x0b => (ulong)(int)ReadFixed(ref place, 4),
        _ => throw new BadElfException("has call-frame information with addresses in an unsupported encoding"),
    };
}
