using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Traces.Native;

/// <summary>System calls on files by folder and name, as Linux's libc has them. Errors: -1 and errno.</summary>
// SAFETY: declarations as in the manual; nothing keeps a pointer beyond its call.
internal static unsafe partial class FileCalls
{
    public const int ReadOnly = 0; // O_*, asm-generic/fcntl.h
    public const int WriteOnly = 1;
    public const int ReadWrite = 2;
    public const int Create = 0x40;
    public const int Exclusive = 0x80;
    public const int NoTerminal = 0x100; // O_NOCTTY
    public const int NonBlocking = 0x800;
    public const int CloseOnExec = 0x8_0000;
    public const int PathOnly = 0x20_0000;
    public const int CurrentFolder = -100; // AT_FDCWD
    public const int LinkItself = 0x100; // AT_SYMLINK_NOFOLLOW
    public const int FollowLink = 0x400; // AT_SYMLINK_FOLLOW
    public const int EmptyPath = 0x1000; // AT_EMPTY_PATH
    public const int RemoveFolder = 0x200; // AT_REMOVEDIR
    public const uint NoReplace = 1; // RENAME_NOREPLACE
    public const int LockShared = 1; // LOCK_*
    public const int LockExclusive = 2;
    public const int LockAtOnce = 4;
    public const int SetStatusFlags = 4; // F_SETFL
    public const int StatxBytes = 256;
    public const uint BasicStatx = 0x7ff; // STATX_BASIC_STATS

    public const int Enoent = 2;
    public const int Eintr = 4;
    public const int Enxio = 6;
    public const int Eagain = 11;
    public const int Eexist = 17;
    public const int Enotdir = 20;
    public const int Einval = 22;

    private const string Library = "libc";

    // The two that arm and powerpc number in their own way (their asm/fcntl.h).
    private static readonly bool OwnNumbers = RuntimeInformation.ProcessArchitecture is Architecture.Arm or Architecture.Armv6 or Architecture.Arm64
        or Architecture.Ppc64le;

    public static int Folder { get; } = OwnNumbers ? 0x4000 : 0x1_0000; // O_DIRECTORY

    public static int NoFollow { get; } = OwnNumbers ? 0x8000 : 0x2_0000;

    /// <summary>O_TMPFILE.</summary>
    public static int Unnamed { get; } = 0x40_0000 | Folder;

    [LibraryImport(Library, EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Open(string path, int flags, uint mode);

    [LibraryImport(Library, EntryPoint = "openat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Openat(SafeFileHandle folder, string path, int flags, uint mode);

    [LibraryImport(Library, EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Statx(SafeFileHandle folder, string path, int flags, uint mask, byte* result);

    [LibraryImport(Library, EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Statx(int folder, string path, int flags, uint mask, byte* result);

    [LibraryImport(Library, EntryPoint = "linkat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Linkat(SafeFileHandle fromFolder, string from, SafeFileHandle toFolder, string to, int flags);

    [LibraryImport(Library, EntryPoint = "linkat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Linkat(int fromFolder, string from, SafeFileHandle toFolder, string to, int flags);

    [LibraryImport(Library, EntryPoint = "renameat2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Renameat2(SafeFileHandle fromFolder, string from, SafeFileHandle toFolder, string to, uint flags);

    [LibraryImport(Library, EntryPoint = "unlinkat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Unlinkat(SafeFileHandle folder, string path, int flags);

    [LibraryImport(Library, EntryPoint = "mkdirat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Mkdirat(SafeFileHandle folder, string path, uint mode);

    [LibraryImport(Library, EntryPoint = "mkfifoat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Mkfifoat(SafeFileHandle folder, string path, uint mode);

    [LibraryImport(Library, EntryPoint = "fchmod", SetLastError = true)]
    public static partial int Fchmod(SafeFileHandle file, uint mode);

    [LibraryImport(Library, EntryPoint = "fchown", SetLastError = true)]
    public static partial int Fchown(SafeFileHandle file, uint uid, uint gid);

    [LibraryImport(Library, EntryPoint = "fsync", SetLastError = true)]
    public static partial int Fsync(SafeFileHandle file);

    [LibraryImport(Library, EntryPoint = "flock", SetLastError = true)]
    public static partial int Flock(SafeFileHandle file, int operation);

    [LibraryImport(Library, EntryPoint = "fcntl", SetLastError = true)]
    public static partial int Fcntl(SafeFileHandle file, int command, int argument);

    [LibraryImport(Library, EntryPoint = "dup", SetLastError = true)]
    public static partial int Dup(int fd);

    [LibraryImport(Library, EntryPoint = "write", SetLastError = true)]
    public static partial nint Write(SafeFileHandle file, byte* bytes, nint length);

    [LibraryImport(Library, EntryPoint = "geteuid")]
    public static partial uint Geteuid();

    /// <returns>The mask before.</returns>
    [LibraryImport(Library, EntryPoint = "umask")]
    public static partial uint Umask(uint mask);

    /// <summary>The failure of the call before, with errno as HResult, as the runtime's own have it.</summary>
    public static IOException Failure() => Failure(Marshal.GetLastPInvokeError());

    public static IOException Failure(int errno) => new(Marshal.GetPInvokeErrorMessage(errno), errno);

    public static void ThrowIfFailed(int result)
    {
        if (result < 0)
            throw Failure();
    }
}
