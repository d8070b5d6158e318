using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Faultrec.Recorder.Native;

/// <summary>
/// elfutils: libelf, libdw and libdwfl (their headers document each call). The native executable links the archives; elsewhere
/// the shared libraries are loaded.
/// </summary>
// SAFETY: declarations as in libelf.h, dwarf.h, libdw.h and libdwfl.h; only DwflBegin keeps its pointer, to callbacks that are never freed.
internal static unsafe partial class Libdw
{
    public const string Library = "dw";
    public const string ElfLibrary = "elf";

    public const int ElfReadMmap = 8; // ELF_C_READ_MMAP
    public const uint SegmentLoad = 1;
    public const uint SegmentInterpreter = 3;
    public const uint SegmentEhFrame = 0x6474e550; // PT_GNU_EH_FRAME
    public const uint SegmentExecutable = 1; // PF_X
    public const uint SectionWithoutBytes = 8; // SHT_NOBITS
    public const ulong SectionIsCompressed = 1 << 11; // SHF_COMPRESSED
    public const int TagClass = 0x02; // DW_TAG_class_type, and so on
    public const int TagEnumeration = 0x04;
    public const int TagLexicalBlock = 0x0b;
    public const int TagStructure = 0x13;
    public const int TagUnion = 0x17;
    public const int TagInlined = 0x1d;
    public const int TagModule = 0x1e;
    public const int TagCatchBlock = 0x25;
    public const int TagSubprogram = 0x2e;
    public const int TagTryBlock = 0x32;
    public const int TagNamespace = 0x39;
    public const uint AttributeName = 0x03; // DW_AT_name
    public const uint AttributeCallFile = 0x58;
    public const uint AttributeCallLine = 0x59;
    public const uint AttributeLinkageName = 0x6e;

    /// <summary>GElf_Phdr.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct ProgramHeader
    {
        public uint Type;
        public uint Flags;
        public ulong Offset;
        public ulong Address;
        public ulong PhysicalAddress;
        public ulong FileBytes;
        public ulong MemoryBytes;
        public ulong Alignment;
    }

    /// <summary>GElf_Shdr.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct SectionHeader
    {
        public uint Name;
        public uint Type;
        public ulong Flags;
        public ulong Address;
        public ulong Offset;
        public ulong Bytes;
        public uint Link;
        public uint Info;
        public ulong Alignment;
        public ulong EntryBytes;
    }

    /// <summary>GElf_Dyn.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct DynamicEntry
    {
        public long Tag;
        public ulong Value;
    }

    /// <summary>Elf_Data.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct ElfData
    {
        public byte* Buffer;
        public int Type;
        public uint Version;
        public nuint Bytes;
        public long Offset;
        public nuint Alignment;
    }

    /// <summary>Dwarf_CFI_Entry: of all functions with one common entry, or of one function.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 80)]
    public struct CallFrameEntry
    {
        /// <summary>DW_CIE_ID_64, or where the function's common entry is.</summary>
        [FieldOffset(0)]
        public ulong Id;
        [FieldOffset(8)]
        public byte* Instructions;
        [FieldOffset(16)]
        public byte* InstructionsEnd;
        [FieldOffset(24)]
        public ulong CodeFactor;
        [FieldOffset(32)]
        public long DataFactor;
        [FieldOffset(40)]
        public ulong ReturnAddress;
        [FieldOffset(48)]
        public byte* Augmentation;
        [FieldOffset(56)]
        public byte* AugmentationData;
        [FieldOffset(8)]
        public byte* FunctionStart;
        [FieldOffset(16)]
        public byte* FunctionEnd;
    }

    /// <summary>Dwfl_Callbacks.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Callbacks
    {
        public nint FindElf;
        public delegate* unmanaged[Cdecl]<nint, void**, byte*, ulong, byte*, byte*, uint, byte**, int> FindDebugInfo;
        public nint SectionAddress;
        public byte** DebugInfoPath;
    }

    /// <summary>Null: libdw can be called. Else why not.</summary>
    public static string? Reason { get; } = FindReason();

    /// <summary>GElf_Sym.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct ElfSymbolEntry
    {
        public uint Name;
        public byte Info;
        public byte Other;
        public ushort Section;
        public ulong Value;
        public ulong Size;
    }

    [LibraryImport(ElfLibrary, EntryPoint = "elf_version")]
    private static partial uint ElfVersion(uint version);

    [LibraryImport(ElfLibrary, EntryPoint = "elf_begin")]
    public static partial nint ElfBegin(int fd, int command, nint reference);

    [LibraryImport(ElfLibrary, EntryPoint = "elf_end")]
    public static partial int ElfEnd(nint elf);

    [LibraryImport(ElfLibrary, EntryPoint = "elf_getphdrnum")]
    public static partial int ElfProgramHeaders(nint elf, nuint* count);

    [LibraryImport(ElfLibrary, EntryPoint = "gelf_getphdr")]
    public static partial nint ElfProgramHeader(nint elf, int index, ProgramHeader* header);

    [LibraryImport(ElfLibrary, EntryPoint = "elf_nextscn")]
    public static partial nint ElfNextSection(nint elf, nint section);

    [LibraryImport(ElfLibrary, EntryPoint = "gelf_getshdr")]
    public static partial nint ElfSectionHeader(nint section, SectionHeader* header);

    [LibraryImport(ElfLibrary, EntryPoint = "elf_getdata")]
    public static partial nint ElfSectionData(nint section, nint after);

    [LibraryImport(ElfLibrary, EntryPoint = "gelf_getdyn")]
    public static partial nint ElfDynamicEntry(nint data, int index, DynamicEntry* entry);

    [LibraryImport(ElfLibrary, EntryPoint = "gelf_getsym")]
    public static partial nint ElfSymbol(nint data, int index, ElfSymbolEntry* symbol);

    [LibraryImport(ElfLibrary, EntryPoint = "elf_strptr")]
    public static partial byte* ElfString(nint elf, nuint section, nuint offset);

    [LibraryImport(ElfLibrary, EntryPoint = "elf_getshdrstrndx")]
    public static partial int ElfSectionNames(nint elf, nuint* section);

    [LibraryImport(ElfLibrary, EntryPoint = "elf_compress")]
    public static partial int ElfCompress(nint section, int type, uint flags);

    [LibraryImport(ElfLibrary, EntryPoint = "elf_getdata_rawchunk")]
    public static partial ElfData* ElfChunk(nint elf, long offset, nuint bytes, int type);

    [LibraryImport(Library, EntryPoint = "dwarf_next_cfi")]
    public static partial int NextCallFrame(byte* identity, ElfData* data, [MarshalAs(UnmanagedType.U1)] bool isEhFrame, ulong offset, ulong* next,
        CallFrameEntry* entry);

    [LibraryImport(Library, EntryPoint = "dwfl_begin")]
    public static partial nint DwflBegin(Callbacks* callbacks);

    [LibraryImport(Library, EntryPoint = "dwfl_end")]
    public static partial void DwflEnd(nint dwfl);

    [LibraryImport(Library, EntryPoint = "dwfl_report_begin")]
    public static partial void DwflReportBegin(nint dwfl);

    [LibraryImport(Library, EntryPoint = "dwfl_report_elf", StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint DwflReportElf(nint dwfl, string name, string file, int fd, ulong address, [MarshalAs(UnmanagedType.U1)] bool addPhysical);

    [LibraryImport(Library, EntryPoint = "dwfl_report_end")]
    public static partial int DwflReportEnd(nint dwfl, nint removed, nint argument);

    [LibraryImport(Library, EntryPoint = "dwfl_module_addrname")]
    public static partial byte* ModuleAddressName(nint module, ulong address);

    [LibraryImport(Library, EntryPoint = "dwfl_module_getsymtab")]
    public static partial int ModuleSymbolCount(nint module);

    [LibraryImport(Library, EntryPoint = "dwfl_module_getsymtab_first_global")]
    public static partial int ModuleFirstGlobal(nint module);

    [LibraryImport(Library, EntryPoint = "dwfl_module_getsym_info")]
    public static partial byte* ModuleSymbol(nint module, int index, ElfSymbolEntry* symbol, ulong* address, uint* section, nint* elf, ulong* bias);

    [LibraryImport(Library, EntryPoint = "dwarf_get_units")]
    public static partial int NextUnit(nint dwarf, nint unit, nint* next, ushort* version, byte* type, Die* die, Die* split);

    [LibraryImport(Library, EntryPoint = "dwarf_ranges")]
    public static partial nint Ranges(Die* die, nint offset, ulong* unitBase, ulong* start, ulong* end);

    [LibraryImport(Library, EntryPoint = "dwarf_dieoffset")]
    public static partial ulong DieOffset(Die* die);

    [LibraryImport(Library, EntryPoint = "dwarf_offdie")]
    public static partial Die* DieAt(nint dwarf, ulong offset, Die* result);

    [LibraryImport(Library, EntryPoint = "dwarf_getsrc_die")]
    public static partial nint SourceLine(Die* unit, ulong address);

    [LibraryImport(Library, EntryPoint = "dwarf_lineno")]
    public static partial int LineNumber(nint line, int* number);

    [LibraryImport(Library, EntryPoint = "dwarf_linesrc")]
    public static partial byte* LineSource(nint line, ulong* modified, ulong* length);

    [LibraryImport(Library, EntryPoint = "dwfl_module_build_id")]
    public static partial int ModuleBuildId(nint module, byte** bits, ulong* address);

    /// <summary>Dwarf_Die.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Die
    {
        public nint Address;
        public nint Unit;
        public nint Abbreviation;
        public long Padding;
    }

    /// <summary>Dwarf_Attribute.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Attribute
    {
        public uint Code;
        public uint Form;
        public nint Value;
        public nint Unit;
    }

    [LibraryImport(Library, EntryPoint = "dwarf_child")]
    public static partial int Child(Die* die, Die* result);

    [LibraryImport(Library, EntryPoint = "dwarf_siblingof")]
    public static partial int Sibling(Die* die, Die* result);

    [LibraryImport(Library, EntryPoint = "dwarf_haspc")]
    public static partial int HasAddress(Die* die, ulong address);

    [LibraryImport(Library, EntryPoint = "dwarf_tag")]
    public static partial int Tag(Die* die);

    [LibraryImport(Library, EntryPoint = "dwarf_attr_integrate")]
    public static partial Attribute* FindAttribute(Die* die, uint name, Attribute* result);

    [LibraryImport(Library, EntryPoint = "dwarf_formstring")]
    public static partial byte* AttributeText(Attribute* attribute);

    [LibraryImport(Library, EntryPoint = "dwarf_formudata")]
    public static partial int AttributeNumber(Attribute* attribute, ulong* value);

    [LibraryImport(Library, EntryPoint = "dwarf_getsrcfiles")]
    public static partial int SourceFiles(Die* unit, nint* files, nuint* count);

    [LibraryImport(Library, EntryPoint = "dwarf_filesrc")]
    public static partial byte* SourceFile(nint files, nuint index, ulong* modified, ulong* length);

    [LibraryImport(Library, EntryPoint = "dwfl_module_getdwarf")]
    public static partial nint ModuleDwarf(nint module, ulong* bias);

    [LibraryImport(Library, EntryPoint = "dwelf_elf_gnu_build_id")]
    public static partial nint ElfBuildId(nint elf, byte** bits);

    [LibraryImport(Library, EntryPoint = "dwelf_dwarf_gnu_debugaltlink")]
    public static partial nint AlternateLink(nint dwarf, byte** name, byte** buildId);

    private static string? FindReason()
    {
        try
        {
            RuntimeHelpers.RunClassConstructor(typeof(Libbpf).TypeHandle); // it finds libraries for this assembly
            return ElfVersion(1) != 0 ? null : "libelf is older than its header";
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            return "libdw.so.1 (Debian: libdw1) is not installed";
        }
    }
}
