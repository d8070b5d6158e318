using Faultrec.Analyzer.Measures;

namespace Faultrec.Analyzer.Tables;

/// <param name="Comm">Last name as the trace knows it, else its most frequent name.</param>
internal sealed record ThreadRow(int Pid, int Tid, string? Comm, FaultCounts Counts);

internal static class ThreadTable
{
    public static TableDefinition<ThreadRow> Definition { get; } = new()
    {
        Name = "thread",
        Title = "threads",
        RowName = "thread",
        Question = "which threads faulted",
        JsonKey = "threads",
        Needs = [TaskAggregate.Measure],
        // For processes with one thread this table would repeat the table of processes.
        IsWorthShowing = (report, hasRoom) => hasRoom || report.Rows(Definition!).Count != report.Rows(ProcessTable.Definition).Count,
        Rows = Rows,
        Folded = (report, rows) => Helpers.Fold(report, rows, row => row.Pid, (name, helpers) => new ThreadRow(
            Helpers.NoId, Helpers.NoId, name, FaultCounts.Sum(helpers.Select(row => row.Counts))), Compare),
        Note = Helpers.Note,
        Columns = (table, report) => table
            .Integer("pid", "pid", "process id", CellFormat.Id, ColumnAudience.Everyone, row => row.Pid == Helpers.NoId ? null : row.Pid)
            .Integer("tid", "tid", "thread id", CellFormat.Id, ColumnAudience.Everyone, row => row.Tid == Helpers.NoId ? null : row.Tid)
            .Text("comm", "comm", "name of the thread: the last that the recording has, else the one it faulted under most", ColumnAudience.Everyone,
                row => row.Comm)
            .Counts(row => row.Counts)
            .Time(report, row => row.Counts),
    };

    private static List<ThreadRow> Rows(FaultReport report)
    {
        var names = new TaskNames(report.Metadata);
        var rows = TaskSum.By(report, name => (name.Pid, name.Tid))
            .Select(sum => new ThreadRow(sum.Key.Pid, sum.Key.Tid, names.OnlyThread(sum.Key.Pid, sum.Key.Tid) ?? sum.Value.MostFrequentComm, sum.Value.Counts))
            .ToList();
        rows.Sort(Compare);
        return rows;
    }

    private static int Compare(ThreadRow a, ThreadRow b) => Ordering.ByFaults(a.Counts, b.Counts, (a.Pid, a.Tid).CompareTo((b.Pid, b.Tid)));
}
