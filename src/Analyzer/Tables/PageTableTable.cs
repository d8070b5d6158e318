using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Tables;

/// <param name="Comm">Last name of the process, null when the trace has none.</param>
/// <param name="Bytes">Memory of all its tables.</param>
internal sealed record PageTableRow(int Pid, string? Comm, TablePages Pages, long Bytes);

internal static class PageTableTable
{
    public static TableDefinition<PageTableRow> Definition { get; } = new()
    {
        Name = "page_table",
        Title = "page tables",
        Question = "how much memory page tables took, by process",
        JsonKey = "page_table/tables",
        JsonNoteKey = "page_table/note",
        JsonMembers = (json, report) => json.WriteNumber("undetermined", Undetermined(report)),
        Needs = [PageTableAggregate.Measure],
        WhyEmpty = report => Unrecorded.PageTables(report.Metadata) ?? "none of these faults allocated a page table",
        Rows = Rows,
        Columns = (table, _) => table
            .Integer("pid", "pid", "process id", CellFormat.Id, ColumnAudience.Everyone, row => row.Pid)
            .Text("comm", "comm", "name of the process: the last that the recording has, else the one it faulted under most", ColumnAudience.Everyone,
                row => row.Comm)
            .Integer("bytes", "memory", "memory of the page tables that faults allocated: their number × page size", CellFormat.Bytes, ColumnAudience.Everyone,
                row => row.Bytes)
            .Integer("pte_tables", "pte tables", "tables of the last level (PTE), deposited ones included", CellFormat.Count, ColumnAudience.Everyone,
                row => row.Pages.Pte)
            .Integer("deposited", "deposited", "PTE tables kept in reserve for anonymous huge pages", CellFormat.Count, ColumnAudience.Everyone,
                row => row.Pages.Deposited)
            .Integer("pmd_tables", "pmd tables", "tables of level PMD", CellFormat.Count, ColumnAudience.Everyone, row => row.Pages.Pmd)
            .Integer("pud_tables", "pud tables", "tables of level PUD", CellFormat.Count, ColumnAudience.Everyone, row => row.Pages.Pud)
            .Integer("p4d_tables", "p4d tables", "tables of level P4D", CellFormat.Count, ColumnAudience.Wide, row => row.Pages.P4d),
        Note = Note,
    };

    // Most pages first.
    private static List<PageTableRow> Rows(FaultReport report)
    {
        var rows = new List<PageTableRow>();
        if (report.Find(PageTableAggregate.Measure) is not { } aggregate)
            return rows;
        var names = new TaskNames(report.Metadata);
        foreach (var (pid, pages) in aggregate.ByPid)
        {
            if (pages.All > 0)
                rows.Add(new PageTableRow(pid, names.Process(pid), pages, pages.All * report.Metadata.PageSize));
        }

        rows.Sort((a, b) => (-a.Pages.All, a.Pid).CompareTo((-b.Pages.All, b.Pid)));
        return rows;
    }

    private static long Undetermined(FaultReport report) => report.Find(PageTableAggregate.Measure)?.Undetermined ?? 0;

    // How the pages are known.
    private static string? Note(FaultReport report)
    {
        if (report.Rows(Definition).Count == 0)
            return null;
        var undetermined = Undetermined(report) is > 0 and var faults ? $"; {Units.Of(faults, "fault")} left out, because their mapping is not known" : "";
        return "derived: one table for each level that a fault found missing, and one that an anonymous huge page keeps for a later split; "
            + $"threads that race for a table count it twice, and fork, mremap and execve allocate others{undetermined}";
    }
}
