using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;

namespace Faultrec.Analyzer.Tables;

/// <summary>Objects of one slab cache by stage, over the processes of the filter.</summary>
/// <param name="ByStage">In the order of <see cref="SlabAggregate.Stages"/>.</param>
/// <param name="Unknown">Objects whose stage the kernel does not let us see.</param>
internal sealed record SlabCacheRow(string Cache, long Objects, IReadOnlyList<long> ByStage, long Unknown);

internal static class CacheTable
{
    public static TableDefinition<SlabCacheRow> Definition { get; } = new()
    {
        Name = "cache",
        Title = "slab caches",
        Question = "from which slab caches kernel objects came (--slab)",
        JsonKey = "slab/caches",
        WhyEmpty = report => Unrecorded.KernelObjects(report.Metadata) ?? "these faults allocated no kernel objects",
        Rows = Rows,
        Columns = Columns,
    };

    private static void Columns(TableBuilder<SlabCacheRow> table, FaultReport report)
    {
        table
            .Text("cache", "cache", "name of the slab cache (/proc/slabinfo)", ColumnAudience.Everyone, row => row.Cache)
            .Integer("objects", "objects", "kernel objects allocated from it", CellFormat.Count, ColumnAudience.Everyone, row => row.Objects);
        for (var i = 0; i < SlabAggregate.Stages.Count; i++)
        {
            var stage = i;
            table.Integer(SlabAggregate.Stages[i], SlabAggregate.Stages[i], $"objects from the stage {SlabAggregate.Stages[i]}", CellFormat.Count,
                ColumnAudience.Everyone, row => row.ByStage[stage]);
        }

        table.Integer("unknown", "unknown", "objects whose stage the kernel does not show", CellFormat.Count, ColumnAudience.Everyone, row => row.Unknown);
    }

    // Most objects first.
    private static List<SlabCacheRow> Rows(FaultReport report)
    {
        var rows = new List<SlabCacheRow>();
        foreach (var cache in (report.Metadata.Slab?.Caches ?? []).Where(count => report.Filter.MayMeanProcess(count.Pid)).GroupBy(count => count.Cache))
        {
            var byStage = new long[SlabAggregate.Stages.Count];
            for (var i = 0; i < byStage.Length; i++)
                byStage[i] = cache.Where(count => count.Stage == SlabAggregate.Stages[i]).Sum(count => count.Objects);
            var objects = cache.Sum(count => count.Objects);
            rows.Add(new SlabCacheRow(cache.Key, objects, byStage, objects - byStage.Sum()));
        }

        rows.Sort((a, b) => b.Objects.CompareTo(a.Objects) is var order && order != 0 ? order : string.CompareOrdinal(a.Cache, b.Cache));
        return rows;
    }
}
