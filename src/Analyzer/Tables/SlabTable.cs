using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;

namespace Faultrec.Analyzer.Tables;

/// <param name="Reason">Why the stage cannot be told apart on this kernel; null: it can.</param>
/// <param name="Share">Of the objects of all stages; null when there are none.</param>
internal sealed record SlabStageRow(string Stage, string? Reason, long Objects, double? Share);

internal static class SlabTable
{
    private const string UnknownStage = "unknown";

    public static TableDefinition<SlabStageRow> Definition { get; } = new()
    {
        Name = "slab",
        Title = "slab stages",
        Question = "from which stage of the allocator kernel objects came (--slab)",
        JsonKey = "slab/stages",
        Needs = [SlabAggregate.Measure],
        WhyEmpty = report => Unrecorded.KernelObjects(report.Metadata) ?? "these faults allocated no kernel objects",
        Rows = Rows,
        Keep = static (_, _) => 0,
        Columns = (table, _) => table
            .Text("stage", "stage", "where the allocator found the object (docs/report.md, Causes)", ColumnAudience.Everyone, row => row.Stage)
            .Integer("objects", "objects", "kernel objects that came from it", CellFormat.Count, ColumnAudience.Everyone, row => row.Objects)
            .Real("share", "share", "of all objects", CellFormat.Percent, ColumnAudience.Everyone, row => row.Share)
            .Text("refusal", "not told apart because", "why the stage cannot be told apart; empty: it can", ColumnAudience.Everyone, row => row.Reason ?? ""),
    };

    // Fastest stage first, with every stage that the recording knows of, and the unknown ones.
    private static List<SlabStageRow> Rows(FaultReport report)
    {
        var rows = new List<SlabStageRow>();
        if (report.Find(SlabAggregate.Measure) is not { } aggregate || report.Metadata.Slab is not { } slab)
            return rows;
        var refusals = new Dictionary<string, string?>();
        foreach (var stage in slab.Stages)
            refusals[stage.Cause] = stage.Reason;
        // Only the sums by cache have such objects, and these can be narrowed only to processes.
        var unknown = (report.Filter with { Pids = [] }).IsEmpty
            ? slab.Caches.Where(count => count.Stage == UnknownStage && report.Filter.MayMeanProcess(count.Pid)).Sum(count => count.Objects)
            : 0;
        var all = unknown;
        for (var i = 0; i < SlabAggregate.Stages.Count; i++)
            all += aggregate.Objects(i);
        for (var i = 0; i < SlabAggregate.Stages.Count; i++)
        {
            var (stage, objects) = (SlabAggregate.Stages[i], aggregate.Objects(i));
            if (objects > 0 || refusals.ContainsKey(stage))
                rows.Add(new SlabStageRow(stage, refusals.GetValueOrDefault(stage), objects, Share(objects, all)));
        }

        if (unknown > 0)
            rows.Add(new SlabStageRow(UnknownStage, null, unknown, Share(unknown, all)));
        return rows;
    }

    private static double? Share(long part, long all) => all == 0 ? null : (double)part / all;
}
