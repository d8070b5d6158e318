using Faultrec.Analyzer.Facts;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Tables;

/// <param name="Comm">Last name of the process, null when the trace has none.</param>
internal sealed record TlbRow(string? Comm, TlbFlushes Flushes);

internal static class TlbTable
{
    public static TableDefinition<TlbRow> Definition { get; } = new()
    {
        Name = "tlb",
        Title = "TLB flushes",
        Question = "how often the TLB was flushed, by process and reason",
        JsonKey = "tlb_flushes",
        WhyEmpty = report => Unrecorded.TlbFlushes(report.Metadata) ?? "no TLB was flushed for these processes",
        Rows = Rows,
        Columns = (table, _) => table
            .Integer("pid", "pid", "process id", CellFormat.Id, ColumnAudience.Everyone, row => row.Flushes.Pid)
            .Text("comm", "comm", "name of the process: the last that the recording has", ColumnAudience.Everyone, row => row.Comm)
            .Text("reason", "reason", "the kernel's reason (trace/events/tlb.h)", ColumnAudience.Everyone, row => row.Flushes.Reason)
            .Integer("flushes", "flushes", "flushes that the kernel's tracepoint reported", CellFormat.Count, ColumnAudience.Everyone,
                row => row.Flushes.Flushes)
            .Integer("pages", "pages", "pages that flushes named, summed", CellFormat.Count, ColumnAudience.Everyone, row => row.Flushes.Pages)
            .Integer("full", "full", "flushes of everything", CellFormat.Count, ColumnAudience.Everyone, row => row.Flushes.Full),
    };

    // Most flushes first. The trace has only sums, so only filters by process apply.
    private static List<TlbRow> Rows(FaultReport report)
    {
        var names = new TaskNames(report.Metadata);
        var rows = report.Metadata.TlbFlushes.Where(flushes => report.Filter.MayMeanProcess(flushes.Pid))
            .Select(flushes => new TlbRow(names.Process(flushes.Pid), flushes)).ToList();
        rows.Sort((a, b) => (-a.Flushes.Flushes, a.Flushes.Pid).CompareTo((-b.Flushes.Flushes, b.Flushes.Pid)) is var order && order != 0
            ? order
            : string.CompareOrdinal(a.Flushes.Reason, b.Flushes.Reason));
        return rows;
    }
}
