using System.Text.Json;

namespace Faultrec.Live.Tests;

/// <summary>What a recording leaves in the kernel when it does not clean up.</summary>
internal static class KernelObjects
{
    private const string Bpftool = "/usr/sbin/bpftool";

    /// <summary>BPF programs, maps and links, and processes called faultrec, each by kind and id.</summary>
    public static HashSet<string> All()
    {
        HashSet<string> found = [.. Held(), .. Processes()];
        if (File.Exists(Bpftool) && Environment.IsPrivilegedProcess)
            found.UnionWith(((string[])["prog", "map", "link"]).SelectMany(Loaded));
        return found;
    }

    // What the kernel has loaded, whoever holds it.
    private static IEnumerable<string> Loaded(string kind)
    {
        var list = Running.ToEnd(Bpftool, "-j", kind, "show").Output;
        using var json = JsonDocument.Parse(list.Length == 0 ? "[]" : list);
        return [.. json.RootElement.EnumerateArray().Select(item => $"{kind} {item.GetProperty("id").GetInt32()}")];
    }

    // "anon_inode:bpf-prog", "anon_inode:bpf-map", "anon_inode:bpf_link", "anon_inode:[perf_event]"
    private static IEnumerable<string> Held()
    {
        foreach (var folder in Directory.EnumerateDirectories("/proc").Where(path => int.TryParse(Path.GetFileName(path), out _)))
        {
            foreach (var link in Links(folder).Where(link => link.StartsWith("anon_inode:", StringComparison.Ordinal)))
            {
                if (link.Contains("bpf", StringComparison.Ordinal) || link.Contains("perf_event", StringComparison.Ordinal))
                    yield return $"{link} of {Path.GetFileName(folder)}";
            }
        }
    }

    private static List<string> Links(string processFolder)
    {
        try
        {
            return [.. Directory.EnumerateFiles(Path.Combine(processFolder, "fd")).Select(path => new FileInfo(path).LinkTarget ?? "")];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return []; // It ended meanwhile, or is somebody else's.
        }
    }

    private static IEnumerable<string> Processes()
        => System.Diagnostics.Process.GetProcessesByName("faultrec").Select(process => $"process {process.Id}");
}
