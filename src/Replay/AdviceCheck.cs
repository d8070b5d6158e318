using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Simulate;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;

namespace Faultrec.Replay;

/// <summary>`advise --check`: replays with the advised changes, so that what was predicted stands beside what was measured.</summary>
internal static class AdviceCheck
{
    /// <returns>The advice, with what was measured where a replay can make the change.</returns>
    public static IReadOnlyList<Advice> Run(TraceReader reader, FaultFilter filter, IReadOnlyList<Advice> advice, CancellationToken cancelled)
    {
        var plain = new ReplayOptions(ReplayOrder.Thread, 0, 1, filter);
        var measured = new Dictionary<Scenario, ReplayResult>();
        foreach (var scenario in (Scenario[])[Scenario.Thp, Scenario.Populate])
        {
            var regions = advice.Where(row => row.Scenario == scenario).Select(row => row.Row.Region!.Id).ToHashSet();
            if (regions.Count == 0)
                continue;
            Predicate<Region> isAdvised = region => regions.Contains(region.Id);
            var change = scenario == Scenario.Thp
                ? new ReplayChange { Description = "--thp always", HugePages = isAdvised }
                : new ReplayChange { Description = "--populate", Populated = isAdvised };
            measured[scenario] = TraceReplay.Run(reader, plain with { Change = change }, cancelled);
        }

        return [.. advice.Select(row => measured.TryGetValue(row.Scenario, out var result)
            ? row with { MeasuredFaults = FaultsOf(result, row.Row.Region!.Id) }
            : row)];
    }

    private static long FaultsOf(ReplayResult result, int region) => result.Buckets.Where(bucket => bucket.RegionId == region).Sum(bucket => bucket.Replayed);
}
