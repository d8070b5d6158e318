using System.Globalization;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Kernel;

/// <summary>The memory controller of a target's cgroup, from the beginning of a recording to its end.</summary>
internal sealed class MemoryController
{
    private const string MachinePressure = "/proc/pressure/memory";

    private readonly Place? _limited;
    private readonly string _pressureFile;
    private readonly Counters _before;

    /// <param name="Name">As /proc/PID/cgroup has it.</param>
    /// <param name="File">The file with the lowest limit.</param>
    private sealed record Place(string Folder, string Name, string File, long Bytes);

    private readonly record struct Counters(long? LimitHits, long? OomKills, long? SomeNs, long? FullNs);

    private MemoryController(Place? limited)
    {
        _limited = limited;
        var ofCgroup = limited is null ? "" : Path.Join(limited.Folder, "memory.pressure");
        _pressureFile = File.Exists(ofCgroup) ? ofCgroup : MachinePressure;
        _before = Read();
    }

    /// <param name="pid">The process whose cgroup is meant; 0: none.</param>
    /// <param name="cgroup">The folder of a cgroup of version 2, in the place of a process; null: none.</param>
    public static MemoryController Of(int pid, string? cgroup)
    {
        var folders = cgroup is not null ? FoldersOf(cgroup) : pid != 0 ? FoldersOf(pid) : [];
        return new MemoryController(folders.SelectMany(Limits).MinBy(place => place.Bytes));
    }

    public MemoryPressure End()
    {
        var now = Read();
        return new MemoryPressure(
            _limited?.Name, _limited?.File, _limited?.Bytes, now.LimitHits - _before.LimitHits, now.OomKills - _before.OomKills,
            now.SomeNs - _before.SomeNs, now.FullNs - _before.FullNs, _pressureFile == MachinePressure);
    }

    /// <summary>The number after a word that begins a line: "oom_kill 3".</summary>
    internal static long? NumberAfter(string? text, string word)
        => LineOf(text, word) is { } line && long.TryParse(line[(word.Length + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;

    /// <summary>Of "some avg10=0.00 avg60=0.00 avg300=0.00 total=1234", in µs.</summary>
    internal static long? StallNs(string? text, string word)
        => LineOf(text, word)?.Split("total=") is [_, var total]
            && long.TryParse(total, NumberStyles.None, CultureInfo.InvariantCulture, out var us)
            ? us * 1000
            : null;

    private static string? LineOf(string? text, string word)
        => text?.Split('\n').FirstOrDefault(line => line.StartsWith(word + ' ', StringComparison.Ordinal));

    private Counters Read()
    {
        var pressure = KernelFile.ReadText(_pressureFile);
        var (some, full) = (StallNs(pressure, "some"), StallNs(pressure, "full"));
        if (_limited is null)
            return new Counters(null, null, some, full);
        if (_limited.File == "memory.limit_in_bytes")
        {
            long? hits = long.TryParse(Text("memory.failcnt"), NumberStyles.None, CultureInfo.InvariantCulture, out var count) ? count : null;
            return new Counters(hits, NumberAfter(Text("memory.oom_control"), "oom_kill"), some, full);
        }

        var events = Text("memory.events");
        return new Counters(NumberAfter(events, _limited.File["memory.".Length..]), NumberAfter(events, "oom_kill"), some, full);

        string? Text(string name) => KernelFile.ReadText(Path.Join(_limited.Folder, name));
    }

    private static IReadOnlyList<(string Folder, string Name)> FoldersOf(string cgroup)
        => KernelFile.MountPoints("cgroup2").FirstOrDefault(mount => Cgroup.IsBelow(cgroup, mount)) is { } mount ? UpTo(mount, cgroup[mount.Length..]) : [];

    /// <summary>The folders of a process's cgroup and of those above it, in the hierarchy that has the memory controller.</summary>
    private static IReadOnlyList<(string Folder, string Name)> FoldersOf(int pid)
    {
        // cgroups(7): hierarchy, controllers, path; the one of version 2 is 0 and names none.
        foreach (var line in (KernelFile.ReadText($"/proc/{pid}/cgroup") ?? "").Split('\n'))
        {
            if (line.Split(':', 3) is not [var hierarchy, var controllers, var path])
                continue;
            var isV1 = controllers.Split(',').Contains("memory");
            if (!isV1 && hierarchy != "0")
                continue;
            var mount = KernelFile.MountPoints(isV1 ? "cgroup" : "cgroup2")
                .FirstOrDefault(mount => !isV1 || File.Exists(Path.Join(mount, "memory.limit_in_bytes")));
            if (mount is null)
                continue;
            // In a container the mount can begin at the container's own cgroup, of which the path tells the place outside.
            var folders = UpTo(mount, Directory.Exists(Path.Join(mount, path)) ? path : "/");
            if (folders.Any(folder => Limits(folder).Any()))
                return folders;
        }

        return [];
    }

    private static List<(string Folder, string Name)> UpTo(string mount, string path)
    {
        var folders = new List<(string, string)>();
        for (var name = path.TrimEnd('/'); name.Length > 0; name = name[..name.LastIndexOf('/')])
            folders.Add((Path.Join(mount, name), name));
        folders.Add((mount, "/"));
        return folders;
    }

    // cgroup v1 has no word for "no limit", but a number of pages that no machine has.
    private static IEnumerable<Place> Limits((string Folder, string Name) cgroup)
    {
        foreach (var file in (string[])["memory.max", "memory.high", "memory.limit_in_bytes"])
        {
            if (long.TryParse(KernelFile.ReadText(Path.Join(cgroup.Folder, file)), NumberStyles.None, CultureInfo.InvariantCulture, out var bytes)
                && bytes < 1L << 60)
            {
                yield return new Place(cgroup.Folder, cgroup.Name, file, bytes);
            }
        }
    }
}
