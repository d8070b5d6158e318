using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Compare;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Simulate;

namespace Faultrec.Analyzer.Tables;

/// <summary>The tables of page table, physical memory and the allocator underneath.</summary>
internal static class MemoryTables
{
    public static ReportTable Levels(FaultReport report)
        => new TableBuilder<LevelRow>(ReportTableKind.Level, "page-table levels", report.Levels, 0)
            .Text("level", "missing at", ColumnAudience.Everyone, row => row.End.Name())
            .Counts(row => row.Counts)
            .Real("share", "share", CellFormat.Percent, ColumnAudience.Everyone, row => (double)row.Counts.Faults / report.Levels.Sum(level => level.Counts.Faults))
            .Latency(row => row.Latency, ColumnAudience.Wide, ColumnAudience.Everyone)
            .Build();

    public static ReportTable PageTables(FaultReport report, int top)
        => new TableBuilder<TableRow>(ReportTableKind.PageTable, "page tables", report.PageTables, top)
            .Integer("pid", "pid", CellFormat.Id, ColumnAudience.Everyone, row => row.Pid)
            .Text("comm", "comm", ColumnAudience.Everyone, row => row.Comm)
            .Integer("bytes", "memory", CellFormat.Bytes, ColumnAudience.Everyone, row => row.Bytes)
            .Integer("pte_tables", "pte tables", CellFormat.Count, ColumnAudience.Everyone, row => row.Pages.Pte)
            .Integer("deposited", "deposited", CellFormat.Count, ColumnAudience.Everyone, row => row.Pages.Deposited)
            .Integer("pmd_tables", "pmd tables", CellFormat.Count, ColumnAudience.Everyone, row => row.Pages.Pmd)
            .Integer("pud_tables", "pud tables", CellFormat.Count, ColumnAudience.Everyone, row => row.Pages.Pud)
            .Integer("p4d_tables", "p4d tables", CellFormat.Count, ColumnAudience.Wide, row => row.Pages.P4d)
            .Build();

    public static ReportTable TlbFlushes(FaultReport report, int top)
        => new TableBuilder<TlbRow>(ReportTableKind.Tlb, "TLB flushes", report.TlbFlushes, top)
            .Integer("pid", "pid", CellFormat.Id, ColumnAudience.Everyone, row => row.Flushes.Pid)
            .Text("comm", "comm", ColumnAudience.Everyone, row => row.Comm)
            .Text("reason", "reason", ColumnAudience.Everyone, row => row.Flushes.Reason)
            .Integer("flushes", "flushes", CellFormat.Count, ColumnAudience.Everyone, row => row.Flushes.Flushes)
            .Integer("pages", "pages", CellFormat.Count, ColumnAudience.Everyone, row => row.Flushes.Pages)
            .Integer("full", "full", CellFormat.Count, ColumnAudience.Everyone, row => row.Flushes.Full)
            .Build();

    public static ReportTable Physical(FaultReport report, int top)
        => new TableBuilder<PhysicalRow>(ReportTableKind.Physical, "physical memory", report.Physical, top)
            .Region(row => row.Id, row => row.Region)
            .Integer("frame_pages", "pages", CellFormat.Count, ColumnAudience.Everyone, row => row.FramePages)
            .Integer("distinct_frames", "frames", CellFormat.Count, ColumnAudience.Everyone, row => row.DistinctFrames)
            .Integer("runs", "runs", CellFormat.Count, ColumnAudience.Wide, row => row.Runs)
            .Real("mean_run", "mean run", CellFormat.Ratio, ColumnAudience.Everyone, row => row.MeanRun)
            .Integer("longest_run", "longest", CellFormat.Count, ColumnAudience.Everyone, row => row.LongestRun)
            .Integer("blocks_2m", "2 MiB", CellFormat.Count, ColumnAudience.Everyone, row => row.Blocks)
            .Integer("touched_2m", "touched", CellFormat.Count, ColumnAudience.Everyone, row => row.TouchedBlocks)
            .Integer("full_2m", "full", CellFormat.Count, ColumnAudience.Everyone, row => row.FullBlocks)
            .Real("mean_fill_2m", "fill", CellFormat.Percent, ColumnAudience.Everyone, row => row.MeanFill)
            .Text("nodes", "NUMA nodes", report.Metadata.NumaNodes.Count > 1 ? ColumnAudience.Everyone : ColumnAudience.Wide, row => Nodes(row.Nodes))
            .Build();

    public static ReportTable SlabStages(FaultReport report)
        => new TableBuilder<SlabStageRow>(ReportTableKind.Slab, "slab stages", report.SlabStages, 0)
            .Text("stage", "stage", ColumnAudience.Everyone, row => row.Stage)
            .Integer("objects", "objects", CellFormat.Count, ColumnAudience.Everyone, row => row.Objects)
            .Real("share", "share", CellFormat.Percent, ColumnAudience.Everyone, row => row.Share)
            .Text("refusal", "not told apart because", ColumnAudience.Everyone, row => row.Refusal ?? "")
            .Build();

    public static ReportTable SlabCaches(FaultReport report, int top)
    {
        var table = new TableBuilder<SlabCacheRow>(ReportTableKind.Cache, "slab caches", report.SlabCaches, top)
            .Text("cache", "cache", ColumnAudience.Everyone, row => row.Cache)
            .Integer("objects", "objects", CellFormat.Count, ColumnAudience.Everyone, row => row.Objects);
        for (var i = 0; i < SlabAggregate.Stages.Count; i++)
        {
            var stage = i;
            table.Integer(SlabAggregate.Stages[i], SlabAggregate.Stages[i], CellFormat.Count, ColumnAudience.Everyone, row => row.ByStage[stage]);
        }

        return table.Integer("unknown", "unknown", CellFormat.Count, ColumnAudience.Everyone, row => row.Unknown).Build();
    }

    public static ReportTable Buddy(FaultReport report)
        => new TableBuilder<BuddyRow>(ReportTableKind.Buddy, "buddy allocator", report.Buddy, 0)
            .Integer("order", "order", CellFormat.Id, ColumnAudience.Everyone, row => row.Order)
            .Integer("allocations", "allocations", CellFormat.Count, ColumnAudience.Everyone, row => row.Allocations)
            .Integer("pages", "pages", CellFormat.Count, ColumnAudience.Everyone, row => row.Pages)
            .Real("share", "share", CellFormat.Percent, ColumnAudience.Everyone, row => row.Share)
            .Build();

    /// <summary>"0:512 1:3": pages by node; ? for frames that no node has.</summary>
    private static string Nodes(IReadOnlyList<NodePages> nodes)
        => string.Join(' ', nodes.Select(node => node.Node < 0 ? $"?:{node.Pages}" : $"{node.Node}:{node.Pages}"));
}
