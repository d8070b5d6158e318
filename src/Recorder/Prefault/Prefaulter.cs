using System.Globalization;
using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Native;
using Faultrec.Traces.Plans;

namespace Faultrec.Recorder.Prefault;

/// <param name="Bytes">Bytes that the kernel was asked to read, including cached ones.</param>
/// <param name="Skipped">Files, by reason.</param>
/// <param name="BytesWithoutRoom">Bytes not requested, because the memory is needed for other things.</param>
public sealed record PrefaultResult(long Bytes, IReadOnlyDictionary<SkipReason, int> Skipped, long BytesWithoutRoom);

/// <summary>Makes the kernel read the files of a plan into the page cache; needs only the permission to read them.</summary>
public static class Prefaulter
{
    /// <summary>
    /// For one call the kernel reads at most its readahead window or the disk's largest request (force_page_cache_ra of
    /// mm/readahead.c), and does not report the rest; this is the usual window.
    /// </summary>
    private const long BytesPerCall = 128 << 10;

    /// <summary>Share of the available memory that a plan may fill: with more, its first pages would be evicted by its last ones.</summary>
    private const int MemoryShare = 2;

    /// <summary>Starts the reading without waiting: the disk reads while the program starts.</summary>
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
