using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Scan;

/// <summary>A stretch of time in buckets of one width, of which the last may be shorter.</summary>
/// <param name="FromNs">Start of the first bucket, ns since the recording began.</param>
/// <param name="ToNs">End of the last, exclusive; after <paramref name="FromNs"/>.</param>
internal sealed record TimeAxis(long FromNs, long ToNs, long BucketNs)
{
    // Larger values in a damaged file (beyond 73 years) must not overflow.
    private const long Limit = 1L << 61;

    public int Count => (int)((ToNs - FromNs - 1) / BucketNs) + 1;

    public long StartNs(int bucket) => FromNs + (bucket * BucketNs);

    public long LengthNs(int bucket) => Math.Min(BucketNs, ToNs - StartNs(bucket));

    /// <summary>The bucket of a time; the nearest for one outside, which only a damaged file has.</summary>
    public int BucketOf(long timeNs) => (int)((Math.Clamp(timeNs, FromNs, ToNs - 1) - FromNs) / BucketNs);

    /// <summary>
    /// One bucket over the part of a recording that a filter selects: its window, or from 0 to the end of the recording, or to the
    /// last fault if a row group has later ones.
    /// </summary>
    public static TimeAxis Whole(TraceMetadata metadata, IEnumerable<RowGroupInfo> groups, FaultFilter filter)
    {
        var (first, end) = (0L, metadata.DurationNs);
        foreach (var group in groups)
        {
            first = Math.Min(first, group.MinTimeNs ?? 0);
            end = Math.Max(end, Math.Min(group.MaxTimeNs ?? 0, Limit) + 1);
        }

        var from = Math.Clamp(Math.Max(filter.FromNs ?? first, first), -Limit, Limit);
        var to = Math.Max(Math.Min(filter.ToNs ?? end, Math.Min(end, Limit)), from + 1);
        return new TimeAxis(from, to, to - from);
    }

    /// <summary>The same time in at most so many buckets of a round width: 1, 2 or 5 times a power of ten of ns.</summary>
    public TimeAxis Round(int most)
    {
        var (length, width) = (ToNs - FromNs, 1L);
        while ((length - 1) / width >= most)
            width = Next(width);
        return this with { BucketNs = width };
    }

    /// <summary>The same time in this many buckets of equal width, fewer if it is shorter than that many ns.</summary>
    public TimeAxis Equal(int buckets) => this with { BucketNs = ((ToNs - FromNs - 1) / buckets) + 1 };

    // 1, 2, 5, 10, 20, 50…
    private static long Next(long width)
    {
        var power = 1L;
        while (power <= width / 10)
            power *= 10;
        return width / power == 2 ? power * 5 : width * 2;
    }
}
