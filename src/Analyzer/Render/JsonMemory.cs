using System.Text.Json;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Compare;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Simulate;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Render;

/// <summary>The parts of <see cref="JsonReport"/> on page table, physical memory, cost and the allocator. Most are tables as CSV has them.</summary>
internal static class JsonMemory
{
    public static void Write(Utf8JsonWriter json, FaultReport report, int top)
    {
        json.WriteStartObject("page_table");
        JsonReport.WriteRows(json, "levels", report.Levels, 0, WriteLevel);
        WriteTable(json, "tables", MemoryTables.PageTables(report, top));
        json.WriteNumber("undetermined", report.PageTablesUndetermined);
        json.WriteString("note", PageTableTables.Note(report));
        json.WriteEndObject();
        WriteTable(json, "tlb_flushes", MemoryTables.TlbFlushes(report, top));
        JsonReport.WriteRows(json, "physical", report.Physical, top, WritePhysical);
        WriteFaultTime(json, report.FaultTime);
        json.WriteNumber("slow_ns", CauseAggregate.SlowNs);
        WriteTable(json, "causes", CostReportTables.Causes(report));
        json.WriteString("causes_note", CostTables.CauseNote(report));
        WriteTable(json, "worst_faults", CostReportTables.Worst(report, top));
        WriteTable(json, "lock_waits", CostReportTables.LockWaits(report, top));
        json.WriteStartObject("slab");
        WriteTable(json, "stages", MemoryTables.SlabStages(report));
        WriteTable(json, "caches", MemoryTables.SlabCaches(report, top));
        WriteTable(json, "buddy", MemoryTables.Buddy(report));
        json.WriteEndObject();
    }

    /// <summary>An array of objects whose members are the table's columns.</summary>
    internal static void WriteTable(Utf8JsonWriter json, string key, ReportTable table)
    {
        json.WriteStartArray(key);
        for (var row = 0; row < table.Rows; row++)
        {
            json.WriteStartObject();
            for (var column = 0; column < table.Columns.Count; column++)
                WriteCell(json, table, row, column);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteCell(Utf8JsonWriter json, ReportTable table, int row, int column)
    {
        var (key, format) = (table.Columns[column].Key, table.Columns[column].Format);
        if (format.IsText())
            json.WriteString(key, table.Text(row, column));
        else if (format is CellFormat.Ratio or CellFormat.Percent or CellFormat.Change)
            json.WriteNullable(key, table.Real(row, column));
        else
            json.WriteNullable(key, table.Integer(row, column));
    }

    private static void WriteLevel(Utf8JsonWriter json, LevelRow row)
    {
        json.WriteString("level", row.End.Name());
        JsonReport.WriteCounts(json, row.Counts);
        JsonReport.WriteLatency(json, row.Latency);
    }

    private static void WritePhysical(Utf8JsonWriter json, PhysicalRow row)
    {
        JsonReport.WriteRegionName(json, row.Id, row.Region);
        json.WriteNumber("frame_pages", row.FramePages);
        json.WriteNumber("distinct_frames", row.DistinctFrames);
        json.WriteNumber("runs", row.Runs);
        json.WriteNullable("mean_run", row.MeanRun);
        json.WriteNumber("longest_run", row.LongestRun);
        json.WriteNumber("blocks_2m", row.Blocks);
        json.WriteNumber("touched_2m", row.TouchedBlocks);
        json.WriteNumber("full_2m", row.FullBlocks);
        json.WriteNullable("mean_fill_2m", row.MeanFill);
        json.WriteStartArray("nodes");
        foreach (var node in row.Nodes)
        {
            json.WriteStartObject();
            json.WriteNullable("node", node.Node < 0 ? null : (long?)node.Node);
            json.WriteNumber("pages", node.Pages);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteFaultTime(Utf8JsonWriter json, FaultTime time)
    {
        json.WriteStartObject("fault_time");
        json.WriteNullable("sum_ns", time.SumNs);
        json.WriteNumber("wall_ns", time.WallNs);
        json.WriteNumber("threads", time.Threads);
        json.WriteNumber("thread_ns", time.ThreadNs);
        json.WriteNullable("share_of_wall", time.ShareOfWall);
        json.WriteNullable("share_of_thread_time", time.ShareOfThreadTime);
        json.WriteEndObject();
    }
}
