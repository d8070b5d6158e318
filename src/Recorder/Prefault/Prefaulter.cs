using System.Globalization;
using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Native;
using Faultrec.Traces.Plans;

namespace Faultrec.Recorder.Prefault;

/// <param name="Bytes">That the kernel was asked to read, cached ones included.</param>
/// <param name="Skipped">Files, by reason.</param>
/// <param name="BytesWithoutRoom">Not asked for, because the memory is needed for other things.</param>
public sealed record PrefaultResult(long Bytes, IReadOnlyDictionary<SkipReason, int> Skipped, long BytesWithoutRoom);

/// <summary>Has the kernel read what a plan names into the page cache; needs no privilege but to read the files.</summary>
public static class Prefaulter
{
    /// <summary>
    /// The kernel reads no more for one call than its readahead window or what the disk takes at once (force_page_cache_ra of
    /// mm/readahead.c), and says nothing of the rest; this is the usual window.
    /// </summary>
    private const long BytesPerCall = 128 << 10;

    /// <summary>Of the memory that is free or could be, what a plan may fill: beyond, its first pages go while its last ones come.</summary>
    private const int MemoryShare = 2;

    /// <summary>Asks and does not wait: the disk reads while the program starts.</summary>
    public static PrefaultResult Ask(PrefaultPlan plan)
    {
        FileLimit.Raise();
        using var files = new PlannedFiles(plan);
        var (asked, withoutRoom, room) = (0L, 0L, AvailableMemory() / MemoryShare);
        foreach (var range in plan.Ranges)
        {
            if (files.Open(range.File, out var bytes) is not { } file)
                continue;
            var end = Math.Min(range.Offset + range.Length, bytes);
            for (var offset = range.Offset; offset < end; offset += BytesPerCall)
            {
                var length = Math.Min(BytesPerCall, end - offset);
                if (asked + length > room)
                {
                    withoutRoom += end - offset;
                    break;
                }

                _ = Libc.PosixFadvise((int)file.DangerousGetHandle(), offset, length, Libc.FadviseWillNeed);
                asked += length;
            }
        }

        FileLimit.Restore(FileLimit.Before);
        return new PrefaultResult(asked, files.Skipped, withoutRoom);
    }

    private static long AvailableMemory()
    {
        const string name = "MemAvailable:";
        var line = File.ReadLines("/proc/meminfo").FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal));
        return line is null
            ? long.MaxValue
            : long.Parse(line[name.Length..].Replace("kB", "", StringComparison.Ordinal), NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite,
                CultureInfo.InvariantCulture) << 10;
    }
}
