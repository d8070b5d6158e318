using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Report;

public sealed record LevelRow(WalkEnd End, FaultCounts Counts, LatencySummary Latency);

/// <param name="Comm">Last name of the process, null when the trace has none.</param>
/// <param name="Bytes">Memory of all its tables.</param>
public sealed record TableRow(int Pid, string? Comm, TablePages Pages, long Bytes);

/// <param name="Comm">Last name of the process, null when the trace has none.</param>
public sealed record TlbRow(string? Comm, TlbFlushes Flushes);

/// <summary>Rows of the tables of levels, of page-table pages and of TLB flushes.</summary>
internal static class PageTableTables
{
    /// <summary>From the top level down; only those that faults ended at.</summary>
    public static List<LevelRow> Levels(TraceMetadata metadata, KindAggregate kinds)
    {
        var rows = new List<LevelRow>();
        if (!KindRule.CanTell(metadata))
            return rows;
        foreach (var end in (WalkEnd[])[WalkEnd.Pgd, WalkEnd.P4d, WalkEnd.Pud, WalkEnd.Pmd, WalkEnd.Pte, WalkEnd.NotPresent, WalkEnd.Present, WalkEnd.Unknown])
        {
            var counts = kinds.Counts(end, out var latency);
            if (counts.Faults > 0)
                rows.Add(new LevelRow(end, counts, LatencySummary.Of(latency)));
        }

        return rows;
    }

    /// <summary>Most pages first.</summary>
    public static List<TableRow> Tables(TraceMetadata metadata, PageTableAggregate? aggregate)
    {
        var rows = new List<TableRow>();
        if (aggregate is null)
            return rows;
        var names = new TaskNames(metadata);
        foreach (var (pid, pages) in aggregate.ByPid)
        {
            if (pages.All > 0)
                rows.Add(new TableRow(pid, names.Process(pid), pages, pages.All * metadata.PageSize));
        }

        rows.Sort((a, b) => (-a.Pages.All, a.Pid).CompareTo((-b.Pages.All, b.Pid)));
        return rows;
    }

    /// <summary>Most flushes first. The trace has sums only, so of a filter only the processes count.</summary>
    public static List<TlbRow> TlbFlushes(TraceMetadata metadata, FaultFilter filter)
    {
        var names = new TaskNames(metadata);
        var rows = new List<TlbRow>();
        foreach (var flushes in metadata.TlbFlushes)
        {
            if (filter.Pids.Count == 0 || filter.Pids.Contains(flushes.Pid))
                rows.Add(new TlbRow(names.Process(flushes.Pid), flushes));
        }

        rows.Sort((a, b) => (-a.Flushes.Flushes, a.Flushes.Pid).CompareTo((-b.Flushes.Flushes, b.Flushes.Pid)) is var order && order != 0
            ? order
            : string.CompareOrdinal(a.Flushes.Reason, b.Flushes.Reason));
        return rows;
    }

    /// <summary>How the page-table pages are known; null when there are none.</summary>
    public static string? Note(FaultReport report)
    {
        if (report.PageTables.Count == 0)
            return null;
        var undetermined = report.PageTablesUndetermined == 0
            ? ""
            : $"; {Units.Of(report.PageTablesUndetermined, "fault")} left out, whose mapping is not known";
        return "derived: one table for each level that a fault found missing, and one that an anonymous huge page keeps for being split; "
            + $"threads that race for a table count it twice, and fork, mremap and execve allocate others{undetermined}";
    }
}

/// <summary>Names of processes and threads by id, as the trace's tables have them.</summary>
internal sealed class TaskNames
{
    private readonly Dictionary<int, string> _processes = [];
    private readonly Dictionary<(int, int), string> _threads = [];

    public TaskNames(TraceMetadata metadata)
    {
        foreach (var process in metadata.Processes)
            _processes[process.Pid] = process.Comm;
        foreach (var thread in metadata.Threads)
            _threads[(thread.Pid, thread.Tid)] = thread.Comm;
    }

    public string? Process(int pid) => _processes.GetValueOrDefault(pid);

    public string? Thread(int pid, int tid) => _threads.GetValueOrDefault((pid, tid)) ?? Process(pid);
}
