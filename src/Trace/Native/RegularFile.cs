using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Traces.Native;

/// <summary>
/// Opens files that somebody else named. What is not a regular file is not opened: a FIFO would hold us up until somebody writes to it, and a
/// device can act on being opened.
/// </summary>
// SAFETY: statx writes 256 bytes, into a buffer of that size.
internal static unsafe partial class RegularFile
{
    private const string Library = "libc";

    // asm-generic/fcntl.h
    private const int NoTerminal = 0x100;
    private const int NonBlocking = 0x800;
    private const int ClosedOnExec = 0x8_0000;
    private const int CurrentFolder = -100; // AT_FDCWD
    private const int EmptyPath = 0x1000; // AT_EMPTY_PATH

    // uapi/linux/stat.h
    private const uint StatxType = 1;
    private const int StatxBytes = 256;
    private const int ModeOffset = 28;
    private const int TypeMask = 0xf000;
    private const int TypeRegular = 0x8000;

    /// <exception cref="NotSupportedException">It is not a regular file.</exception>
    /// <exception cref="IOException">As <see cref="File.OpenHandle"/> says, and whatever else that throws.</exception>
    public static SafeFileHandle Open(string path)
    {
        if (!OperatingSystem.IsLinux())
            return File.OpenHandle(path);
        if (IsOther(path))
            throw new NotSupportedException($"{path} is not a regular file");
        var fd = OpenNative(path, NoTerminal | NonBlocking | ClosedOnExec);
        if (fd < 0)
            return File.OpenHandle(path); // knows what to throw
        var file = new SafeFileHandle(fd, ownsHandle: true);
        if (!IsOther(fd, "", EmptyPath))
            return file;
        file.Dispose();
        throw new NotSupportedException($"{path} is not a regular file");
    }

    /// <summary>There is something under this name, and it is not a regular file.</summary>
    public static bool IsOther(string path) => OperatingSystem.IsLinux() && IsOther(CurrentFolder, path, 0);

    private static bool IsOther(int folder, string path, int flags)
    {
        var stat = stackalloc byte[StatxBytes];
        return Statx(folder, path, flags, StatxType, stat) == 0 && (*(ushort*)(stat + ModeOffset) & TypeMask) != TypeRegular;
    }

    [LibraryImport(Library, EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenNative(string path, int flags);

    [LibraryImport(Library, EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statx(int folder, string path, int flags, uint mask, byte* result);
}
