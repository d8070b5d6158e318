using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Recorder.Native;

/// <summary>Why a file was not opened.</summary>
internal enum NotOpened
{
    /// <summary>It was.</summary>
    None,
    Missing,
    NotPermitted,

    /// <summary>A device, a pipe, a socket or a folder.</summary>
    NotRegular,
}

/// <summary>A regular file, opened for reading. Nothing happens to a pipe or a device under its name, and nothing waits for one.</summary>
/// <param name="Path">Under which it was opened.</param>
/// <param name="Mode">st_mode.</param>
internal sealed record RegularFile(SafeFileHandle File, string Path, FileVersion Version, uint Owner, uint Mode) : IDisposable
{
    private const uint TypeMask = 0xf000; // S_IFMT
    private const uint Regular = 0x8000; // S_IFREG
    private const uint OthersRead = 0x4; // S_IROTH
    private const uint OthersWrite = 0x12; // S_IWGRP, S_IWOTH

    public ulong Device => Version.Device;

    public ulong Inode => Version.Inode;

    /// <summary>Anyone may read what it holds.</summary>
    public bool IsPublic => (Mode & OthersRead) != 0;

    /// <summary>Its group, or anyone, may change what it holds.</summary>
    public bool IsSharedToWrite => (Mode & OthersWrite) != 0;

    // SAFETY: fstat writes a struct stat, which is 144 bytes, as are these 18 words.
    public static unsafe RegularFile? TryOpen(string path, out NotOpened why)
    {
        // The name is resolved once, without opening what it leads to; what was looked at is what is then opened.
        using var place = new FdHandle(Libc.Open(path, Libc.OPath | Libc.OCloexec, 0));
        if (place.IsInvalid)
        {
            why = Marshal.GetLastPInvokeError() is Errno.Enoent or Errno.Enotdir ? NotOpened.Missing : NotOpened.NotPermitted;
            return null;
        }
        // struct stat of x86-64: st_dev, st_ino, st_nlink, st_mode with st_uid above, … in 144 bytes.
        var stat = stackalloc ulong[18];
        if (Libc.Fstat(place.Fd, stat) != 0 || ((uint)stat[3] & TypeMask) != Regular)
        {
            why = NotOpened.NotRegular;
            return null;
        }

        var fd = Libc.Open($"/proc/self/fd/{place.Fd}", Libc.ONonblock | Libc.OCloexec, 0);
        why = fd < 0 ? NotOpened.NotPermitted : NotOpened.None;
        return fd < 0 ? null : new RegularFile(
            new SafeFileHandle(fd, ownsHandle: true), path, FileVersion.Of(stat), (uint)(stat[3] >> 32), (uint)stat[3]);
    }

    public void Dispose() => File.Dispose();
}
