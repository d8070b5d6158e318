using Faultrec.Analyzer.Measures;

namespace Faultrec.Analyzer.Tables;

/// <param name="Comm">Thread name at the fault.</param>
/// <param name="Threads">Threads that faulted under this name.</param>
internal sealed record CommRow(string Comm, int Threads, FaultCounts Counts);

internal static class CommTable
{
    public static TableDefinition<CommRow> Definition { get; } = new()
    {
        Name = "comm",
        Title = "comms",
        RowName = "comm",
        Question = "under which thread names faults happened",
        JsonKey = "comms",
        Needs = [TaskAggregate.Measure],
        Rows = Rows,
        Columns = (table, report) => table
            .Text("comm", "comm", "thread name at the fault", ColumnAudience.Everyone, row => row.Comm)
            .Integer("threads", "threads", "threads that faulted under the name", CellFormat.Count, ColumnAudience.Everyone, row => row.Threads)
            .Counts(row => row.Counts)
            .Time(report, row => row.Counts),
    };

    private static List<CommRow> Rows(FaultReport report)
    {
        var rows = TaskSum.By(report, name => name.Comm).Select(sum => new CommRow(sum.Key, sum.Value.Threads, sum.Value.Counts)).ToList();
        rows.Sort((a, b) => Ordering.ByFaults(a.Counts, b.Counts, string.CompareOrdinal(a.Comm, b.Comm)));
        return rows;
    }
}
