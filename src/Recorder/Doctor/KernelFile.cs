using Faultrec.Recorder.Native;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Recorder.Doctoring;

/// <summary>Files of the kernel that may not be there or not be for everybody.</summary>
internal static class KernelFile
{
    /// <summary>
    /// The bytes, or why there are none. Read to the end: the lengths that such files report are wrong (sysfs 4096, procfs 0), which
    /// File.ReadAllBytes takes for a truncated file.
    /// </summary>
    public static (byte[]? Bytes, string Why) Read(string path)
    {
        try
        {
            using var file = File.OpenHandle(path);
            return ReadToEnd(file);
        }
        catch (UnauthorizedAccessException)
        {
            return (null, "permission denied");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return (null, "not there");
        }
        catch (IOException)
        {
            return (null, "not readable");
        }
    }

    // By read(2): .NET reads such files with pread, which took 340,000 calls for one kallsyms; doctor took 0.7 s, and takes 0.1 now.
    private static unsafe (byte[]? Bytes, string Why) ReadToEnd(SafeFileHandle file)
    {
        var all = new MemoryStream();
        var buffer = new byte[64 * 1024];
        nint length;
        do
        {
            // SAFETY: the buffer is pinned for the call, and the file is open until the caller disposes it.
            fixed (byte* start = buffer)
                length = Libc.Read((int)file.DangerousGetHandle(), start, (nuint)buffer.Length);
            if (length < 0)
                return (null, "not readable");
            all.Write(buffer, 0, (int)length);
        }
        while (length > 0);
        return (all.ToArray(), "");
    }

    /// <summary>Trimmed text; null when it cannot be read.</summary>
    public static string? ReadText(string path) => Read(path).Bytes is { } bytes ? System.Text.Encoding.UTF8.GetString(bytes).Trim() : null;

    /// <summary>
    /// Where a file system is mounted, as /proc/mounts says. Not by looking at the usual places: on a machine with debugfs, the mere
    /// look at its tracing folder mounts one.
    /// </summary>
    public static string? MountPoint(string fileSystem) => MountPoints(fileSystem).FirstOrDefault();

    // proc_pid_mounts(5): device, mount point, type, …
    public static IReadOnlyList<string> MountPoints(string fileSystem)
        => [.. (ReadText("/proc/mounts") ?? "").Split('\n').Select(line => line.Split(' ')).Where(fields => fields.Length > 2 && fields[2] == fileSystem).Select(fields => fields[1])];
}
