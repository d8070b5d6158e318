using System.Runtime.InteropServices;
using Faultrec.Traces.Native;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Traces.Output;

/// <summary>A folder by its descriptor: renamed or replaced under its path, it is still the one that was checked.</summary>
internal sealed class LinuxFolder : OutputFolder
{
    /// <summary>For <see cref="OpenHere"/>.</summary>
    public const int ToRead = FileCalls.ReadOnly | FileCalls.NonBlocking;

    private const string OwnDescriptors = "/proc/self/fd";

    private readonly SafeFileHandle _folder;
    private readonly string _path;

    private LinuxFolder(SafeFileHandle folder, string path) => (_folder, _path) = (folder, path);

    public FileIdentity Identity => FoundFile.Read(_folder).Identity;

    public override bool IsGone => FoundFile.Read(_folder).Links == 0;

    public override string Path
    {
        get
        {
            if (FoundFile.Read(_path)?.Identity == FoundFile.Read(_folder).Identity)
                return _path;
            return File.ResolveLinkTarget($"{OwnDescriptors}/{_folder.DangerousGetHandle()}", returnFinalTarget: false)?.FullName ?? _path;
        }
    }

    public static new LinuxFolder Open(string path)
    {
        var fd = FileCalls.Open(path, FileCalls.PathOnly | FileCalls.Folder | FileCalls.CloseOnExec, 0);
        if (fd >= 0)
            return new LinuxFolder(new SafeFileHandle(fd, ownsHandle: true), path);
        var failure = FileCalls.Failure();
        throw failure.HResult is FileCalls.Enoent or FileCalls.Enotdir ? new DirectoryNotFoundException(failure.Message) : failure;
    }

    // SAFETY: statx writes StatxBytes, into a buffer of that size.
    public override unsafe FoundFile? Find(string name)
    {
        var stat = stackalloc byte[FileCalls.StatxBytes];
        if (FileCalls.Statx(_folder, name, FileCalls.LinkItself, FileCalls.BasicStatx, stat) == 0)
            return FoundFile.Parse(stat);
        return Marshal.GetLastPInvokeError() == FileCalls.Enoent ? null : throw FileCalls.Failure();
    }

    public override bool IsSame(string name, string path) => Find(name) is { } file && FoundFile.Read(path)?.Identity == file.Identity;

    public override SafeFileHandle Create(string name)
        => OpenHere(name, FileCalls.ReadWrite | FileCalls.Create | FileCalls.Exclusive) ?? throw FileCalls.Failure();

    public override SafeFileHandle? CreateUnnamed()
        // Without /proc only root could name it afterwards.
        => Directory.Exists(OwnDescriptors) ? OpenHere(".", FileCalls.ReadWrite | FileCalls.Unnamed) : null;

    /// <summary>What is there, to read or write; the open of a pipe or a device does not wait. Null: see errno.</summary>
    public SafeFileHandle? OpenHere(string name, int flags)
    {
        int fd;
        do
        {
            fd = FileCalls.Openat(_folder, name, flags | FileCalls.NoFollow | FileCalls.NoTerminal | FileCalls.CloseOnExec, (uint)OwnerOnly);
        }
        while (fd < 0 && Marshal.GetLastPInvokeError() == FileCalls.Eintr);
        return fd < 0 ? null : new SafeFileHandle(fd, ownsHandle: true);
    }

    /// <summary>Null: it is none, or a link, or not ours to open.</summary>
    public LinuxFolder? TryOpenFolder(string name)
        => OpenHere(name, FileCalls.ReadOnly | FileCalls.Folder) is { } folder ? new LinuxFolder(folder, System.IO.Path.Combine(_path, name)) : null;

    /// <summary>Makes a folder if nothing has that name; a failure shows when it is opened.</summary>
    public void TryMakeFolder(string name, UnixFileMode mode) => _ = FileCalls.Mkdirat(_folder, name, (uint)mode);

    /// <summary>A new folder; fails when anything has that name.</summary>
    public void MakeFolder(string name, UnixFileMode mode) => FileCalls.ThrowIfFailed(FileCalls.Mkdirat(_folder, name, (uint)mode));

    /// <summary>A new named pipe; fails when anything has that name.</summary>
    public void MakePipe(string name, UnixFileMode mode) => FileCalls.ThrowIfFailed(FileCalls.Mkfifoat(_folder, name, (uint)mode));

    /// <summary>Of an empty folder.</summary>
    public void RemoveFolder(string name) => FileCalls.ThrowIfFailed(FileCalls.Unlinkat(_folder, name, FileCalls.RemoveFolder));

    /// <summary>Of this folder, which must have been opened to read.</summary>
    public void SetMode(UnixFileMode mode) => SetMode(_folder, mode);

    /// <summary>Names of the folders in it that match the pattern; none without /proc, or if it may not be looked into.</summary>
    public IEnumerable<string> Folders(string pattern)
        => Directory.Exists(OwnDescriptors)
            ? new DirectoryInfo($"{OwnDescriptors}/{_folder.DangerousGetHandle()}")
                .EnumerateDirectories(pattern, new EnumerationOptions { IgnoreInaccessible = true }).Select(folder => folder.Name)
            : [];

    /// <summary>Without those in folders below it; none without /proc.</summary>
    public IEnumerable<FileInfo> Files()
        => Directory.Exists(OwnDescriptors) ? new DirectoryInfo($"{OwnDescriptors}/{_folder.DangerousGetHandle()}").EnumerateFiles() : [];

    public override void Link(SafeFileHandle file, string name)
    {
        // The first way is root's alone before Linux 6.10.
        if (FileCalls.Linkat(file, "", _folder, name, FileCalls.EmptyPath) != 0)
        {
            FileCalls.ThrowIfFailed(FileCalls.Linkat(FileCalls.CurrentFolder, $"{OwnDescriptors}/{file.DangerousGetHandle()}", _folder, name,
                FileCalls.FollowLink));
        }
    }

    public override void Rename(string from, string to, bool replaces)
    {
        if (FileCalls.Renameat2(_folder, from, _folder, to, replaces ? 0 : FileCalls.NoReplace) == 0)
            return;
        // A file system that cannot refuse by itself.
        if (replaces || Marshal.GetLastPInvokeError() != FileCalls.Einval)
            throw FileCalls.Failure();
        if (Find(to) is not null)
            throw FileCalls.Failure(FileCalls.Eexist);
        Rename(from, to, replaces: true);
    }

    public override void Remove(string name)
    {
        if (FileCalls.Unlinkat(_folder, name, 0) != 0 && Marshal.GetLastPInvokeError() != FileCalls.Enoent)
            throw FileCalls.Failure();
    }

    public override void SetMode(SafeFileHandle file, UnixFileMode mode) => FileCalls.ThrowIfFailed(FileCalls.Fchmod(file, (uint)mode));

    public override void SetOwner(SafeFileHandle file, FileOwner owner)
    {
        // A file system without owners says who was named when it was mounted.
        if (FileCalls.Fchown(file, owner.Uid, owner.Gid) != 0 && FoundFile.Read(file).Owner != owner.Uid)
            throw FileCalls.Failure();
    }

    public override void Sync()
    {
        using var folder = OpenHere(".", FileCalls.ReadOnly | FileCalls.Folder);
        if (folder is not null)
            _ = FileCalls.Fsync(folder);
    }

    public override void Dispose() => _folder.Dispose();
}
