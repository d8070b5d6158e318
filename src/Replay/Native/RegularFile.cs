using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Replay.Native;

/// <summary>Files that a trace names: what is not a regular file is never opened, since opening alone can do things (devices, pipes).</summary>
internal static class RegularFile
{
    private const int OpenPath = 0x20_0000; // O_*, asm-generic/fcntl.h
    private const int OpenClosedOnExec = 0x8_0000;
    private const int EmptyPath = 0x1000; // AT_EMPTY_PATH
    private const uint TypeAndSize = 0x201; // STATX_TYPE | STATX_SIZE
    private const int StatxBytes = 256;
    private const int ModeOffset = 28; // stx_mode and stx_size, uapi/linux/stat.h
    private const int SizeOffset = 40;
    private const int TypeMask = 0xf000;
    private const int TypeRegular = 0x8000;

    /// <param name="least">Bytes that it must have more than.</param>
    /// <returns>To be read; null: no such file, no regular one, a shorter one, or none that this user may read.</returns>
    // SAFETY: statx writes 256 bytes, into a buffer of that size.
    public static unsafe SafeFileHandle? Open(string path, ulong least)
    {
        var fd = Libc.Open(path, OpenPath | OpenClosedOnExec);
        if (fd < 0)
            return null;
        using var found = new SafeFileHandle(fd, ownsHandle: true);
        var stat = stackalloc byte[StatxBytes];
        if (Libc.Statx(fd, "", EmptyPath, TypeAndSize, stat) != 0)
            return null;
        var facts = new ReadOnlySpan<byte>(stat, StatxBytes);
        var isRegular = (BinaryPrimitives.ReadUInt16LittleEndian(facts[ModeOffset..]) & TypeMask) == TypeRegular;
        if (!isRegular || BinaryPrimitives.ReadUInt64LittleEndian(facts[SizeOffset..]) <= least)
            return null;
        // The same file, whatever lies under its path by now.
        var read = Libc.Open($"/proc/self/fd/{fd}", OpenClosedOnExec);
        return read < 0 ? null : new SafeFileHandle(read, ownsHandle: true);
    }
}
