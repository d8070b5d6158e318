using Faultrec.Analyzer.Residency;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Tables;

/// <summary>Resident memory of a process: as accounted, and by the kernel's own counters.</summary>
/// <param name="KernelPeakBytes">Null: the kernel's counters were not read.</param>
/// <param name="EndPages">When the process ended, or at the kernel's last sample; without samples at the end.</param>
/// <param name="KernelEndBytes">At the same moment; null likewise.</param>
/// <param name="UnplacedPages">Of the accounted ones, pages whose address is not known.</param>
internal sealed record RssRow(
    int Pid, string? Comm, long PeakPages, long PeakNs, long? KernelPeakBytes, long EndPages, long? KernelEndBytes, long? KernelSwapBytes, long UnplacedPages,
    long ReclaimedPages);

internal static class RssTable
{
    public static TableDefinition<RssRow> Definition { get; } = new()
    {
        Name = "rss",
        Title = "resident memory by process",
        Question = "resident memory of each process, by the account and by the kernel",
        JsonKey = "resident/processes",
        Needs = [ResidentFacts.Measure],
        FollowUp = ResidentFacts.FollowUp,
        IsInReport = false,
        Rows = Rows,
        Columns = (table, report) => table
            .Integer("pid", "pid", "process id", CellFormat.Id, ColumnAudience.Everyone, row => row.Pid)
            .Text("comm", "comm", "name of the process", ColumnAudience.Everyone, row => row.Comm)
            .Integer("peak_bytes", "peak", "most that was resident, accounted", CellFormat.Bytes, ColumnAudience.Everyone,
                row => row.PeakPages * report.Metadata.PageSize)
            .Integer("kernel_peak_bytes", "kernel's",
                "most that the kernel counted (VmHWM, ru_maxrss), which includes what was before an execve; empty: not read", CellFormat.Bytes,
                ColumnAudience.Everyone, row => row.KernelPeakBytes)
            .Integer("peak_ns", "at", "when the peak was, from the start of the recording", CellFormat.DurationNs, ColumnAudience.Everyone, row => row.PeakNs)
            .Integer("end_bytes", "at the end", "resident at the end of the process or of the time looked at, accounted", CellFormat.Bytes,
                ColumnAudience.Everyone, row => row.EndPages * report.Metadata.PageSize)
            .Integer("kernel_end_bytes", "kernel's", "what the kernel counted then (VmRSS); empty: not read", CellFormat.Bytes, ColumnAudience.Everyone,
                row => row.KernelEndBytes)
            .Integer("kernel_swap_bytes", "swapped", "what the kernel counted as swapped out then (VmSwap)", CellFormat.Bytes, ColumnAudience.Wide,
                row => row.KernelSwapBytes)
            .Integer("unplaced_bytes", "unplaced", "resident pages whose address is not known: filled inside a call that names no range", CellFormat.Bytes,
                ColumnAudience.Wide, row => row.UnplacedPages * report.Metadata.PageSize)
            .Integer("reclaimed_bytes", "reclaimed", "pages that a fault found missing though nothing had given them back", CellFormat.Bytes,
                ColumnAudience.Wide, row => row.ReclaimedPages * report.Metadata.PageSize),
        Note = report => report.Memory?.Note(),
        WhyEmpty = ResidentFacts.WhyEmpty,
    };

    private static List<RssRow> Rows(FaultReport report)
    {
        if (report.Memory is not { } memory)
            return [];
        var names = new TaskNames(report.Metadata);
        var rows = memory.Account.Processes.Where(process => report.Filter.MayMeanProcess(process.Pid))
            .Select(process => RowOf(report, memory.Account, process, names.OnlyThread(process.Pid, process.Pid)))
            .Where(row => row.PeakPages > 0)
            .ToList();
        rows.Sort((a, b) => a.PeakPages != b.PeakPages ? b.PeakPages.CompareTo(a.PeakPages) : a.Pid.CompareTo(b.Pid));
        return rows;
    }

    private static RssRow RowOf(FaultReport report, MemoryAccount account, ProcessPages process, string? comm)
    {
        var (kernel, index) = LastOf(report.Metadata.Memory, process.Pid);
        var last = kernel is null ? -1 : LastSample(kernel, report.Plan.Window.ToNs);
        var atSample = last >= 0 ? account.Accounted[index][last] : 0;
        return new RssRow(
            process.Pid,
            comm,
            process.Peak,
            process.PeakNs,
            kernel?.PeakBytes,
            last >= 0 ? atSample : process.AtExit ?? process.Resident,
            last >= 0 ? kernel!.ResidentBytes(last) : null,
            last >= 0 ? kernel!.SwapBytes[last] : null,
            process.Unplaced.Values.Sum(),
            process.Reclaimed);
    }

    // A process id that was used again is, as in the account, the last that had it.
    private static (ProcessMemory? Kernel, int Index) LastOf(IReadOnlyList<ProcessMemory> memory, int pid)
    {
        for (var i = memory.Count - 1; i >= 0; i--)
        {
            if (memory[i].Pid == pid)
                return (memory[i], i);
        }

        return (null, -1);
    }

    private static int LastSample(ProcessMemory memory, long endNs)
    {
        var last = memory.TimeNs.Count - 1;
        while (last >= 0 && memory.TimeNs[last] >= endNs)
            last--;
        return last;
    }
}
