using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Recorder.Native;

// SAFETY: fstatvfs writes one struct statvfs, 112 bytes, into a local that is larger.
internal static unsafe partial class DiskSpace
{
    /// <summary>struct statvfs of glibc on 64 bit: f_bsize, f_frsize, f_blocks, f_bfree, f_bavail, …</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Statvfs
    {
        public ulong BlockSize;
        public ulong FragmentSize;
        public ulong Blocks;
        public ulong Free;
        public ulong Available;
        public fixed ulong Rest[16];
    }

    /// <summary>Bytes that an unprivileged process could still write where the file is.</summary>
    public static long AvailableBytes(SafeFileHandle file)
    {
        Statvfs statistics;
        Errno.ThrowIfFailed(Fstatvfs((int)file.DangerousGetHandle(), &statistics), "fstatvfs of the spool");
        return (long)Math.Min((ulong)long.MaxValue, statistics.Available * statistics.FragmentSize);
    }

    [LibraryImport("libc", EntryPoint = "fstatvfs", SetLastError = true)]
    private static partial int Fstatvfs(int fd, Statvfs* statistics);
}
