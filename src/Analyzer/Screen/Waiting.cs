using System.Globalization;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Screen;

/// <summary>Threads that wait in faults: for a device, for a handler, for a page that is being moved, for mmap_lock.</summary>
internal static class Waiting
{
    private const double LeastOfRecording = 0.1;
    private const double LeastOfFile = 0.5;
    private const double WorstThread = 0.5;
    private const double LeastOfLock = 0.5;

    /// <summary>Of a file's pages, how often each was read: with more, they did not stay.</summary>
    private const double ReadAgain = 1.5;

    private const int NameWidth = 50;

    /// <summary>For what threads waited longest; null: not for a tenth of the recording.</summary>
    public static FamilyShare? Most(FaultReport report)
        => FamilyShare.Of(report).Where(family => family.Family.WaitsFor is not null).MaxBy(family => family.TimeNs) is { } most
            && most.TimeNs >= LeastOfRecording * report.FaultTime.WallNs
            ? most
            : null;

    /// <summary>Null: there is no such wait.</summary>
    public static string? Of(FaultReport report)
    {
        var time = report.FaultTime;
        if (Lock(report) is { } ofLock)
            return ofLock;
        if (Most(report) is not { } most)
            return null;
        var about = report.Sample is null ? "" : "about ";
        return $"Threads waited {about}{Units.Duration(most.TimeNs)} for {most.Family.WaitsFor}, in a recording of {Units.Duration(time.WallNs)}"
            + $"{Worst(report)}{File(report, most)}.";
    }

    /// <summary>Waits for mmap_lock, where threads waited longest for it, and who held it most of that time; null: they did not.</summary>
    private static string? Lock(FaultReport report)
    {
        var rows = report.Rows(LockTable.Definition);
        var waitedNs = rows.Sum(row => row.Wait.TotalNs);
        // The trace has only sums, of the whole recording.
        if (!report.Filter.IsEmpty || waitedNs < LeastOfRecording * report.FaultTime.WallNs || Most(report)?.TimeNs >= waitedNs)
            return null;
        var most = rows.Where(row => row.Wait.HolderTid != 0).GroupBy(row => (Tid: row.Wait.HolderTid, Comm: row.HolderComm))
            .MaxBy(holder => holder.Sum(row => row.Wait.TotalNs));
        var heldNs = most?.Sum(row => row.Wait.TotalNs) ?? 0;
        var holder = heldNs >= LeastOfLock * waitedNs
            ? $"; {Units.Percent((double)heldNs / waitedNs)} of it while {most!.Key.Comm ?? "thread"} "
                + $"(tid {most.Key.Tid.ToString(CultureInfo.InvariantCulture)}) held it"
            : "";
        return $"Threads waited {Units.Duration(waitedNs)} in faults for mmap_lock, in a recording of {Units.Duration(report.FaultTime.WallNs)}{holder}.";
    }

    /// <summary>The thread that spent most of its life in faults, where that is most of its life.</summary>
    private static string Worst(FaultReport report)
    {
        ThreadRow? worst = null;
        var most = 0.0;
        var threads = report.Metadata.Threads.GroupBy(thread => (thread.Pid, thread.Tid)).ToDictionary(group => group.Key, group => group.First());
        foreach (var row in report.Rows(ThreadTable.Definition))
        {
            var thread = threads.GetValueOrDefault((row.Pid, row.Tid));
            var lived = Math.Min(thread?.ExitedNs ?? report.Metadata.DurationNs, report.Metadata.DurationNs) - Math.Max(thread?.StartedNs ?? 0, 0);
            var share = lived < LeastOfRecording * report.Metadata.DurationNs ? 0 : (double)row.Counts.DurationNs / lived;
            if (share > most)
                (worst, most) = (row, share);
        }

        return most >= WorstThread
            ? $"; {worst!.Comm ?? "thread"} ({(worst.Tid == worst.Pid ? "pid" : "tid")} {worst.Tid.ToString(CultureInfo.InvariantCulture)}) "
                + $"was in faults for {Units.Percent(Math.Min(most, 1))} of its time"
            : "";
    }

    private static string File(FaultReport report, FamilyShare family)
    {
        if (family.Family != KindFamily.Disk || report.Totals.Counts.Major == 0)
            return "";
        var most = report.Rows(RegionTable.Definition).Where(row => row.Region?.Path is not null && row.Counts.Major > 0)
            .GroupBy(row => row.Region!.Name).MaxBy(group => group.Sum(row => row.Counts.Major));
        if (most is null)
            return "";
        var major = most.Sum(row => row.Counts.Major);
        if (major < LeastOfFile * report.Totals.Counts.Major)
            return "";
        var pages = most.Sum(row => row.DistinctPages);
        var again = report.Sample is null && major >= ReadAgain * pages
            ? $", {Units.Ratio((double)major / pages)} times each page: they did not stay in memory"
            : "";
        var name = Columns.CutMiddle(most.Key, NameWidth);
        return $"; {Units.Count(major)} of {Units.Count(report.Totals.Counts.Major)} reads were of {name}{again}";
    }
}
