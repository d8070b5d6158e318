using System.Text.Json;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;

namespace Faultrec.Analyzer.Tables;

/// <summary>A function, or a line of one.</summary>
/// <param name="Name">Function; [module+0x…] where no symbol covers the address.</param>
/// <param name="File">Source file; null where not known, and for functions.</param>
/// <param name="Line">Null where not known, and for functions.</param>
/// <param name="Module">Path of the file that holds the code.</param>
/// <param name="Self">Faults in it: it was the innermost frame.</param>
/// <param name="Total">Faults in it and in its callees; each fault counts once, however often the function is on the stack.</param>
/// <param name="Latency">Of <paramref name="Total"/>.</param>
internal sealed record CodeRow(
    string Name, string? File, int? Line, string? Module, FaultCounts Self, double SelfShare, FaultCounts Total, double TotalShare, LatencySummary Latency);

/// <summary>Common part of the tables of functions and of lines: faults in each, and faults in its callees.</summary>
internal static class CodeRows
{
    private const string NotInJson = TableBuilder<CodeRow>.NotInJson;

    /// <param name="idOf">The id by which a frame is summed: below <paramref name="count"/>.</param>
    /// <param name="place">The place for such an id.</param>
    public static List<CodeRow> Rows(StackFacts stacks, int count, Func<int, int> idOf, Func<int, CodePlace> place)
    {
        var self = new FaultCounts[count];
        var total = new FaultStats?[count];
        // The stack on which an id was last seen: recursion counts once.
        var seenOn = new int[count];
        Array.Fill(seenOn, -1);
        foreach (var (stack, stats) in stacks.ByStack.ByStack)
        {
            self[idOf(stacks.Table.NodeFrames[stack])].Merge(stats.Counts);
            foreach (var frame in stacks.Names.FramesOf(stack))
            {
                var id = idOf(frame);
                if (seenOn[id] == stack)
                    continue;
                seenOn[id] = stack;
                (total[id] ??= new FaultStats()).Merge(stats);
            }
        }

        var rows = new List<CodeRow>();
        for (var id = 0; id < count; id++)
        {
            if (total[id] is not { } below)
                continue;
            var (name, file, line, module) = place(id);
            rows.Add(new CodeRow(
                name, file, line == 0 ? null : line, module, self[id], stacks.Share(self[id].Faults),
                below.Counts, stacks.Share(below.Counts.Faults), LatencySummary.Of(below.Latency)));
        }

        rows.Sort(Compare);
        return rows;
    }

    public static void Columns(TableBuilder<CodeRow> table, FaultReport report)
        => table
            .Integer("self_faults", "self", "faults that the code itself raised", CellFormat.Count, ColumnAudience.Everyone, row => row.Self.Faults, NotInJson)
            .Real("self_share", "share", "of all faults of the report, those that the code itself raised", CellFormat.Percent, ColumnAudience.Everyone,
                row => row.SelfShare, NotInJson)
            .Integer("self_major", "self major", "major faults that the code itself raised", CellFormat.Count, ColumnAudience.Wide,
                row => row.Self.KnownMajor, NotInJson)
            .Integer("self_latency_sum_ns", "self time", "sum of the known durations of faults that the code itself raised",
                CellFormat.DurationNs, ColumnAudience.Wide, row => report.TimeOf(row.Self), NotInJson)
            .Integer("total_faults", "total", "faults of the code and of all it called", CellFormat.Count, ColumnAudience.Everyone, row => row.Total.Faults,
                NotInJson)
            .Real("total_share", "share", "of all faults of the report, those of the code and of all it called", CellFormat.Percent, ColumnAudience.Everyone,
                row => row.TotalShare, NotInJson)
            .Integer("total_major", "major", "major faults of the code and of all it called", CellFormat.Count, ColumnAudience.Everyone,
                row => row.Total.KnownMajor, NotInJson)
            .Integer("latency_p50_ns", "p50", "median duration of the total's faults", CellFormat.DurationNs, ColumnAudience.Everyone, row => row.Latency.P50Ns,
                NotInJson)
            .Integer("latency_p99_ns", "p99", "99th percentile of the durations of the total's faults", CellFormat.DurationNs, ColumnAudience.Wide,
                row => row.Latency.P99Ns, NotInJson)
            .Integer("latency_max_ns", "max", "longest duration of the total's faults", CellFormat.DurationNs, ColumnAudience.Wide, row => row.Latency.MaxNs,
                NotInJson)
            .Integer("latency_sum_ns", "time", "sum of the known durations of the total's faults", CellFormat.DurationNs, ColumnAudience.Everyone,
                row => row.Latency.SumNs, NotInJson)
            .Json(WriteJson);

    private static void WriteJson(Utf8JsonWriter json, CodeRow row)
    {
        json.WriteStartObject("self");
        json.WriteCounts(row.Self);
        json.WriteNumber("share", row.SelfShare);
        json.WriteNumber("fault_time_ns", row.Self.DurationNs);
        json.WriteEndObject();
        json.WriteStartObject("total");
        json.WriteCounts(row.Total);
        json.WriteNumber("share", row.TotalShare);
        json.WriteLatency(row.Latency);
        json.WriteEndObject();
    }

    private static int Compare(CodeRow a, CodeRow b)
    {
        var tie = string.CompareOrdinal(a.Name, b.Name);
        tie = tie != 0 ? tie : string.CompareOrdinal(a.Module, b.Module);
        tie = tie != 0 ? tie : string.CompareOrdinal(a.File, b.File);
        tie = tie != 0 ? tie : Nullable.Compare(a.Line, b.Line);
        return Ordering.ByFaults(a.Self, b.Self, Ordering.ByFaults(a.Total, b.Total, tie));
    }
}
