using Faultrec.Recorder.Launch;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Spool;
using Faultrec.Traces;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Recorder.Capture;

/// <summary>
/// The files of one recording: NAME.spool while it runs, NAME.partial while it is finalized, NAME when it is whole. Whatever is
/// in the way is found before the program starts.
/// </summary>
internal sealed class OutputFile
{
    /// <summary>With less a recording would end before it began (SpoolSink).</summary>
    private const long MinFreeBytes = 2 * SpoolSink.SpareBytes;

    private readonly string _path;
    private readonly ExistingOutput _existing;
    private readonly InvokingUser? _owner;

    private OutputFile(string path, ExistingOutput existing, InvokingUser? owner)
    {
        _path = path;
        _existing = existing;
        _owner = owner;
    }

    public string SpoolPath => _path + ".spool";

    private string PartialPath => _path + ".partial";

    public static OutputFile Prepare(string path, ExistingOutput existing, InvokingUser? owner)
    {
        if (path is "-")
            throw new FaultrecException(ExitCode.Usage, "-o -: a trace needs a file (Parquet has its index at the end); give a file name");
        if (Directory.Exists(path))
            throw new FaultrecException(ExitCode.Usage, $"{path}: is a directory; expected a file name for the trace");
        var directory = Path.GetDirectoryName(Path.GetFullPath(path))!;
        if (!Directory.Exists(directory))
            throw new FaultrecException(ExitCode.Usage, $"{directory}: no such directory; create it, or name another output with -o");
        if (File.Exists(path) && existing == ExistingOutput.Refuse)
            throw new FaultrecException(ExitCode.Usage, $"{path}: exists already, and --no-clobber forbids to replace it; name another output with -o");
        return new OutputFile(path, existing, owner);
    }

    /// <exception cref="FaultrecException">The place is not writable, or a spool of an earlier recording lies there.</exception>
    public SpoolWriter CreateSpool()
    {
        if (File.Exists(SpoolPath))
        {
            throw new FaultrecException(
                ExitCode.Usage,
                $"{SpoolPath}: left by a recording that was killed, or still running; `faultrec recover {SpoolPath}` makes its trace, or delete it");
        }
        try
        {
            var spool = new SpoolWriter(SpoolPath);
            GiveToOwner(spool.Handle);
            if (DiskSpace.AvailableBytes(spool.Handle) >= MinFreeBytes)
                return spool;
            spool.Dispose();
            Abandon();
            throw new FaultrecException(
                ExitCode.Usage, $"{_path}: less than {MinFreeBytes >> 20} MiB are free there; make room, or name another output with -o");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FaultrecException(ExitCode.Usage, $"{_path}: cannot be written ({e.Message}); name another output with -o", e);
        }
    }

    /// <summary>Deletes the spool: nothing was recorded.</summary>
    public void Abandon() => File.Delete(SpoolPath);

    /// <summary>Writes the trace beside its name, then moves it there, and only then lets go of the spool.</summary>
    /// <param name="isPrivate">For the owner's eyes: physical frames help whoever attacks the memory under them.</param>
    public TraceMetadata Finalize(bool isPrivate, Func<Stream, TraceMetadata> write)
    {
        TraceMetadata metadata;
        try
        {
            using var stream = new FileStream(PartialPath, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 20);
            GiveToOwner(stream.SafeFileHandle);
            if (isPrivate)
                Libc.MakePrivate(stream.SafeFileHandle);
            metadata = write(stream);
        }
        catch (Exception e)
        {
            File.Delete(PartialPath);
            if (e is not (IOException or UnauthorizedAccessException))
                throw;
            throw new FaultrecException(
                ExitCode.Incomplete,
                $"{_path}: the trace could not be written ({e.Message}); the recording is kept: make room, then `faultrec recover {SpoolPath}`", e);
        }
        if (File.Exists(_path) && _existing == ExistingOutput.KeepAsOld)
            File.Move(_path, _path + ".old", overwrite: true);
        File.Move(PartialPath, _path, overwrite: true);
        return metadata;
    }

    private void GiveToOwner(SafeFileHandle handle)
    {
        if (_owner is not null)
            Errno.ThrowIfFailed(Libc.Fchown((int)handle.DangerousGetHandle(), _owner.Uid, _owner.Gid), "giving the trace to the invoking user");
    }
}
