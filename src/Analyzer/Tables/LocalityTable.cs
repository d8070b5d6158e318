using System.Globalization;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Tables;

/// <summary>How threads walked through one region. Definitions: docs/report.md.</summary>
/// <param name="LongestRun">Pages; 0 without runs.</param>
/// <param name="Strides">The most frequent steps, at most three, none with less than 1 % of the steps.</param>
/// <param name="DistanceP50">Faults of the process between two faults on a page; null without refaults.</param>
internal sealed record LocalityRow(
    int Id,
    Region Region,
    long Faults,
    long Steps,
    long SequentialSteps,
    long RunsUp,
    long RunsDown,
    long LongestRun,
    IReadOnlyList<Stride> Strides,
    long Refaults,
    long? DistanceP50,
    long? DistanceP90,
    long SharedPages,
    long ForeignRefaults)
{
    public long Runs => RunsUp + RunsDown;

    /// <summary>Pages per run: n steps are n + 1 pages.</summary>
    public double? MeanRun => Runs == 0 ? null : (double)(SequentialSteps + Runs) / Runs;

    public double? SequentialShare => ShareOf(SequentialSteps);

    public double? ShareOf(long steps) => Steps == 0 ? null : (double)steps / Steps;
}

internal static class LocalityTable
{
    private const int MostStrides = 3;

    // Far above the possible error of the counts.
    private const int SmallestPercent = 1;

    // Runs after the first pass has freed its memory: per-page state is most of the memory of either. A sample lacks the faults
    // in between.
    private static readonly FollowUp<LocalityAggregate> Walk = new(report =>
    {
        var shared = new LocalityAggregate(report.Plan.Index, report.Metadata.Pages);
        return report.Plan.IsSample ? null : (report.Filter, () => shared);
    });

    public static TableDefinition<LocalityRow> Definition { get; } = new()
    {
        Name = "locality",
        Title = "locality",
        Question = "how threads walk regions: runs, strides, refaults, sharing",
        JsonKey = "locality",
        Needs = [RegionAggregate.Measure],
        FollowUp = Walk,
        IsInReport = false,
        Rows = Rows,
        Columns = (table, _) => table
            .Region(row => row.Id, row => row.Region)
            .Integer("faults", "faults", "faults of the region", CellFormat.Count, ColumnAudience.Everyone, row => row.Faults)
            .Integer("steps", "steps", "pairs of successive faults of one thread in the region", CellFormat.Count, ColumnAudience.Machine, row => row.Steps)
            .Real("sequential_share", "in order", "of the steps, those to the next page, up or down", CellFormat.Percent, ColumnAudience.Everyone,
                row => row.SequentialShare)
            .Integer("runs", "runs", "stretches of steps to the next page in one direction", CellFormat.Count, ColumnAudience.Everyone, row => row.Runs)
            .Integer("runs_down", "down", "runs that went down", CellFormat.Count, ColumnAudience.Wide, row => row.RunsDown)
            .Real("mean_run", "mean", "pages of a run, on average", CellFormat.Ratio, ColumnAudience.Everyone, row => row.MeanRun)
            .Integer("longest_run", "longest", "pages of the longest run", CellFormat.Count, ColumnAudience.Everyone, row => row.LongestRun)
            .Integer("refaults", "refaults", "faults on pages of the region that had faulted before", CellFormat.Count, ColumnAudience.Wide,
                row => row.Refaults)
            .Integer("distance_p50", "refault after", "faults of the process between the two faults of a refault, median", CellFormat.Count,
                ColumnAudience.Everyone, row => row.DistanceP50)
            .Integer("distance_p90", "p90", "faults of the process between the two faults of a refault, 90th percentile", CellFormat.Count,
                ColumnAudience.Wide, row => row.DistanceP90)
            .Integer("shared_pages", "shared pages", "pages that several threads faulted on", CellFormat.Count, ColumnAudience.Everyone, row => row.SharedPages)
            .Integer("foreign_refaults", "by others", "faults on shared pages by others than the first thread", CellFormat.Count, ColumnAudience.Everyone,
                row => row.ForeignRefaults)
            .Text("strides", "strides", "most frequent strides in pages, each with its share of the steps", ColumnAudience.Wide, Strides,
                TableBuilder<LocalityRow>.NotInJson)
            .JsonList("strides", row => row.Strides, (json, row, stride) =>
            {
                json.WriteNumber("pages", stride.Pages);
                json.WriteNumber("steps", stride.Steps);
                json.WriteNullable("share", row.ShareOf(stride.Steps));
            })
            .Below(row => row.Strides.Count > 0 ? new RowText.Story($"strides {Strides(row)}", IsDim: true) : null),
        Note = _ => "in order: steps of a thread to the next page up or down; mean and longest run in pages; "
            + "refault after: median number of the process's faults between two on a page; "
            + "shared pages: those on which a thread other than the first faulted again; "
            + "strides: pages from a thread's fault to its next, and share of the steps",
        WhyEmpty = report => report.Sample is null
            ? null
            : "no locality: a sample lacks the faults in between, so order and repeats are not known",
    };

    private static List<LocalityRow> Rows(FaultReport report)
    {
        if (report.Find(Walk) is not { } aggregate)
            return [];
        aggregate.Finish();
        return [.. RegionTable.Select(report, aggregate.ById, Of)];
    }

    /// <summary>"+1:0.95 …": pages and share of the steps.</summary>
    private static string Strides(LocalityRow row)
        => string.Join(' ',
            row.Strides.Select(stride => string.Create(CultureInfo.InvariantCulture, $"{stride.Pages:+0;-0;0}:{row.ShareOf(stride.Steps):0.###}")));

    private static LocalityRow Of(RegionRow row, Region region, RegionLocality locality) => new(
        row.Id,
        region,
        row.Counts.Faults,
        locality.Steps,
        locality.SequentialSteps,
        locality.RunsUp,
        locality.RunsDown,
        locality.LongestRun,
        [.. locality.Strides.Top(MostStrides).Where(stride => stride.Steps >= locality.Steps * SmallestPercent / 100.0)],
        locality.Distances.Count,
        locality.Distances.Percentile(0.5),
        locality.Distances.Percentile(0.9),
        locality.SharedPages,
        locality.ForeignRefaults);
}
