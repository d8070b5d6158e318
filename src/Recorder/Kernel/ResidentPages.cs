using System.Globalization;
using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Spool;
using Faultrec.Traces.Metadata;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Recorder.Kernel;

/// <summary>The pages of a process that are resident now: what VmRSS of proc_pid_status(5) counts, page by page.</summary>
internal static class ResidentPages
{
    /// <summary>Of one process. Memory is rarely so scattered; the spool has 20 bytes a run.</summary>
    public const int MostRuns = 65_536;

    /// <summary>Of one process, where each page has to be looked at: 64 GiB of addresses, 0.1 s.</summary>
    private const long MostEntries = 1 << 24;

    private const int RegionsAtOnce = 2048;
    private const int EntriesAtOnce = 1 << 16;

    /// <summary>Null: the process has ended. Pages that cannot be read are counted.</summary>
    public static ResidentSnapshot? TryTake(int pid) => TryTake(pid, scans: true);

    /// <param name="scans">Else as on a kernel without the scan.</param>
    public static ResidentSnapshot? TryTake(int pid, bool scans)
    {
        var runs = new Runs();
        var timeNs = Libc.MonotonicNs();
        try
        {
            try
            {
                using var pagemap = File.OpenHandle($"/proc/{pid}/pagemap");
                if (!scans || !TryScan(pid, pagemap, runs))
                    ReadEntries(pid, pagemap, runs);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // What has been found until then is told with the rest.
                runs.Omitted += Math.Max(CountOf(pid) - runs.Found, 0);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }

        return new ResidentSnapshot(pid, timeNs, runs.FirstPage, runs.Pages, runs.Omitted);
    }

    /// <summary>False: this kernel has no such scan.</summary>
    private static bool TryScan(int pid, SafeFileHandle pagemap, Runs runs)
    {
        // [vsyscall] lies in the kernel's half.
        var end = MapsText.Parse(File.ReadAllText($"/proc/{pid}/maps")).Where(map => (long)map.End > 0).Select(map => map.End).DefaultIfEmpty().Max();
        var regions = new PageRegion[RegionsAtOnce];
        for (ulong start = 0; start < end;)
        {
            if (PageScan.Present(pagemap, ref start, end, regions) is not { } found)
            {
                var errno = Marshal.GetLastPInvokeError();
                return errno == Errno.Enotty ? false : throw new IOException($"scanning the pages of process {pid}: {Errno.Describe(errno)}");
            }

            foreach (var region in regions.AsSpan(0, found))
                runs.Add(PageGeometry.Here.PageOf(region.Start), PageGeometry.Here.PageOf(region.End - region.Start));
        }

        return true;
    }

    /// <summary>Entry by entry, where the kernel counts resident pages. It shows its zero page like any other.</summary>
    private static void ReadEntries(int pid, SafeFileHandle pagemap, Runs runs)
    {
        var entries = new long[EntriesAtOnce];
        var room = MostEntries;
        foreach (var (start, end, resident) in Mappings(pid).Where(mapping => mapping.Resident > 0))
        {
            if (end - start > room)
            {
                runs.Omitted += resident;
                continue;
            }

            room -= end - start;
            for (var page = start; page < end;)
            {
                var wanted = entries.AsSpan(0, (int)Math.Min(entries.Length, end - page));
                var read = RandomAccess.Read(pagemap, MemoryMarshal.AsBytes(wanted), page * sizeof(long)) / sizeof(long);
                if (read == 0)
                    break; // unmapped meanwhile
                for (var i = 0; i < read; i++)
                {
                    if (entries[i] < 0) // bit 63: present
                        runs.Add(page + i, 1);
                }

                page += read;
            }
        }
    }

    // "7f0000000000-7f0000021000 rw-p …" and lines of its own, of these "Rss:      12 kB".
    private static IEnumerable<(long Start, long End, long Resident)> Mappings(int pid)
    {
        (long Start, long End) mapping = default;
        foreach (var line in File.ReadLines($"/proc/{pid}/smaps"))
        {
            if (line.StartsWith("Rss:", StringComparison.Ordinal))
                yield return (mapping.Start, mapping.End, PagesOfKilobytes(line["Rss:".Length..]));
            else if (char.IsAsciiHexDigitLower(line[0]))
                mapping = RangeOf(line);
        }
    }

    private static (long Start, long End) RangeOf(string line)
    {
        var map = MapsText.Parse(line).Single();
        return (PageGeometry.Here.PageOf(map.Start), PageGeometry.Here.PageOf(map.End));
    }

    /// <summary>VmRSS; a process that is ending has none.</summary>
    private static long CountOf(int pid)
        => File.ReadLines($"/proc/{pid}/status").FirstOrDefault(line => line.StartsWith("VmRSS:", StringComparison.Ordinal)) is { } line
            ? PagesOfKilobytes(line["VmRSS:".Length..])
            : 0;

    private static long PagesOfKilobytes(string text)
        => PageGeometry.Here.PageOf(ulong.Parse(text.Replace("kB", "", StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture) << 10);

    private sealed class Runs
    {
        public List<long> FirstPage { get; } = [];

        public List<long> Pages { get; } = [];

        public long Found { get; private set; }

        public long Omitted { get; set; }

        /// <param name="first">Behind all that was added before.</param>
        public void Add(long first, long pages)
        {
            Found += pages;
            if (FirstPage.Count > 0 && FirstPage[^1] + Pages[^1] == first)
            {
                Pages[^1] += pages;
            }
            else if (FirstPage.Count < MostRuns)
            {
                FirstPage.Add(first);
                Pages.Add(pages);
            }
            else
            {
                Omitted += pages;
            }
        }
    }
}
