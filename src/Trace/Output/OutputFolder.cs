using Microsoft.Win32.SafeHandles;

namespace Faultrec.Traces.Output;

/// <summary>To whom a file is given: under sudo, who called it.</summary>
internal readonly record struct FileOwner(uint Uid, uint Gid);

/// <summary>
/// A folder that files are made in. Another user may be able to write to it, and may put links, pipes or devices under the names
/// that are about to be used: nothing here follows a link at a name, writes to a file that it did not make, or waits for anybody.
/// </summary>
/// <remarks>Failures are IOExceptions whose message is the system's reason alone.</remarks>
internal abstract class OutputFolder : IDisposable
{
    /// <summary>The owner may read and write, nobody else may do anything.</summary>
    public const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    public static OutputFolder Open(string path) => OperatingSystem.IsLinux() ? LinuxFolder.Open(path) : new PortableFolder(path);

    /// <summary>Null: nothing has that name.</summary>
    public abstract FoundFile? Find(string name);

    /// <summary>The path leads to the file of that name.</summary>
    public abstract bool IsSame(string name, string path);

    /// <summary>A new file, to read and write, for its owner only; fails when anything has that name.</summary>
    public abstract SafeFileHandle Create(string name);

    /// <summary>The same without a name, so that it is gone when the process is; null: the file system cannot.</summary>
    public abstract SafeFileHandle? CreateUnnamed();

    /// <summary>Gives a file of <see cref="CreateUnnamed"/> a name that nothing has.</summary>
    public abstract void Link(SafeFileHandle file, string name);

    /// <param name="replaces">What stands at the new name; else that is a failure.</param>
    public abstract void Rename(string from, string to, bool replaces);

    /// <summary>Removes the name, if there is one.</summary>
    public abstract void Remove(string name);

    public abstract void SetMode(SafeFileHandle file, UnixFileMode mode);

    public abstract void SetOwner(SafeFileHandle file, FileOwner owner);

    /// <summary>The folder has been removed since.</summary>
    public abstract bool IsGone { get; }

    /// <summary>Where the folder is now: it may have been renamed.</summary>
    public abstract string Path { get; }

    /// <summary>What was renamed survives a power failure.</summary>
    public abstract void Sync();

    public abstract void Dispose();
}
