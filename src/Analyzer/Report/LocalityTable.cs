using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Report;

/// <summary>How threads walked through one region. Definitions: docs/report.md.</summary>
/// <param name="LongestRun">Pages; 0 without runs.</param>
/// <param name="Strides">The most frequent steps, at most three, none with less than 1 % of the steps.</param>
/// <param name="DistanceP50">Faults of the process between two faults on a page; null without refaults.</param>
public sealed record LocalityRow(
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

    /// <summary>Pages a run: n steps are n + 1 pages.</summary>
    public double? MeanRun => Runs == 0 ? null : (double)(SequentialSteps + Runs) / Runs;

    public double? SequentialShare => ShareOf(SequentialSteps);

    public double? ShareOf(long steps) => Steps == 0 ? null : (double)steps / Steps;
}

/// <summary>Rows of the locality table, in the order of the region table.</summary>
internal static class LocalityTable
{
    private const int MostStrides = 3;

    // Far above what the counts can be wrong by.
    private const int SmallestPercent = 1;

    /// <param name="regions">Of the same filter.</param>
    public static List<LocalityRow> Build(TraceReader reader, FaultFilter filter, IReadOnlyList<RegionRow> regions)
    {
        var rows = new List<LocalityRow>();
        // In a sample nobody knows what came before a fault.
        if (SampleFacts.IsSample(reader.Metadata))
            return rows;
        var aggregate = new LocalityAggregate(new RegionIndex(reader.Metadata.Regions), reader.Metadata.PageSize);
        TraceScan.Run(reader, filter, () => aggregate);
        aggregate.Finish();
        foreach (var row in regions)
        {
            if (row.Region is not null && aggregate.ById(row.Id) is { } locality)
                rows.Add(Of(row, row.Region, locality));
        }

        return rows;
    }

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
