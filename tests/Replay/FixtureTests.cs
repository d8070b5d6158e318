using Faultrec.Analyzer;

namespace Faultrec.Replay.Tests;

/// <summary>The recordings of fixtures/traces, replayed: by region and by kind within one in a hundred, whoever runs this.</summary>
public sealed class FixtureTests
{
    // Of a dozen faults one in a hundred is less than one.
    private const long Slack = 1;

    public static TheoryData<string> Traces
        => [.. Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "traces"), "*.parquet").Select(path => Path.GetFileNameWithoutExtension(path)!).Order()];

    [Theory]
    [MemberData(nameof(Traces))]
    public void RegionsAndKindsComeBack(string name)
    {
        var result = Replaying.File(Path.Combine(AppContext.BaseDirectory, "traces", name + ".parquet"));

        // Where the kernel maps no zero page those faults cannot come back, and the replay says so; all others must.
        var buckets = result.Buckets.Where(bucket => bucket.Kind != FaultKind.ZeroCow || Native.ZeroPage.IsMappedForReads()).ToList();
        var (recorded, replayed) = (buckets.Sum(bucket => bucket.Recorded), buckets.Sum(bucket => bucket.Replayed));

        Assert.InRange(replayed, recorded * 0.99, recorded * 1.01);
        foreach (var (region, faults) in Comparison.By(buckets, bucket => bucket.RegionId))
            Assert.True(IsClose(faults), $"region {region}: {faults.Recorded} recorded, {faults.Replayed} replayed");
        foreach (var (kind, faults) in Comparison.By(buckets, bucket => (bucket.Kind, bucket.Severity)))
            Assert.True(IsClose(faults), $"{kind}: {faults.Recorded} recorded, {faults.Replayed} replayed");
        if (result.Threads == 1)
            Assert.True(result.RankCorrelation >= 0.99, $"rank correlation {result.RankCorrelation}");
    }

    private static bool IsClose(Comparison faults) => Math.Abs(faults.Replayed - faults.Recorded) <= Math.Max(faults.Recorded / 100, Slack);
}
