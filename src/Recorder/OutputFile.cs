using Faultrec.Recorder.Capture;
using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Spool;
using Faultrec.Traces;
using Faultrec.Traces.Metadata;
using Faultrec.Traces.Output;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Recorder;

/// <summary>
/// The files of one recording: NAME.spool while it runs, NAME when it is complete. Obstacles are found before the program
/// starts. From then on the files are known by descriptors: the folder may be renamed, and files that others put under the names are not touched.
/// </summary>
internal sealed class OutputFile : IDisposable
{
    /// <summary>With less free space a recording would end before it began (SpoolSink).</summary>
    private const long MinFreeBytes = 2 * SpoolSink.SpareBytes;

    private readonly string _path;
    private readonly OutputPlace _place;
    private readonly ExistingOutput _existing;
    private readonly FileOwner? _owner;
    private FileIdentity? _spool;

    private OutputFile(string path, OutputPlace place, ExistingOutput existing, FileOwner? owner)
        => (_path, _place, _existing, _owner) = (path, place, existing, owner);

    public string SpoolPath => _place.Path + ".spool";

    private string SpoolName => _place.Name + ".spool";

    /// <summary>The open spool, or its folder, no longer has a name.</summary>
    private bool IsLost => _place.Folder.IsGone || (_spool is not null && _place.Folder.Find(SpoolName)?.Identity != _spool);

    public static OutputFile Prepare(string path, ExistingOutput existing, InvokingUser? user)
    {
        if (path is "-")
            throw new FaultrecException(ExitCode.Usage, "-o -: a trace needs a file (Parquet has its index at the end); give a file name");
        FileOwner? owner = user is null ? null : new FileOwner(user.Uid, user.Gid);
        OutputPlace? place = null;
        try
        {
            place = OutputPlace.Open(path, owner);
            place.Require(existing);
            return new OutputFile(path, place, existing, owner);
        }
        catch (Exception e)
        {
            place?.Dispose();
            throw e switch
            {
                DirectoryNotFoundException => new FaultrecException(
                    ExitCode.Usage, $"{Path.GetDirectoryName(path)}: no such directory; create it, or name another output with -o", e),
                IOException => Unwritable(path, e),
                _ => e,
            };
        }
    }

    /// <exception cref="FaultrecException">The place is not writable, or a spool of an earlier recording lies there.</exception>
    public SpoolWriter CreateSpool()
    {
        SpoolWriter? spool = null;
        try
        {
            spool = new SpoolWriter(CreateSpoolFile());
            _place.GiveToOwner(spool.Handle);
            var file = FoundFile.Read(spool.Handle);
            _spool = file.Identity;
            if ((file.Mode & ~OutputFolder.OwnerOnly) != 0)
                throw new IOException("files there have no permissions of their own, so all users could read it");
            if (DiskSpace.AvailableBytes(spool.Handle) >= MinFreeBytes)
                return spool;
            throw new FaultrecException(
                ExitCode.Usage, $"{_path}: less than {MinFreeBytes >> 20} MiB are free there; make room, or name another output with -o");
        }
        catch (Exception e)
        {
            spool?.Dispose();
            Abandon();
            if (e is not IOException)
                throw;
            throw Unwritable(_path, e);
        }
    }

    /// <summary>Deletes the spool: nothing was recorded, or the trace has everything.</summary>
    public void Abandon()
    {
        try
        {
            if (_spool is { } spool && _place.Folder.Find(SpoolName)?.Identity == spool)
                _place.Folder.Remove(SpoolName);
        }
        catch (IOException)
        {
            // The folder may no longer be writable. The next recording there reports the spool.
        }
    }

    /// <summary>Writes the trace without a name, then moves it there.</summary>
    /// <param name="spoolPath">The spool that is left if this fails.</param>
    /// <param name="write">May be called twice.</param>
    /// <exception cref="FaultrecException">It could not be written.</exception>
    public WrittenTrace Finalize(string spoolPath, Func<Stream, TraceMetadata> write)
    {
        try
        {
            if (!IsLost)
                return Write(_place, _existing, write);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FaultrecException { ExitCode: ExitCode.Usage })
        {
            if (!IsLost)
            {
                throw new FaultrecException(
                    ExitCode.Incomplete,
                    $"{_path}: the trace could not be written ({RecordFailures.Reason(e)}); "
                    + $"the recording is kept: fix that, then `faultrec recover {spoolPath}`", e);
            }
        }

        return Rescue(write);
    }

    public void Dispose() => _place.Dispose();

    private static WrittenTrace Write(OutputPlace place, ExistingOutput existing, Func<Stream, TraceMetadata> write)
    {
        using var file = place.CreateFile(endsWithSignals: false);
        var metadata = write(file.Stream);
        if (TraceSecrets.AreIn(metadata))
            file.KeepPrivate();
        place.Publish(file, existing, isDurable: true);
        return new WrittenTrace(place.Path, file.Stream.Length, metadata, null);
    }

    /// <summary>Only the open descriptors are left: the trace goes to the folder for temporary files.</summary>
    private WrittenTrace Rescue(Func<Stream, TraceMetadata> write)
    {
        var folder = Environment.GetEnvironmentVariable("TMPDIR") is { Length: > 0 } named ? named
            : Directory.Exists("/var/tmp") ? "/var/tmp"
            : Path.GetTempPath();
        var what = $"its {(_place.Folder.IsGone ? "directory" : "spool")} was removed meanwhile";
        var path = Path.Combine(folder, $"faultrec-{Guid.NewGuid():N}.parquet");
        try
        {
            using var place = OutputPlace.Open(path, _owner);
            return Write(place, ExistingOutput.Refuse, write) with { Notice = $"{_path}: {what}; the trace is {path}" };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FaultrecException(
                ExitCode.Incomplete, $"{_path}: {what}, and the trace could not be written to {folder} instead ({RecordFailures.Reason(e)}); record again", e);
        }
    }

    private SafeFileHandle CreateSpoolFile()
    {
        const int mostTries = 4;
        for (var i = 0; i < mostTries; i++)
        {
            try
            {
                var file = _place.Folder.Create(SpoolName);
                // The process that holds the lock records; one that removes an empty spool has held the lock (SpoolLeft).
                if (SpoolLeft.TryLock(file, exclusive: false) && _place.Folder.Find(SpoolName)?.Identity == FoundFile.Read(file).Identity)
                    return file;
                file.Dispose();
            }
            catch (IOException) when (_place.Folder.Find(SpoolName) is { } found)
            {
                if (found.Kind != FileKind.Regular)
                    throw OutputPlace.Refusal(SpoolPath, found.Description);
                if (!SpoolLeft.RemoveIfEmpty(_place.Folder, SpoolName))
                    break;
            }
        }

        throw new FaultrecException(
            ExitCode.Usage,
            $"{SpoolPath}: left by a recording that was killed or is still running; make its trace with `faultrec recover {SpoolPath}`, or delete it");
    }

    private static FaultrecException Unwritable(string path, Exception e)
        => new(ExitCode.Usage, $"{path}: cannot be written ({e.Message}); name another output with -o", e);
}

/// <param name="Path">Where it is.</param>
/// <param name="Notice">Why it is not at the requested place; null: it is.</param>
internal sealed record WrittenTrace(string Path, long Bytes, TraceMetadata Metadata, string? Notice);
