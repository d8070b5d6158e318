using Faultrec.Traces.Files;

namespace Faultrec.Traces.Output;

/// <summary>
/// A name in a folder, where a file is to appear whole. Only a regular file may stand there, or nothing: links are not followed,
/// and a device, a pipe or a folder is never renamed, replaced or removed.
/// </summary>
internal sealed class OutputPlace : IDisposable
{
    private readonly string _path;
    private readonly FileOwner? _owner;

    /// <param name="folder">Owned.</param>
    public OutputPlace(string path, OutputFolder folder, string name, FileOwner? owner) => (_path, Folder, Name, _owner) = (path, folder, name, owner);

    public OutputFolder Folder { get; }

    public string Name { get; }

    /// <summary>Of the file that was there before, where it is kept.</summary>
    public string OldName => Name + ".old";

    /// <summary>The file's path, with the folder where it is now.</summary>
    public string Path => System.IO.Path.GetDirectoryName(_path) is { } folder && Folder.Path is var now && now != (folder.Length > 0 ? folder : ".")
        ? System.IO.Path.Combine(now, Name)
        : _path;

    /// <exception cref="FaultrecException">The path names a folder.</exception>
    /// <exception cref="IOException">The folder cannot be opened.</exception>
    public static OutputPlace Open(string path, FileOwner? owner)
    {
        var name = System.IO.Path.GetFileName(path);
        if (name is "" or "." or "..")
            throw Refusal(path, "a directory");
        var folder = System.IO.Path.GetDirectoryName(path);
        return new OutputPlace(path, OutputFolder.Open(string.IsNullOrEmpty(folder) ? "." : folder), name, owner);
    }

    /// <summary>What stands there now, or null.</summary>
    /// <exception cref="FaultrecException">It may not be replaced.</exception>
    /// <exception cref="IOException">It cannot be told.</exception>
    public FoundFile? Check(ExistingOutput existing)
    {
        var found = Folder.Find(Name);
        if (found is { Kind: not FileKind.Regular } other)
            throw Refusal(_path, other.Description);
        if (found is not null && existing == ExistingOutput.KeepAsOld && Folder.Find(OldName) is { Kind: not FileKind.Regular } old)
            throw Refusal($"{_path}.old", old.Description);
        return found;
    }

    /// <summary><see cref="Check"/> before anything is made: what is there and has to stay is a failure already.</summary>
    /// <exception cref="FaultrecException">It may not be replaced.</exception>
    /// <exception cref="IOException">It cannot be told.</exception>
    public void Require(ExistingOutput existing)
    {
        if (Check(existing) is not null && existing == ExistingOutput.Refuse)
        {
            throw new FaultrecException(ExitCode.Usage,
                $"{TraceOpener.Printable(_path)}: exists already, and --no-clobber forbids replacing it; name another output with -o");
        }
    }

    /// <summary>A file that is nobody's but its owner's, and not there yet.</summary>
    /// <param name="endsWithSignals">Signals end this process and are to leave nothing; else somebody handles them.</param>
    /// <exception cref="IOException">It cannot be made.</exception>
    public NewFile CreateFile(bool endsWithSignals)
    {
        var file = NewFile.Create(Folder, endsWithSignals);
        try
        {
            GiveToOwner(file.Handle);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public void GiveToOwner(Microsoft.Win32.SafeHandles.SafeFileHandle file)
    {
        if (_owner is { } owner)
            Folder.SetOwner(file, owner);
    }

    /// <summary>The file appears under the name.</summary>
    /// <param name="isDurable">It is not before the file is on the disk.</param>
    /// <exception cref="FaultrecException">What stands there may not be replaced.</exception>
    /// <exception cref="IOException">It cannot be written, or not be named.</exception>
    public void Publish(NewFile file, ExistingOutput existing, bool isDurable)
    {
        file.Finish(isDurable);
        var found = Check(existing);
        if (found is not null && existing == ExistingOutput.KeepAsOld)
            Folder.Rename(Name, OldName, replaces: true);
        file.MoveTo(Name, replaces: existing != ExistingOutput.Refuse);
        if (isDurable)
            Folder.Sync();
    }

    public void Dispose() => Folder.Dispose();

    public static FaultrecException Refusal(string path, string found)
        => new(ExitCode.Usage, $"{TraceOpener.Printable(path)}: is {found}; expected a regular file or a new name; name another output with -o");
}
