using Microsoft.Win32.SafeHandles;

namespace Faultrec.Recorder.Native;

/// <summary>fstat(2): what tells whether a file is the one that is meant.</summary>
/// <param name="ChangedAt">st_ctim: of the contents, the name or the permissions; nobody can set it.</param>
internal readonly record struct FileStatus(ulong Inode, bool IsRegular, uint Owner, long Bytes, DateTimeOffset ModifiedAt, DateTimeOffset ChangedAt)
{
    private const uint TypeMask = 0xf000; // S_IFMT
    private const uint Regular = 0x8000; // S_IFREG
    private const long NsPerTick = 100;
    private static readonly long LastSecond = DateTimeOffset.MaxValue.ToUnixTimeSeconds() - 1;

    /// <summary>Null: fstat fails.</summary>
    // SAFETY: fstat writes a struct stat, which is 144 bytes, as are these 18 words.
    public static unsafe FileStatus? Read(SafeFileHandle file)
    {
        // struct stat of x86-64: st_dev, st_ino, st_nlink, st_mode with st_uid above, st_gid, st_rdev, st_size, … st_mtim, st_ctim.
        var stat = stackalloc ulong[18];
        if (Libc.Fstat((int)file.DangerousGetHandle(), stat) != 0)
            return null;
        return new FileStatus(stat[1], ((uint)stat[3] & TypeMask) == Regular, (uint)(stat[3] >> 32), (long)stat[6], Time(stat + 11), Time(stat + 13));
    }

    // Whoever owns a file can say that it was modified in any year.
    // SAFETY: the struct timespec is two words within the buffer of Read.
    private static unsafe DateTimeOffset Time(ulong* timespec)
        => DateTimeOffset.FromUnixTimeSeconds(Math.Clamp((long)timespec[0], 0, LastSecond)).AddTicks((long)timespec[1] / NsPerTick);
}

/// <summary>
/// Which file it is, and with which contents: whatever changes them changes the change time, which is set by the clock alone. The clock has ticks, so
/// this holds for files that were not changed a moment ago.
/// </summary>
internal readonly record struct FileVersion(ulong Device, ulong Inode, long Bytes, long ModifiedNs, long ChangedNs)
{
    private const long NsPerSecond = 1_000_000_000;

    /// <summary>Null: there is no such file.</summary>
    // SAFETY: stat writes a struct stat, which is 144 bytes, as are these 18 words.
    public static unsafe FileVersion? Of(string path)
    {
        var stat = stackalloc ulong[18];
        return Libc.Stat(path, stat) == 0 ? Of(stat) : null;
    }

    // SAFETY: the callers' buffers hold a struct stat; see FileStatus.Read.
    public static unsafe FileVersion Of(ulong* stat)
        => new(stat[0], stat[1], (long)stat[6], (long)stat[11] * NsPerSecond + (long)stat[12], (long)stat[13] * NsPerSecond + (long)stat[14]);
}

/// <summary>A filesystem root: ours, or that of a process in another mount namespace.</summary>
internal sealed class RootFolder : IDisposable
{
    private const int NoFollow = 0x20000; // O_NOFOLLOW
    private const ulong ResolveInRoot = 0x10 | 0x02; // RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS
    private readonly FdHandle _root;

    private RootFolder(FdHandle root) => _root = root;

    /// <summary>Before an absolute path as the process sees it.</summary>
    public static string PathOf(int pid) => $"/proc/{pid}/root";

    /// <summary>Null: it is gone, or not ours to look at.</summary>
    public static RootFolder? TryOpen(string path)
    {
        var fd = Libc.Open(path, Libc.OPath | Libc.OCloexec, 0);
        return fd < 0 ? null : new RootFolder(new FdHandle(fd));
    }

    /// <summary>
    /// A regular file below the root, to read. Links on the way stay inside it (openat2(2)): its owner is not trusted; the last
    /// name must be no link, and a pipe does not hold us up.
    /// </summary>
    // SAFETY: openat2 reads a struct open_how of the size that it is told, three words of this frame.
    public unsafe SafeFileHandle? TryOpenFile(string path, out FileStatus status)
    {
        status = default;
        var how = stackalloc ulong[3] { NoFollow | Libc.ONonblock | Libc.OCloexec, 0, ResolveInRoot }; // struct open_how
        var fd = Libc.Openat2(_root.Fd, path, how, 3 * sizeof(ulong));
        if (fd < 0)
            return null;
        var file = new SafeFileHandle(fd, ownsHandle: true);
        if (FileStatus.Read(file) is { IsRegular: true } found)
        {
            status = found;
            return file;
        }

        file.Dispose();
        return null;
    }

    public void Dispose() => _root.Dispose();
}
