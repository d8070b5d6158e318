using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Compare;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Simulate;
using Faultrec.Analyzer.Tables;

namespace Faultrec.Replay;

/// <summary>Recorded and replayed faults of some buckets together.</summary>
internal sealed class Comparison
{
    private readonly LatencyHistogram _recorded = new();
    private readonly LatencyHistogram _replayed = new();

    private Comparison(IEnumerable<Bucket> buckets)
    {
        foreach (var bucket in buckets)
        {
            Recorded += bucket.Recorded;
            RecordedMajor += bucket.Severity == Severity.Major ? bucket.Recorded : 0;
            Major += bucket.Major;
            Failed += bucket.Failed;
            Replayed += bucket.Replayed;
            Matched += bucket.Matched;
            _recorded.Merge(bucket.RecordedDurations);
            _replayed.Merge(bucket.Durations);
        }
    }

    public long Recorded { get; }

    public long RecordedMajor { get; }

    public long Major { get; }

    public long Failed { get; }

    public long Matched { get; }

    public long Replayed { get; }

    public long RecordedSumNs => _recorded.Sum;

    public long ReplayedSumNs => _replayed.Sum;

    public long? RecordedNs(double fraction) => _recorded.Percentile(fraction);

    public long? ReplayedNs(double fraction) => _replayed.Percentile(fraction);

    /// <summary>Most faults first.</summary>
    public static List<(TKey Key, Comparison Faults)> By<TKey>(IEnumerable<Bucket> buckets, Func<Bucket, TKey> key)
        => [.. buckets.GroupBy(key).Select(group => (group.Key, Faults: new Comparison(group))).OrderByDescending(row => row.Faults.Recorded)];

    public static Comparison Of(IEnumerable<Bucket> buckets) => new(buckets);
}

internal static class FidelityTables
{
    private const ColumnAudience Everyone = ColumnAudience.Everyone;

    /// <param name="top">Rows; 0 is all.</param>
    public static ReportTable Kinds(ReplayResult result, int top)
    {
        var rows = Comparison.By(result.Buckets, bucket => (bucket.Kind, bucket.Severity));
        var table = new TableBuilder<((FaultKind Kind, Severity Severity) Key, Comparison Faults)>("kinds", rows)
            .Text("kind", "kind", "kind that the recorded faults had (docs/kinds.md)", Everyone, row => row.Key.Kind.Name())
            .Text("severity", "severity", "severity that the recorded faults had", Everyone, row => row.Key.Severity.Name());
        return Figures(table, row => row.Faults).Build(top);
    }

    public static ReportTable Regions(ReplayResult result, int top)
    {
        var index = new RegionIndex(result.Metadata.Regions);
        var rows = Comparison.By(result.Buckets, bucket => bucket.RegionId);
        var table = new TableBuilder<(int Key, Comparison Faults)>("regions", rows)
            .Region(row => row.Key, row => index.Find(row.Key), Everyone);
        return Figures(table, row => row.Faults).Build(top);
    }

    private static TableBuilder<TRow> Figures<TRow>(TableBuilder<TRow> table, Func<TRow, Comparison> of) => table
        .Integer("recorded", "recorded", "faults in the recording", CellFormat.Count, Everyone, row => of(row).Recorded)
        .Integer("replayed", "replayed", "faults of the replay", CellFormat.Count, Everyone, row => of(row).Replayed)
        .Integer("difference", "differ", "replayed − recorded faults", CellFormat.Count, Everyone, row => of(row).Replayed - of(row).Recorded)
        .Integer("replayed_major", "major", "major faults of the replay", CellFormat.Count, Everyone, row => of(row).Major)
        .Integer("recorded_p50_ns", "p50", "median duration in the recording", CellFormat.DurationNs, Everyone, row => of(row).RecordedNs(0.5))
        .Integer("replayed_p50_ns", "now", "median duration in the replay", CellFormat.DurationNs, Everyone, row => of(row).ReplayedNs(0.5))
        .Integer("recorded_p99_ns", "p99", "99th percentile of the durations in the recording", CellFormat.DurationNs, Everyone,
            row => of(row).RecordedNs(0.99))
        .Integer("replayed_p99_ns", "now", "99th percentile of the durations in the replay", CellFormat.DurationNs, Everyone, row => of(row).ReplayedNs(0.99));
}
