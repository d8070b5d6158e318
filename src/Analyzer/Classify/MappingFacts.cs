using Faultrec.Analyzer.Facts;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Classify;

/// <summary>What is behind a mapping.</summary>
internal enum MappingBacking : byte
{
    /// <summary>The ledger does not have the mapping.</summary>
    Unknown,

    /// <summary>Private memory of the process.</summary>
    Anonymous,

    /// <summary>A file, including files of a tmpfs that the ledger does not show to be one.</summary>
    File,

    /// <summary>Shared anonymous memory, memfd, /dev/shm, System V.</summary>
    Shmem,

    Hugetlb,

    /// <summary>Pages of the kernel: [vdso], [vvar].</summary>
    Special,
}

/// <summary>What <see cref="KindRule"/> needs to know of one mapping of the ledger.</summary>
/// <param name="IsShared">MAP_SHARED.</param>
/// <param name="Changes">A heap or a stack: the ledger has the widest range, not the range at the time of the fault.</param>
internal readonly record struct MappingFacts(
    MappingBacking Backing, bool IsShared, bool IsAccessible, bool IsWritable, bool Changes, bool IsVdso, ulong Start, ulong End)
{
    // include/uapi/asm-generic/mman-common.h; perf_event_mmap_event sets it for every hugetlb mapping, whatever its file.
    private const uint MapHugetlb = 0x40000;

    private const string DeletedSuffix = " (deleted)";

    public bool IsAnonymousPrivate => Backing == MappingBacking.Anonymous;

    /// <summary>MAP_POPULATE and MADV_POPULATE_* fill it.</summary>
    public bool CanBePopulated => Backing is MappingBacking.Anonymous or MappingBacking.File or MappingBacking.Shmem;

    /// <summary>
    /// Its pages are in the kernel's RSS counters: hugetlb pages are counted apart, and those of the kernel's own data not at all; [vdso] has pages as a
    /// file has them.
    /// </summary>
    public bool CountsAsResident => IsVdso || Backing is not (MappingBacking.Hugetlb or MappingBacking.Special);

    /// <summary>Of each region, by its id; of 0 and of ids that the ledger does not have, those of no mapping.</summary>
    public static MappingFacts[] ById(RegionIndex index)
    {
        var facts = new MappingFacts[index.IdLimit];
        for (var id = 1; id < facts.Length; id++)
        {
            if (index.Find(id) is { } region)
                facts[id] = Of(region);
        }

        return facts;
    }

    public static MappingFacts Of(Region region)
    {
        var isShared = region.Prot is [_, _, _, 's', ..];
        var isAccessible = !region.Prot.StartsWith("---", StringComparison.Ordinal);
        var isWritable = region.Prot is [_, 'w', ..];
        var changes = region.Name is "[heap]" or "[stack]";
        return new MappingFacts(BackingOf(region, isShared), isShared, isAccessible, isWritable, changes, region.Name == "[vdso]", region.Start, region.End);
    }

    private static MappingBacking BackingOf(Region region, bool isShared)
    {
        if ((region.Flags & MapHugetlb) != 0)
            return MappingBacking.Hugetlb;
        if (region.Path is not { } path)
        {
            return RegionNames.KindOf(region) == "special" ? MappingBacking.Special
                : isShared ? MappingBacking.Shmem
                : MappingBacking.Anonymous;
        }

        var name = path.EndsWith(DeletedSuffix, StringComparison.Ordinal) ? path[..^DeletedSuffix.Length] : path;
        return name switch
        {
            // HUGETLB_ANON_FILE, what MAP_HUGETLB without a file maps; a mapping from before the recording has no flags.
            "/anon_hugepage" => MappingBacking.Hugetlb,
            // mmap_zero: shared it is shmem_zero_setup, private it is anonymous memory.
            "/dev/zero" => isShared ? MappingBacking.Shmem : MappingBacking.Anonymous,
            _ when IsTmpfs(name, region.Device) => MappingBacking.Shmem,
            _ => MappingBacking.File,
        };
    }

    // Device major 0 alone does not prove a tmpfs: overlayfs, btrfs and network file systems have it too. SYSV segments and memfds
    // live in the kernel's own mount (shm_mnt), /dev/shm is one by shm_open(3).
    private static bool IsTmpfs(string name, string? device)
        => name.StartsWith("/memfd:", StringComparison.Ordinal)
            || (name.StartsWith("/SYSV", StringComparison.Ordinal) && name.LastIndexOf('/') == 0)
            || (name.StartsWith("/dev/shm/", StringComparison.Ordinal) && device?.StartsWith("00:", StringComparison.Ordinal) != false);
}
