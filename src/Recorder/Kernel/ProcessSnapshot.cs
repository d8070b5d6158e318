using System.Globalization;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Spool;

namespace Faultrec.Recorder.Kernel;

/// <summary>A running process's address space and names as they are now; proc(5).</summary>
internal static class ProcessSnapshot
{
    /// <summary>Every listed process with memory of its own: not the kernel's threads.</summary>
    /// <param name="list">Called again until it returns nothing new.</param>
    public static IEnumerable<MapsSnapshot> Read(Func<IEnumerable<int>> list)
    {
        // A process that was created before its parent's turn is in no earlier listing, and had nothing known to inherit.
        const int maxListings = 8;
        var known = new HashSet<int>();
        for (var (listing, before) = (0, -1); listing < maxListings && known.Count > before; listing++)
        {
            before = known.Count;
            foreach (var pid in list().Where(known.Add))
            {
                if (TryTake(pid, out _) is { Maps.Length: > 0 } snapshot)
                    yield return snapshot;
            }
        }
    }

    /// <summary>Null if the process ended meanwhile, or this user may not read it.</summary>
    public static MapsSnapshot? TryTake(int pid, out string? reason)
    {
        try
        {
            reason = null;
            // The time is taken first: changes during the reading are reported again, by records of a later time.
            var timeNs = Libc.MonotonicNs();
            var maps = File.ReadAllText($"/proc/{pid}/maps");
            var threads = Machine.ThreadsOf(pid).Select(tid => new ThreadName(tid, Comm($"/proc/{pid}/task/{tid}/comm"))).ToList();
            return new MapsSnapshot(pid, timeNs, Comm($"/proc/{pid}/comm"), ParentPid(pid), threads, maps);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            reason = e.Message;
            return null;
        }
    }

    public static string Comm(string path)
    {
        try
        {
            return File.ReadAllText(path).TrimEnd('\n');
        }
        catch (IOException)
        {
            return ""; // The thread ended meanwhile.
        }
    }

    // "PPid:\t1234"
    private static int ParentPid(int pid)
    {
        var line = File.ReadLines($"/proc/{pid}/status").First(text => text.StartsWith("PPid:", StringComparison.Ordinal));
        return int.Parse(line["PPid:".Length..], CultureInfo.InvariantCulture);
    }
}
