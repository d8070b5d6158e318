using System.Globalization;
using System.Runtime.InteropServices;
using Faultrec.Traces;

namespace Faultrec.Recorder.Kernel;

/// <summary>Facts about the running machine, from /proc and /sys.</summary>
internal static class Machine
{
    /// <summary>"none [integrity] confidentiality"</summary>
    public const string LockdownFile = "/sys/kernel/security/lockdown";

    private const string BootIdFile = "/proc/sys/kernel/random/boot_id";

    public static IReadOnlyList<int> OnlineCpus => ParseList(File.ReadAllText("/sys/devices/system/cpu/online"));

    /// <summary>One more than the highest CPU number that can ever come online: the size of per-CPU tables.</summary>
    public static int PossibleCpus => ParseList(File.ReadAllText("/sys/devices/system/cpu/possible"))[^1] + 1;

    /// <summary>Requires the file systems that recording needs.</summary>
    /// <exception cref="FaultrecException">One is missing, as in a bare chroot or container.</exception>
    public static void RequireFileSystems()
    {
        RequireProc();
        Require("/sys", "sysfs", "/sys/devices/system/cpu");
    }

    /// <summary>Requires the file system needed to start this executable again.</summary>
    /// <exception cref="FaultrecException">It is missing.</exception>
    public static void RequireProc() => Require("/proc", "proc", "/proc/self");

    private static void Require(string folder, string type, string has)
    {
        if (!Directory.Exists(has))
        {
            throw new FaultrecException(ExitCode.NotPermitted,
                $"{folder}: is not mounted here ({has} is missing); expected the kernel's files there; `mount -t {type} {type} {folder}`");
        }
    }

    public static string KernelRelease => File.ReadAllText("/proc/sys/kernel/osrelease").Trim();

    /// <summary>Differs from boot to boot, as the kernel's addresses do (random(4)); null where there is none.</summary>
    public static string? BootId => File.Exists(BootIdFile) ? File.ReadAllText(BootIdFile).Trim() : null;

    public static string Arch => RuntimeInformation.OSArchitecture == Architecture.X64 ? "x86_64" : "aarch64";

    /// <summary>Inode of the recorder's pid namespace (namespaces(7)): "pid:[4026531836]".</summary>
    public static uint PidNamespaceInum
    {
        get
        {
            var link = new FileInfo("/proc/self/ns/pid").LinkTarget!;
            return uint.Parse(link["pid:[".Length..^1], CultureInfo.InvariantCulture);
        }
    }

    public static IReadOnlyList<int> ThreadsOf(int pid)
        => [.. Directory.GetDirectories($"/proc/{pid}/task").Select(path => int.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture)).Order()];

    /// <summary>"integrity" or "confidentiality"; null if the kernel is not locked down or does not say (kernel_lockdown(7)).</summary>
    public static string? Lockdown
        => KernelFile.ReadText(LockdownFile)?.Split('[', ']') is [_, not "none" and var chosen, ..] ? chosen : null;

    public static IEnumerable<int> Processes()
        => Directory.EnumerateDirectories("/proc")
            .Select(path => int.TryParse(Path.GetFileName(path.AsSpan()), CultureInfo.InvariantCulture, out var pid) ? pid : 0)
            .Where(pid => pid != 0);

    // "0-3,8": Documentation/admin-guide/cputopology.rst
    private static IReadOnlyList<int> ParseList(string text)
    {
        var cpus = new List<int>();
        foreach (var range in text.Trim().Split(','))
        {
            var ends = range.Split('-');
            var first = int.Parse(ends[0], CultureInfo.InvariantCulture);
            var last = int.Parse(ends[^1], CultureInfo.InvariantCulture);
            cpus.AddRange(Enumerable.Range(first, last - first + 1));
        }

        return cpus;
    }
}
