using System.Globalization;
using Faultrec.Recorder.Native;
using Faultrec.Traces;

namespace Faultrec.Recorder.Kernel;

/// <summary>Finds a cgroup of version 2, the one hierarchy that BPF sees.</summary>
internal static class Cgroup
{
    private const string FileSystem = "cgroup2";

    /// <summary>Its directory, and the kernel's id of it, which is the directory's inode number (cgroups(7), kernfs).</summary>
    /// <param name="path">A directory, or a path below the hierarchy's mount as /proc/PID/cgroup shows it.</param>
    /// <exception cref="FaultrecException">There is no such cgroup.</exception>
    public static (string Folder, ulong Id) Find(string path)
    {
        var mounts = KernelFile.MountPoints(FileSystem);
        if (mounts.Count == 0)
        {
            throw new FaultrecException(ExitCode.NotPermitted,
                $"--cgroup {path}: no cgroup v2 hierarchy is mounted here; `mount -t cgroup2 none /sys/fs/cgroup` mounts it");
        }

        string[] candidates = [Path.GetFullPath(path), .. mounts.Select(mount => Path.Join(mount, path))];
        var found = candidates.FirstOrDefault(candidate => Directory.Exists(candidate) && mounts.Any(mount => IsBelow(candidate, mount)));
        if (found is not null)
            return (found, Libc.InodeOf(found));
        throw new FaultrecException(
            ExitCode.Usage,
            Directory.Exists(path)
                ? $"--cgroup {path}: is not a cgroup of version 2; expected a directory below {mounts[0]}"
                : $"--cgroup {path}: no such cgroup; expected a directory below {mounts[0]}: `cat /proc/PID/cgroup` shows that of a process");
    }

    /// <summary>Of the cgroup in this directory and of those below; none if it is gone.</summary>
    public static IReadOnlyList<int> Processes(string folder)
    {
        try
        {
            return [.. Directory.EnumerateDirectories(folder, "*", SearchOption.AllDirectories).Prepend(folder).SelectMany(PidsIn)];
        }
        catch (DirectoryNotFoundException)
        {
            return [];
        }
    }

    // It can be removed meanwhile. 0: a process that is not visible here.
    private static IEnumerable<int> PidsIn(string folder)
    {
        try
        {
            return [.. File.ReadLines(Path.Combine(folder, "cgroup.procs")).Select(line => int.Parse(line, CultureInfo.InvariantCulture))
                .Where(pid => pid != 0)];
        }
        catch (IOException)
        {
            return [];
        }
    }

    public static bool IsBelow(string path, string mount)
        => path == mount || path.StartsWith(mount.TrimEnd('/') + '/', StringComparison.Ordinal);
}
