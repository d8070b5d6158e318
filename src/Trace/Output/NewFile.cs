using System.Runtime.InteropServices;
using Faultrec.Traces.Native;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Traces.Output;

/// <summary>
/// A file under way: it has no name, or where the file system cannot do that one that nobody waits for, and is its owner's alone
/// until it is finished. Disposed before it was moved to its name, it is gone.
/// </summary>
internal sealed class NewFile : IDisposable
{
    private const UnixFileMode Everybody = OutputFolder.OwnerOnly | UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead
        | UnixFileMode.OtherWrite;
    private const UnixFileMode Group = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute;
    private const UnixFileMode Others = UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    private static readonly PosixSignal[] Endings = [PosixSignal.SIGHUP, PosixSignal.SIGINT, PosixSignal.SIGQUIT, PosixSignal.SIGTERM];
    private static readonly Lazy<UnixFileMode> Shared = new(FindShared);

    private readonly OutputFolder _folder;
    private readonly List<PosixSignalRegistration> _onSignal = [];
    private UnixFileMode _allowed = Everybody;
    private string? _name;

    private NewFile(OutputFolder folder, SafeFileHandle handle, string? name)
    {
        (_folder, _name) = (folder, name);
        Stream = new FileStream(handle, FileAccess.Write, bufferSize: 0);
    }

    /// <summary>Of this object; not to be disposed by others.</summary>
    public FileStream Stream { get; }

    public SafeFileHandle Handle => Stream.SafeFileHandle;

    public static NewFile Create(OutputFolder folder, bool endsWithSignals)
    {
        if (folder.CreateUnnamed() is { } unnamed)
            return new NewFile(folder, unnamed, null);
        var name = UnusedName();
        var file = new NewFile(folder, folder.Create(name), name);
        // Nothing but this process knows that the name is to go.
        if (endsWithSignals)
            file._onSignal.AddRange(Endings.Select(signal => PosixSignalRegistration.Create(signal, _ => file.Remove())));
        return file;
    }

    /// <summary>It is for its owner's eyes.</summary>
    public void KeepPrivate() => _allowed = OutputFolder.OwnerOnly;

    /// <summary>It repeats what is in a file: who cannot read that one shall not read this one.</summary>
    public void KeepAsPrivateAs(FoundFile source)
    {
        if (source.Mode.HasFlag(UnixFileMode.OtherRead))
            return;
        _allowed &= ~Others;
        if (!source.Mode.HasFlag(UnixFileMode.GroupRead) || !OperatingSystem.IsLinux() || source.Group != FoundFile.Read(Handle).Group)
            _allowed &= ~Group;
    }

    /// <summary>Everything is written: opens it to those who may read it.</summary>
    /// <exception cref="IOException">The disk is full or broken.</exception>
    public void Finish(bool isDurable)
    {
        Stream.Flush(flushToDisk: isDurable);
        Share();
    }

    /// <summary>Opens it to those who may read it.</summary>
    public void Share()
    {
        var mode = Shared.Value & _allowed;
        if (mode != OutputFolder.OwnerOnly)
            _folder.SetMode(Handle, mode);
    }

    /// <param name="replaces">What stands there; else that is a failure.</param>
    /// <exception cref="IOException">It cannot be.</exception>
    public void MoveTo(string name, bool replaces)
    {
        if (_name is null)
        {
            var temporary = UnusedName();
            _folder.Link(Handle, temporary);
            _name = temporary;
        }

        _folder.Rename(_name, name, replaces);
        _name = null;
    }

    public void Dispose()
    {
        _onSignal.ForEach(registration => registration.Dispose());
        Stream.Dispose();
        Remove();
    }

    private void Remove()
    {
        if (Interlocked.Exchange(ref _name, null) is not { } name)
            return;
        try
        {
            _folder.Remove(name);
        }
        catch (IOException)
        {
            // The folder may not be written to any more; what led here is said already.
        }
    }

    // Short, so that it fits where the output's own name does.
    private static string UnusedName() => $".faultrec-{Random.Shared.NextInt64():x16}";

    // What files that are made without a mode have; umask(2) can only be read by setting it.
    private static UnixFileMode FindShared()
    {
        if (OperatingSystem.IsWindows())
            return Everybody;
        var mask = FileCalls.Umask((uint)(Group | Others));
        _ = FileCalls.Umask(mask);
        return (UnixFileMode)((uint)Everybody & ~mask);
    }
}
