using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Recorder.Native;

/// <summary>What holds the files.</summary>
// SAFETY: fstatfs writes one struct statfs, 120 bytes, into a local of that size.
internal static unsafe partial class FileSystems
{
    private const long NoSetUid = 0x2; // ST_NOSUID

    /// <summary>f_type of file systems that this kernel runs on disks of its own, uapi/linux/magic.h; no FUSE and no network.</summary>
    private static readonly long[] Local =
    [
        0xef53, // ext2, ext3, ext4
        0x58465342, // xfs
        0x9123683e, // btrfs
        0xf2f52010, // f2fs
        0xca451a4e, // bcachefs
        0x2fc12fc1, // zfs
        0x73717368, // squashfs
        0xe0f5e1e2, // erofs
        0x794c7630, // overlayfs
    ];

    /// <summary>
    /// This kernel alone says who owns the files there and when they changed. What users may mount by themselves, such as a stick, has whatever
    /// owners it was made with, and is always mounted without set-uid programs.
    /// </summary>
    public static bool IsTrusted(SafeFileHandle file)
    {
        // f_type, f_bsize, f_blocks, f_bfree, f_bavail, f_files, f_ffree, f_fsid, f_namelen, f_frsize, f_flags, f_spare[4].
        var status = stackalloc long[15];
        return Fstatfs((int)file.DangerousGetHandle(), status) == 0 && Array.IndexOf(Local, status[0]) >= 0 && (status[10] & NoSetUid) == 0;
    }

    [LibraryImport("libc", EntryPoint = "fstatfs", SetLastError = true)]
    private static partial int Fstatfs(int fd, long* status);
}
