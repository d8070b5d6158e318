using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;

namespace Faultrec.Replay.Tests;

/// <summary>The recordings of fixtures/traces, replayed: by region and by kind within one in a hundred, whoever runs this.</summary>
public sealed class FixtureTests
{
    // Of a dozen faults one in a hundred is less than one.
    private const long Slack = 1;
    private const int PageShift = 12;

    public static TheoryData<string> Traces
        => [.. Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "traces"), "*.parquet").Select(path => Path.GetFileNameWithoutExtension(path)!)
            .Order()];

    [Theory]
    [MemberData(nameof(Traces))]
    public void RegionsAndKindsComeBack(string name)
    {
        var path = Path.Combine(AppContext.BaseDirectory, "traces", name + ".parquet");
        var result = Replaying.File(path);
        var mayLack = Refaults(path);
        var (recorded, replayed) = (result.Buckets.Sum(bucket => bucket.Recorded), result.Buckets.Sum(bucket => bucket.Replayed));

        Assert.InRange(replayed, (recorded * 0.99) - mayLack.Values.Sum(), recorded * 1.01);
        foreach (var (region, faults) in Comparison.By(result.Buckets, bucket => bucket.RegionId))
            Assert.True(IsClose(faults, mayLack.GetValueOrDefault(region)), $"region {region}: {faults.Recorded} recorded, {faults.Replayed} replayed");
        foreach (var (kind, faults) in Comparison.By(result.Buckets, bucket => (bucket.Kind, bucket.Severity)))
            Assert.True(IsClose(faults, mayLack.Values.Sum()), $"{kind}: {faults.Recorded} recorded, {faults.Replayed} replayed");
        if (result.Threads == 1)
            Assert.True(result.RankCorrelation >= 0.99, $"rank correlation {result.RankCorrelation}");
    }

    private static bool IsClose(Comparison faults, long mayLack)
        => faults.Replayed - faults.Recorded is var more && more <= Slackening(faults) && more >= -Slackening(faults) - mayLack;

    private static long Slackening(Comparison faults) => Math.Max(faults.Recorded / 100, Slack);

    /// <summary>
    /// By region, faults on a page that had faulted before: where the kernel maps no zero page a write after a read is none, and these
    /// recordings do not say which were read first. Empty where it maps one: then all come back.
    /// </summary>
    private static Dictionary<int, long> Refaults(string path)
    {
        if (Replaying.WritesThatFaultAfterARead > 0)
            return [];
        using var reader = TraceReader.Open(path);
        var seen = new HashSet<(int Region, long Page)>();
        var refaults = new Dictionary<int, long>();
        for (var group = 0; group < reader.RowGroups.Count; group++)
        {
            var batch = new FaultBatch(reader.RowGroups[group].Rows);
            reader.ReadRowGroup(group, FaultColumns.All, batch);
            for (var row = 0; row < batch.Count; row++)
            {
                if (!seen.Add((batch.RegionId[row], batch.Address[row] >> PageShift)))
                    refaults[batch.RegionId[row]] = refaults.GetValueOrDefault(batch.RegionId[row]) + 1;
            }
        }

        return refaults;
    }
}
