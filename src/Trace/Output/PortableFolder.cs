using Microsoft.Win32.SafeHandles;

namespace Faultrec.Traces.Output;

/// <summary>A folder by its path, where the system has no descriptors of folders that .NET can use: Windows, macOS.</summary>
internal sealed class PortableFolder : OutputFolder
{
    public PortableFolder(string path)
    {
        Path = System.IO.Path.GetFullPath(path);
        if (!Directory.Exists(Path))
            throw new DirectoryNotFoundException();
    }

    public override string Path { get; }

    public override bool IsGone => !Directory.Exists(Path);

    public override FoundFile? Find(string name)
    {
        var file = new FileInfo(At(name));
        if (file.LinkTarget is not null)
            return new FoundFile(FileKind.Link, default, 0, 0, 1, 0, default);
        if (Directory.Exists(file.FullName))
            return new FoundFile(FileKind.Folder, default, 0, 0, 1, 0, default);
        if (!file.Exists)
            return null;
        // .NET does not tell devices from files.
        var kind = file.FullName.StartsWith("/dev/", StringComparison.Ordinal) ? FileKind.CharacterDevice : FileKind.Regular;
        return new FoundFile(kind, default, 0, 0, 1, file.Length, default);
    }

    public override bool IsSame(string name, string path)
    {
        var (ours, theirs) = (Resolve(At(name)), Resolve(System.IO.Path.GetFullPath(path)));
        return string.Equals(ours, theirs, OperatingSystem.IsWindows() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal);
    }

    public override SafeFileHandle Create(string name)
    {
        try
        {
            // Only a stream can be made with a mode from its first moment; the handle outlives it.
            var options = new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.ReadWrite,
                Share = FileShare.Read | FileShare.Delete,
                BufferSize = 0
            };
            if (!OperatingSystem.IsWindows())
                options.UnixCreateMode = OwnerOnly;
            var stream = new FileStream(At(name), options);
            GC.SuppressFinalize(stream);
            return stream.SafeFileHandle;
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException("Permission denied", e);
        }
    }

    public override SafeFileHandle? CreateUnnamed() => null;

    public override void Link(SafeFileHandle file, string name) => throw new NotSupportedException();

    public override void Rename(string from, string to, bool replaces)
    {
        try
        {
            File.Move(At(from), At(to), replaces);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException("Permission denied", e);
        }
    }

    public override void Remove(string name) => File.Delete(At(name));

    public override void SetMode(SafeFileHandle file, UnixFileMode mode)
    {
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(file, mode);
    }

    // sudo is not looked at: who records is on Linux.
    public override void SetOwner(SafeFileHandle file, FileOwner owner)
    {
    }

    public override void Sync()
    {
    }

    public override void Dispose()
    {
    }

    private string At(string name) => System.IO.Path.Combine(Path, name);

    private static string Resolve(string path)
    {
        try
        {
            return File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;
        }
        catch (IOException)
        {
            return path;
        }
    }
}
