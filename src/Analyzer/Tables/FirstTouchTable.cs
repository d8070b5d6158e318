using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Tables;

/// <summary>When the pages of a region were first touched.</summary>
/// <param name="Region">Null: no known mapping, id 0.</param>
/// <param name="Pages">Of the region's range; 0 without one.</param>
/// <param name="FirstTouches">Pages by the bucket of the time line in which each faulted first.</param>
internal sealed record FirstTouchRow(int Id, Region? Region, long Pages, long TouchedPages, IReadOnlyList<long> FirstTouches);

internal static class FirstTouchTable
{
    public static TableDefinition<FirstTouchRow> Definition { get; } = new()
    {
        Name = "first_touch",
        Title = "first touches",
        Question = "when the pages of each region were first touched",
        JsonKey = "timeline/first_touches",
        Needs = [FirstTouchAggregate.Measure],
        IsInReport = false,
        Rows = Rows,
        Columns = (table, report) => table
            .Region(row => row.Id, row => row.Region, pid: ColumnAudience.Everyone)
            .Integer("born_ns", "born", "when the mapping was made; null: before the recording", CellFormat.DurationNs, ColumnAudience.Everyone,
                row => row.Region?.BornNs)
            .Integer("died_ns", "died", "when the mapping was unmapped; null: it outlived the recording", CellFormat.DurationNs, ColumnAudience.Everyone,
                row => row.Region?.DiedNs)
            .Integer("pages", "pages", "pages of the region's widest range", CellFormat.Count, ColumnAudience.Everyone,
                row => row.Region is null ? null : row.Pages,
                TableBuilder<FirstTouchRow>.NotInJson)
            .Json((json, row) => json.WriteNumber("pages", row.Pages))
            .Integer("touched_pages", report.Sample is null ? "touched" : "≥touched", "pages that faulted at least once; in a sample a lower bound",
                CellFormat.Count, ColumnAudience.Everyone, row => row.TouchedPages)
            .Integer("from_ns", "from", "start of the time line", CellFormat.DurationNs, ColumnAudience.Machine, _ => TimeTable.AxisOf(report).FromNs,
                TableBuilder<FirstTouchRow>.NotInJson)
            .Integer("bucket_ns", "bucket", "length of a bucket of the time line", CellFormat.DurationNs, ColumnAudience.Machine,
                _ => TimeTable.AxisOf(report).BucketNs,
                TableBuilder<FirstTouchRow>.NotInJson)
            .Numbers("first_touches", "first touches over time", "pages whose first fault is in each bucket of the time line", CellFormat.Heat,
                ColumnAudience.Wide, row => row.FirstTouches)
            .Below(row => new RowText.Heat(null, Sparkline.Of(row.FirstTouches))),
        Note = report => $"{Units.Duration(TimeTable.AxisOf(report).BucketNs)} per character, from {Units.Duration(TimeTable.AxisOf(report).FromNs)} on",
    };

    // Most touched pages first.
    private static List<FirstTouchRow> Rows(FaultReport report)
    {
        var rows = new List<FirstTouchRow>();
        if (report.Find(FirstTouchAggregate.Measure) is not { } touches)
            return rows;
        var (index, unmapped) = (report.Plan.Index, new long[touches.Axis.Count]);
        for (var id = 1; id < index.IdLimit; id++)
        {
            if (touches.ById(id) is not { } region || index.Find(id) is not { } known)
                continue;
            var pages = known.End > known.Start ? (long)(known.End - known.Start) / report.Metadata.PageSize : 0;
            rows.Add(new FirstTouchRow(id, known, pages, region.Pages, [.. region.ByBucket.Select(count => (long)count)]));
        }

        foreach (var process in touches.All.Where(region => region.Region is null))
        {
            for (var i = 0; i < unmapped.Length; i++)
                unmapped[i] += process.ByBucket[i];
        }

        if (unmapped.Sum() is > 0 and var pagesWithoutMapping)
            rows.Add(new FirstTouchRow(0, null, 0, pagesWithoutMapping, unmapped));
        rows.Sort((a, b) => b.TouchedPages.CompareTo(a.TouchedPages) is var order && order != 0 ? order : a.Id.CompareTo(b.Id));
        return rows;
    }
}
