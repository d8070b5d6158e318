using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Symbols;

/// <summary>The libraries that an ELF file names (DT_NEEDED), by libelf.</summary>
internal static unsafe class NeededLibraries
{
    private const uint DynamicSection = 6; // SHT_DYNAMIC
    private const long Needed = 1; // DT_NEEDED
    private const int MaxEntries = 4096;

    public static List<string> Of(ElfFile file) => Of(file.Elf);

    private static List<string> Of(nint elf)
    {
        var names = new List<string>();
        for (nint section = 0; (section = Libdw.ElfNextSection(elf, section)) != 0;)
        {
            Libdw.SectionHeader header;
            if (Libdw.ElfSectionHeader(section, &header) == 0 || header.Type != DynamicSection)
                continue;
            var data = Libdw.ElfSectionData(section, 0);
            Libdw.DynamicEntry entry;
            for (var i = 0; data != 0 && i < MaxEntries && Libdw.ElfDynamicEntry(data, i, &entry) != 0 && entry.Tag != 0; i++)
            {
                if (entry.Tag == Needed && Marshal.PtrToStringUTF8((nint)Libdw.ElfString(elf, header.Link, (nuint)entry.Value)) is { } name)
                    names.Add(name);
            }
        }
        return names;
    }
}
