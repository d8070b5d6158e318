using Faultrec.Analyzer.Facts;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Tables;

/// <param name="Comm">Name of the thread that waited.</param>
/// <param name="HolderComm">Name of the thread that held the lock; null if the trace has none.</param>
internal sealed record LockWaitRow(string? Comm, string? HolderComm, LockWait Wait);

internal static class LockTable
{
    public static TableDefinition<LockWaitRow> Definition { get; } = new()
    {
        Name = "lock",
        Title = "waits for mmap_lock",
        Question = "who waited for mmap_lock, and who held it (--why)",
        JsonKey = "lock_waits",
        WhyEmpty = report => Unrecorded.LockWaits(report.Metadata) ?? "no thread waited for mmap_lock in a fault",
        Rows = Rows,
        Columns = (table, _) => table
            .Integer("pid", "pid", "process of the waiting thread", CellFormat.Id, ColumnAudience.Wide, row => row.Wait.Pid)
            .Integer("tid", "tid", "waiting thread", CellFormat.Id, ColumnAudience.Everyone, row => row.Wait.Tid)
            .Text("comm", "waited", "name of the waiting thread", ColumnAudience.Everyone, row => row.Comm)
            .Integer("holder_pid", "holder pid", "process of the thread that held mmap_lock; null: not known", CellFormat.Id, ColumnAudience.Wide,
                row => row.Wait.HolderTid == 0 ? null : row.Wait.HolderPid)
            .Integer("holder_tid", "holder", "thread that held mmap_lock; null: not known", CellFormat.Id, ColumnAudience.Everyone,
                row => row.Wait.HolderTid == 0 ? null : row.Wait.HolderTid)
            .Text("holder_comm", "for", "name of the holder", ColumnAudience.Everyone, row => row.HolderComm)
            .Integer("waits", "faults", "faults that waited for that holder", CellFormat.Count, ColumnAudience.Everyone, row => row.Wait.Waits)
            .Integer("total_ns", "time", "sum of the waits", CellFormat.DurationNs, ColumnAudience.Everyone, row => row.Wait.TotalNs)
            .Integer("max_ns", "longest", "longest wait", CellFormat.DurationNs, ColumnAudience.Everyone, row => row.Wait.MaxNs),
    };

    // Longest time first. The trace has only sums, so only filters by process and thread apply.
    private static List<LockWaitRow> Rows(FaultReport report)
    {
        var names = new TaskNames(report.Metadata);
        var rows = report.Metadata.LockWaits.Where(wait => report.Filter.MayMeanThread(wait.Pid, wait.Tid))
            .Select(wait => new LockWaitRow(names.Thread(wait.Pid, wait.Tid), names.Thread(wait.HolderPid, wait.HolderTid), wait))
            .ToList();
        rows.Sort((a, b) => (-a.Wait.TotalNs, a.Wait.Pid, a.Wait.Tid, a.Wait.HolderTid).CompareTo((-b.Wait.TotalNs, b.Wait.Pid, b.Wait.Tid, b.Wait.HolderTid)));
        return rows;
    }
}
