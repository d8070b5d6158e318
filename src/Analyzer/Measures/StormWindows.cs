namespace Faultrec.Analyzer.Measures;

/// <summary>Neighbouring windows in each of which the faults, or their time, burst.</summary>
/// <param name="First">Number of the first window.</param>
/// <param name="End">One more than that of the last.</param>
/// <param name="ByFaults">In one of the windows at least the faults burst.</param>
/// <param name="ByTime">The same of the time in faults.</param>
internal readonly record struct StormSpan(int First, int End, bool ByFaults, bool ByTime);

/// <summary>
/// Which windows are storms: those with at least <see cref="Factor"/> times the usual amount (the median of the windows that have faults)
/// and enough to matter, in faults or in the time they took.
/// </summary>
internal static class StormWindows
{
    public const int Factor = 8;

    /// <summary>Faults a second that matter.</summary>
    public const long FloorPerSecond = 10_000;

    /// <summary>Share of a window in faults that matters, percent of one thread.</summary>
    public const int FloorPercent = 10;

    /// <summary>In the order of time.</summary>
    public static List<StormSpan> Find(StormAggregate aggregate)
    {
        var width = aggregate.Axis.BucketNs;
        var mostUsual = Threshold(aggregate.Faults, aggregate.Faults, (long)Math.Ceiling(FloorPerSecond * (width / 1e9)));
        var mostUsualNs = Threshold(aggregate.DurationNs, aggregate.Faults, width * FloorPercent / 100);
        var storms = new List<StormSpan>();
        for (var i = 0; i < aggregate.Faults.Count; i++)
        {
            var (byFaults, byTime) = (aggregate.Faults[i] >= mostUsual, aggregate.DurationNs[i] >= mostUsualNs);
            if (!byFaults && !byTime)
                continue;
            if (storms.Count > 0 && storms[^1].End == i)
                storms[^1] = storms[^1] with { End = i + 1, ByFaults = storms[^1].ByFaults || byFaults, ByTime = storms[^1].ByTime || byTime };
            else
                storms.Add(new StormSpan(i, i + 1, byFaults, byTime));
        }

        return storms;
    }

    private static long Threshold(IReadOnlyList<long> values, IReadOnlyList<long> faults, long floor)
    {
        var used = values.Where((_, i) => faults[i] > 0).ToArray();
        Array.Sort(used);
        var median = used.Length == 0 ? 0 : used[(used.Length - 1) / 2];
        return Math.Max(median > long.MaxValue / Factor ? long.MaxValue : median * Factor, floor);
    }
}
