using Faultrec.Analyzer.Measures;

namespace Faultrec.Analyzer.Tables;

/// <param name="Comm">Last name of the main thread as the trace knows it, else its most frequent name; null when neither.</param>
/// <param name="DistinctPages">Pages by address, whichever mapping they were in.</param>
internal sealed record ProcessRow(int Pid, string? Comm, int Threads, FaultCounts Counts, long DistinctPages);

internal static class ProcessTable
{
    public static TableDefinition<ProcessRow> Definition { get; } = new()
    {
        Name = "process",
        Title = "processes",
        RowName = "process",
        Question = "which processes faulted",
        JsonKey = "processes",
        Needs = [TaskAggregate.Measure],
        Rows = Rows,
        Folded = (report, rows) => Helpers.Fold(report, rows, row => row.Pid, (name, helpers) => new ProcessRow(
            Helpers.NoId, name, helpers.Sum(row => row.Threads), FaultCounts.Sum(helpers.Select(row => row.Counts)),
            helpers.Sum(row => row.DistinctPages)), Compare),
        Note = Helpers.Note,
        Columns = (table, report) => table
            .Integer("pid", "pid", "process id", CellFormat.Id, ColumnAudience.Everyone, row => row.Pid == Helpers.NoId ? null : row.Pid)
            .Text("comm", "comm", "name of the process: the last that the recording has, else the one it faulted under most", ColumnAudience.Everyone,
                row => row.Comm)
            .Integer("threads", "threads", "threads that faulted", CellFormat.Count, ColumnAudience.Everyone, row => row.Threads)
            .Counts(row => row.Counts)
            .Time(report, row => row.Counts),
    };

    private static List<ProcessRow> Rows(FaultReport report)
    {
        var names = new TaskNames(report.Metadata);
        var rows = TaskSum.By(report, name => name.Pid)
            .Select(sum => new ProcessRow(
                sum.Key, names.Process(sum.Key) ?? sum.Value.MostFrequentComm, sum.Value.Threads, sum.Value.Counts,
                report.DistinctPagesByPid.GetValueOrDefault(sum.Key)))
            .ToList();
        rows.Sort(Compare);
        return rows;
    }

    private static int Compare(ProcessRow a, ProcessRow b) => Ordering.ByFaults(a.Counts, b.Counts, a.Pid.CompareTo(b.Pid));
}
