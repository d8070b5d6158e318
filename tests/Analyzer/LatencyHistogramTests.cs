using CsCheck;
using Faultrec.Analyzer.Measures;
using Xunit;

namespace Faultrec.Analyzer.Tests;

public class LatencyHistogramTests
{
    // Log-uniform, so that every octave is hit; short and long lists, with and without what only buckets can hold.
    private static readonly Gen<long[]> Durations = Gen.OneOf(
        UpTo(31).Array[1, 80], UpTo(31).Array[1, 400], UpTo(62).Array[1, 80], UpTo(62).Array[1, 400]);

    [Fact]
    public void PercentilesAreWithinTwoPercentOfTheNearestRankAndExtremesAreExact()
    {
        Gen.Select(Durations, Gen.Double[0.01, 1]).Sample((values, fraction) =>
        {
            var histogram = Of(values);
            Array.Sort(values);
            var exact = values[(int)Math.Ceiling(fraction * values.Length) - 1];
            var answer = histogram.Percentile(fraction)!.Value;
            return Math.Abs(answer - exact) <= exact * 0.02
                && (values.Length > LatencyHistogram.ExactLimit || values[^1] > uint.MaxValue || answer == exact)
                && histogram.Min == values[0] && histogram.Max == values[^1]
                && histogram.Count == values.Length;
        }, seed: "0000000000001", iter: 2000);
    }

    [Fact]
    public void AMergeEqualsAddingEverythingToOne()
    {
        Gen.Select(Durations, Durations).Sample((left, right) =>
        {
            var merged = Of(left);
            merged.Merge(Of(right));
            var single = Of([.. left, .. right]);
            return (merged.Count, merged.Sum, merged.Min, merged.Max) == (single.Count, single.Sum, single.Min, single.Max)
                && Percentiles(merged) == Percentiles(single);
        }, seed: "0000000000001", iter: 2000);
    }

    [Fact]
    public void EveryBucketHoldsItsOwnMiddle()
    {
        for (var bucket = 0; bucket <= LatencyHistogram.BucketOf(long.MaxValue); bucket++)
            Assert.Equal(bucket, LatencyHistogram.BucketOf(LatencyHistogram.MiddleOf(bucket)));
    }

    [Fact]
    public void NothingHasNoPercentile() => Assert.Null(new LatencyHistogram().Percentile(0.5));

    private static Gen<long> UpTo(int bits) => Gen.Select(Gen.Int[0, bits], Gen.Double.Unit, (top, part) => (long)(part * (1L << top)));

    private static LatencyHistogram Of(long[] values)
    {
        var histogram = new LatencyHistogram();
        foreach (var value in values)
            histogram.Add(value);
        return histogram;
    }

    private static (long?, long?, long?) Percentiles(LatencyHistogram histogram)
        => (histogram.Percentile(0.5), histogram.Percentile(0.9), histogram.Percentile(0.99));
}
