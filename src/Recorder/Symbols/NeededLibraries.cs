using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Symbols;

/// <summary>The libraries that an ELF file names (DT_NEEDED), by libelf: with their paths where it says in which folders they are
/// (DT_RUNPATH, DT_RPATH; ld.so(8)), else by name.</summary>
internal static class NeededLibraries
{
    private const uint DynamicSection = 6; // SHT_DYNAMIC
    private const long Needed = 1; // DT_NEEDED
    private const long Rpath = 15; // DT_RPATH
    private const long Runpath = 29; // DT_RUNPATH
    private const int MaxEntries = 4096;

    /// <returns>What is needed, with a path where a file of that name lies in one of the folders.</returns>
    /// <param name="path">Of the file that needs them.</param>
    public static IReadOnlyList<string> Find(IReadOnlyList<string> names, IReadOnlyList<string> folders, string path)
    {
        var origin = Path.GetDirectoryName(path) ?? "";
        var places = folders.SelectMany(folder => folder.Split(':'))
            .Select(folder => folder.Replace("${ORIGIN}", origin, StringComparison.Ordinal).Replace("$ORIGIN", origin, StringComparison.Ordinal)).ToList();
        return [.. names.Select(name => places.Select(place => Path.Combine(place, name)).FirstOrDefault(File.Exists) ?? name)];
    }

    /// <returns>Names, and the folders that the file says they are in, as it writes them.</returns>
    // SAFETY: libelf writes into locals, and looks itself whether an index is good; texts live as long as the file is open.
    public static unsafe (List<string> Names, List<string> Folders) Read(ElfFile file)
    {
        var elf = file.Elf;
        var (names, folders) = (new List<string>(), new List<string>());
        for (nint section = 0; (section = Libdw.ElfNextSection(elf, section)) != 0;)
        {
            Libdw.SectionHeader header;
            if (Libdw.ElfSectionHeader(section, &header) == 0 || header.Type != DynamicSection)
                continue;
            var data = Libdw.ElfSectionData(section, 0);
            Libdw.DynamicEntry entry;
            for (var i = 0; data != 0 && i < MaxEntries && Libdw.ElfDynamicEntry(data, i, &entry) != 0 && entry.Tag != 0; i++)
            {
                if (entry.Tag is Needed or Rpath or Runpath && Marshal.PtrToStringUTF8((nint)Libdw.ElfString(elf, header.Link, (nuint)entry.Value)) is { } text)
                    (entry.Tag == Needed ? names : folders).Add(text);
            }
        }

        return (names, folders);
    }
}
