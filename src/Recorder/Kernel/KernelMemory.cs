using System.Globalization;
using Faultrec.Recorder.Native;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Kernel;

/// <summary>Facts about the running kernel's memory that travel with frames and page-table entries.</summary>
internal static class KernelMemory
{
    private const string ThpFolder = "/sys/kernel/mm/transparent_hugepage";

    private const int SwapTypeCount = 32; // 1 << MAX_SWAPFILES_SHIFT, include/linux/swap.h

    /// <summary>always, madvise or never; null: the kernel has no transparent huge pages.</summary>
    public static string? ThpMode => Chosen(Path.Combine(ThpFolder, "enabled"));

    /// <summary>
    /// Whether the kernel may serve a fault with a folio between a page and a huge page: anonymous or shared memory may have one of a size below the
    /// largest (Documentation/admin-guide/mm/transhuge.rst, since 6.8).
    /// </summary>
    public static bool HasLargeFolios
    {
        get
        {
            var isInherited = ThpMode != "never";
            return FolioSizes.SkipLast(1).SelectMany(size => new[] { size.Enabled, size.ShmemEnabled })
                .Any(mode => mode is not (null or "never" or "deny") && (mode != "inherit" || isInherited));
        }
    }

    /// <summary>The smallest first; the largest is the huge page. None before Linux 6.8.</summary>
    public static IReadOnlyList<FolioSize> FolioSizes
        => !Directory.Exists(ThpFolder) ? []
            : [.. Directory.GetDirectories(ThpFolder, "hugepages-*kB")
                .Select(folder => new FolioSize(SizeKiB(folder), Chosen(Path.Combine(folder, "enabled")), Chosen(Path.Combine(folder, "shmem_enabled"))))
                .OrderBy(size => size.Kib)];

    /// <summary>Null: nobody can tell.</summary>
    public static IReadOnlyList<SwapArea>? SwapAreas
    {
        get
        {
            try
            {
                return ReadSwaps(File.ReadLines("/proc/swaps"));
            }
            catch (FileNotFoundException)
            {
                return []; // a kernel without CONFIG_SWAP
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return null;
            }
        }
    }

    /// <summary>Zones by node, merged where they touch.</summary>
    public static IReadOnlyList<NumaRange> NumaNodes { get; } = ReadNodes(File.ReadLines("/proc/zoneinfo"));

    /// <summary>CPUs by node, a range each; empty on a kernel without NUMA, whose machine is one node.</summary>
    public static IReadOnlyList<NumaCpus> NumaCpus
    {
        get
        {
            const string nodes = "/sys/devices/system/node";
            return !Directory.Exists(nodes) ? []
                : [.. Directory.GetDirectories(nodes, "node*").SelectMany(node => ReadCpus(Number(node), File.ReadAllText(Path.Combine(node, "cpulist"))))
                    .OrderBy(range => range.FirstCpu)];

            static int Number(string folder) => int.Parse(Path.GetFileName(folder).AsSpan("node".Length), CultureInfo.InvariantCulture);
        }
    }

    /// <summary>One more than the highest frame of any zone.</summary>
    public static long EndPfn => NumaNodes.Count == 0 ? 0 : NumaNodes.Max(range => range.EndPfn);

    /// <summary>
    /// Swap types that are not devices: they are assigned from the highest number down, depending on the features that the kernel was built
    /// with, which functions and types in its BTF show (include/linux/swap.h).
    /// </summary>
    public static IReadOnlyDictionary<string, string> SwapTypes(Btf? btf)
    {
        var types = new Dictionary<string, string>();
        if (btf is null)
            return types;
        var next = SwapTypeCount - 1;
        Take("marker", btf.HasTypedef("pte_marker") ? 1 : 0);
        // Four until 6.15, which has one type for exclusive entries instead of two.
        Take("device", btf.FindFunction("make_device_exclusive") is not null ? 3 : btf.FindFunction("make_device_exclusive_range") is not null ? 4 : 0);
        Take("migration", btf.FindFunction("migrate_pages") is not null ? 3 : 0);
        Take("hwpoison", btf.FindFunction("memory_failure") is not null ? 1 : 0);
        return types;

        void Take(string meaning, int count)
        {
            for (; count > 0; count--)
                types[next--.ToString(CultureInfo.InvariantCulture)] = meaning;
        }
    }

    // "always [madvise] never"
    private static string? Chosen(string path)
        => File.Exists(path) && File.ReadAllText(path).Split('[', ']') is [_, var chosen, ..] ? chosen : null;

    // "hugepages-64kB"
    private static int SizeKiB(string folder)
        => int.TryParse(folder.AsSpan(folder.LastIndexOf('-') + 1).TrimEnd("kB"), CultureInfo.InvariantCulture, out var size) ? size : 0;

    // "/dev/zram0    partition  262140  0  -2" below a line of headings; a space in a path is \040.
    internal static IReadOnlyList<SwapArea> ReadSwaps(IEnumerable<string> swaps)
        => [.. swaps.Skip(1).Select(line => line.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries))
            .Where(words => words.Length > 2).Select(words => new SwapArea(words[0], long.Parse(words[2], CultureInfo.InvariantCulture)))];

    // "0-3,8-11"; empty for a node without CPUs.
    internal static IEnumerable<NumaCpus> ReadCpus(int node, string cpus)
    {
        foreach (var range in cpus.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var ends = range.Split('-');
            var first = int.Parse(ends[0], CultureInfo.InvariantCulture);
            yield return new NumaCpus(node, first, int.Parse(ends[^1], CultureInfo.InvariantCulture) + 1);
        }
    }

    // "Node 0, zone      DMA", "        spanned  4095", "  start_pfn:           1"
    internal static IReadOnlyList<NumaRange> ReadNodes(IEnumerable<string> zoneinfo)
    {
        var ranges = new List<NumaRange>();
        var (node, spanned) = (0, 0L);
        foreach (var line in zoneinfo)
        {
            switch (line.Split([' ', ','], StringSplitOptions.RemoveEmptyEntries))
            {
                case ["Node", var number, "zone", ..]:
                    node = int.Parse(number, CultureInfo.InvariantCulture);
                    break;
                case ["spanned", var pages]:
                    spanned = long.Parse(pages, CultureInfo.InvariantCulture);
                    break;
                case ["start_pfn:", var first] when spanned > 0:
                    Add(node, long.Parse(first, CultureInfo.InvariantCulture));
                    break;
            }
        }

        return ranges;

        void Add(int node, long first)
        {
            if (ranges.Count > 0 && ranges[^1] is var last && last.Node == node && last.EndPfn == first)
                ranges[^1] = last with { EndPfn = first + spanned };
            else
                ranges.Add(new NumaRange(node, first, first + spanned));
        }
    }
}
