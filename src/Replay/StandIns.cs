using Faultrec.Replay.Native;
using Faultrec.Traces;
using Faultrec.Traces.Metadata;
using Faultrec.Traces.Output;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Replay;

/// <summary>The part of a stand-in file that stands for one recorded file: the bytes that regions with faults map.</summary>
internal sealed class StandInPart
{
    /// <summary>In the recorded file.</summary>
    public ulong FirstByte { get; set; } = ulong.MaxValue;

    public ulong EndByte { get; set; }

    /// <summary>In the stand-in file, of <see cref="FirstByte"/>.</summary>
    public ulong Base { get; set; }

    public int Index { get; init; }

    public List<ReplayedRegion> Regions { get; } = [];

    /// <summary>The recorded file itself; null: the stand-in is used.</summary>
    public SafeFileHandle? Real { get; set; }
}

/// <summary>
/// All recorded files in one sparse file without a name, and all recorded shared memory in one in memory: neither the recorded files' content
/// nor their names are needed, and two descriptors are enough for any trace.
/// </summary>
internal sealed class StandIns : IDisposable
{
    private const ulong LargestPart = 1UL << 40;
    private const ulong LargestFile = 1UL << 43;
    private const int DontNeed = 4; // POSIX_FADV_*
    private const int Random = 1;
    private const int MostRealFiles = 500;

    // Parts begin at whole huge pages, so that no mapping sees a neighbour's.
    private static readonly ulong Alignment = (ulong)PageGeometry.Here.HugeBytes;

    private readonly Dictionary<(bool InMemory, string Path, ulong Inode, string? Device), StandInPart> _parts = [];
    private SafeFileHandle? _file;

    public int MemoryFd { get; private set; } = -1;

    /// <summary>-1: no recorded file has a fault.</summary>
    public int FileFd => _file is null ? -1 : (int)_file.DangerousGetHandle();

    /// <summary>Why there will be no major faults: the file is in memory.</summary>
    public string? Warning { get; private set; }

    /// <returns>False: this machine cannot have a file for the region.</returns>
    public bool TryAdd(ReplayedRegion region)
    {
        var (ledger, length) = (region.Ledger, region.End - region.Start);
        if (length > LargestPart || ledger.FileOffset > LargestPart || !PageGeometry.Here.IsAligned(ledger.FileOffset))
            return false;
        var key = (!region.IsFile, ledger.Path ?? ledger.Name, ledger.Inode, ledger.Device);
        if (!_parts.TryGetValue(key, out var part))
            _parts[key] = part = new StandInPart { Index = _parts.Count };
        part.FirstByte = Math.Min(part.FirstByte, ledger.FileOffset);
        part.EndByte = Math.Max(part.EndByte, ledger.FileOffset + length);
        part.Regions.Add(region);
        region.Part = part;
        return true;
    }

    /// <summary>
    /// Opens the recorded files themselves for reading: those with faults that are regular files here and extend beyond the start of their last
    /// mapping. Call before <see cref="Create"/>.
    /// </summary>
    /// <returns>How many were opened, and how many were not and have stand-ins.</returns>
    public (int Opened, int Others) OpenReal()
    {
        var (opened, others) = (0, 0);
        foreach (var (key, part) in _parts)
        {
            if (key.InMemory || !part.Regions.Exists(region => region.HasFaults))
                continue;
            // A shared mapping that is written to would change the file.
            var isWritten = part.Regions.Exists(region => region.IsShared && region.IsWritable);
            part.Real = isWritten || opened == MostRealFiles ? null : RegularFile.Open(key.Path, part.Regions.Max(region => region.Ledger.FileOffset));
            if (part.Real is null)
            {
                others++;
                continue;
            }

            opened++;
            _ = Libc.Inherit((int)part.Real.DangerousGetHandle());
            _ = Libc.PosixFadvise((int)part.Real.DangerousGetHandle(), 0, 0, Random);
        }

        return (opened, others);
    }

    /// <param name="coldPages">Offsets in parts that must come from the disk.</param>
    public void Create(IReadOnlyCollection<(StandInPart Part, ulong Offset)> coldPages)
    {
        var memoryBytes = Place(inMemory: true);
        var fileBytes = Place(inMemory: false);
        MemoryFd = MemoryFile.Create("faultrec-memory", (long)memoryBytes);
        if (!_parts.Keys.Any(key => !key.InMemory))
            return;
        var folder = Folder();
        _file = Open(folder, (long)fileBytes);
        var cold = coldPages.Where(page => page.Part.Real is null).ToList();
        if (cold.Count > 0)
            WriteCold(folder, cold);
    }

    public void Dispose()
    {
        _file?.Dispose();
        foreach (var part in _parts.Values)
            part.Real?.Dispose();
        if (MemoryFd >= 0)
            MemoryFile.Close(MemoryFd);
        MemoryFd = -1;
    }

    private static string Folder()
        => Environment.GetEnvironmentVariable("TMPDIR") is { Length: > 0 } folder ? folder : Directory.Exists("/var/tmp") ? "/var/tmp" : Path.GetTempPath();

    // However the process ends, nothing is left: the name is removed before anything is in the file.
    private static SafeFileHandle Open(string folder, long bytes)
    {
        try
        {
            using var place = OutputFolder.Open(folder);
            var file = place.CreateUnnamed() ?? CreateAndRemove(place);
            RandomAccess.SetLength(file, bytes);
            _ = Libc.Inherit((int)file.DangerousGetHandle());
            return file;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new FaultrecException(ExitCode.NotPermitted,
                $"{folder}: no stand-in file of {bytes >> 20} MiB (sparse) can be made there ({exception.Message}); "
                + "expected a folder for temporary files; name one in TMPDIR", exception);
        }
    }

    private static SafeFileHandle CreateAndRemove(OutputFolder folder)
    {
        var name = $"faultrec-replay-{Guid.NewGuid():N}";
        var file = folder.Create(name);
        folder.Remove(name);
        return file;
    }

    private ulong Place(bool inMemory)
    {
        // The first page is the engine's own (engine.h).
        var end = Alignment;
        foreach (var (key, part) in _parts)
        {
            if (key.InMemory != inMemory)
                continue;
            part.Base = end;
            end += (part.EndByte - part.FirstByte + (2 * Alignment) - 1) & ~(Alignment - 1);
        }

        return end <= LargestFile ? end
            : throw new FaultrecException(ExitCode.BadInput,
                $"the trace's files are {end >> 40} TiB together; expected at most {LargestFile >> 40}; choose some of the regions with --region");
    }

    /// <summary>A hole in a file is never read from the disk, so pages with major faults get data, which is then dropped from the page cache.</summary>
    private void WriteCold(string folder, IReadOnlyCollection<(StandInPart Part, ulong Offset)> pages)
    {
        if (new DriveInfo(folder).DriveFormat is "tmpfs" or "ramfs" or "shmem")
        {
            Warning = $"{folder} is in memory: faults that waited for a file on a disk will not wait here; name a folder on a disk in TMPDIR";
            return;
        }

        var page = new byte[PageGeometry.Here.PageBytes];
        page.AsSpan().Fill(0xfa);
        try
        {
            foreach (var (part, offset) in pages.OrderBy(cold => cold.Part.Base + cold.Offset))
                RandomAccess.Write(_file!, page, (long)(part.Base + offset));
            RandomAccess.FlushToDisk(_file!);
        }
        catch (IOException exception)
        {
            throw new FaultrecException(ExitCode.NotPermitted,
                $"{folder}: {pages.Count * (long)PageGeometry.Here.PageBytes >> 20} MiB for faults from the disk cannot be written "
                + $"({exception.Message}); name another folder in TMPDIR", exception);
        }

        _ = Libc.PosixFadvise(FileFd, 0, 0, DontNeed);
    }
}
