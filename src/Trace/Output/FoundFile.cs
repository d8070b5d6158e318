using System.Buffers.Binary;
using Faultrec.Traces.Native;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Traces.Output;

internal enum FileKind
{
    Regular,
    Folder,
    Link,
    Pipe,
    Socket,
    CharacterDevice,
    BlockDevice,
    Other,
}

/// <summary>Two names with the same identity are one file; default where the system tells none.</summary>
internal readonly record struct FileIdentity(ulong Device, ulong Inode);

/// <summary>What a name or a descriptor stands for; a link at the end of a path is not followed unless said.</summary>
/// <param name="Mode">Permission bits.</param>
/// <param name="Links">How many names it has; 0: it was removed.</param>
internal readonly record struct FoundFile(FileKind Kind, UnixFileMode Mode, uint Owner, uint Group, uint Links, long Bytes, FileIdentity Identity)
{
    private const int PermissionBits = 0xfff;

    /// <summary>For messages: "is {Description}".</summary>
    public string Description => Kind switch
    {
        FileKind.Regular => "a file",
        FileKind.Folder => "a directory",
        FileKind.Link => "a symbolic link",
        FileKind.Pipe => "a named pipe",
        FileKind.Socket => "a socket",
        FileKind.CharacterDevice => "a character device",
        FileKind.BlockDevice => "a block device",
        _ => "not a regular file",
    };

    /// <summary>What the path leads to, links followed; null: it cannot be told.</summary>
    // SAFETY: statx writes StatxBytes, into a buffer of that size.
    public static unsafe FoundFile? Read(string path)
    {
        if (OperatingSystem.IsLinux())
        {
            var stat = stackalloc byte[FileCalls.StatxBytes];
            return FileCalls.Statx(FileCalls.CurrentFolder, path, 0, FileCalls.BasicStatx, stat) == 0 ? Parse(stat) : null;
        }

        var file = new FileInfo(path);
        if (!file.Exists)
            return null;
        var mode = OperatingSystem.IsWindows() ? UnixFileMode.OtherRead : File.GetUnixFileMode(path);
        return new FoundFile(FileKind.Regular, mode, 0, 0, 1, file.Length, default);
    }

    /// <summary>On Linux.</summary>
    /// <exception cref="IOException">It cannot be told.</exception>
    // SAFETY: statx writes StatxBytes, into a buffer of that size.
    public static unsafe FoundFile Read(SafeFileHandle file)
    {
        var stat = stackalloc byte[FileCalls.StatxBytes];
        FileCalls.ThrowIfFailed(FileCalls.Statx(file, "", FileCalls.EmptyPath, FileCalls.BasicStatx, stat));
        return Parse(stat);
    }

    /// <summary>struct statx of uapi/linux/stat.h, the same on every architecture.</summary>
    // SAFETY: the callers' buffers have StatxBytes.
    public static unsafe FoundFile Parse(byte* statx)
    {
        var stat = new ReadOnlySpan<byte>(statx, FileCalls.StatxBytes);
        var mode = BinaryPrimitives.ReadUInt16LittleEndian(stat[28..]);
        return new FoundFile(
            KindOf(mode & 0xf000),
            (UnixFileMode)(mode & PermissionBits),
            Owner: UInt32(stat, 20),
            Group: UInt32(stat, 24),
            Links: UInt32(stat, 16),
            Bytes: BinaryPrimitives.ReadInt64LittleEndian(stat[40..]),
            new FileIdentity((ulong)UInt32(stat, 136) << 32 | UInt32(stat, 140), BinaryPrimitives.ReadUInt64LittleEndian(stat[32..])));

        static uint UInt32(ReadOnlySpan<byte> stat, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(stat[offset..]);
    }

    // S_IFMT.
    private static FileKind KindOf(int type) => type switch
    {
        0x8000 => FileKind.Regular,
        0x4000 => FileKind.Folder,
        0xa000 => FileKind.Link,
        0x1000 => FileKind.Pipe,
        0xc000 => FileKind.Socket,
        0x2000 => FileKind.CharacterDevice,
        0x6000 => FileKind.BlockDevice,
        _ => FileKind.Other,
    };
}
