using System.Numerics;

namespace Faultrec.Analyzer.Measures;

/// <summary>
/// Distribution of durations in ns, mergeable. Count, sum, minimum and maximum are exact; a percentile is the nearest rank
/// (the ⌈p·n⌉-th smallest), exact for up to <see cref="ExactLimit"/> values (unless one exceeds 4.29 s) and for values below 64 ns,
/// otherwise within <see cref="MaxRelativeError"/>: 32 equal buckets per octave, each represented by its middle.
/// </summary>
internal sealed class LatencyHistogram
{
    /// <summary>Half of a bucket's width, 1/32 of its octave's lower end.</summary>
    public const double MaxRelativeError = 1.0 / 64;

    /// <summary>A trace can have 100,000 regions with few faults each: for these the values themselves are kept.</summary>
    public const int ExactLimit = 64;

    private const int SubBits = 5;
    private const int BucketsPerOctave = 1 << SubBits;

    private uint[]? _few = new uint[4];

    // Buckets of the octaves from _firstOctave on, only as many as were hit. 32 bits each: a bucket saturates,
    // which shifts percentiles only after four thousand million faults of one cost in one group.
    private uint[] _buckets = [];
    private int _firstOctave;

    public long Count { get; private set; }

    public long Sum { get; private set; }

    /// <summary><see cref="long.MaxValue"/> when empty.</summary>
    public long Min { get; private set; } = long.MaxValue;

    /// <summary>0 when empty.</summary>
    public long Max { get; private set; }

    /// <param name="durationNs">Not negative; the caller skips nulls.</param>
    /// <param name="times">How often the value counts; at least 1.</param>
    public void Add(long durationNs, int times = 1)
    {
        Sum += durationNs * times;
        if (durationNs < Min)
            Min = durationNs;
        if (durationNs > Max)
            Max = durationNs;
        if (_few is null)
            Bump(BucketOf(durationNs), (uint)times);
        else
            AddExact(durationNs, times);
        Count += times;
    }

    public void Merge(LatencyHistogram other)
    {
        if (other._few is not null)
        {
            for (var i = 0; i < other.Count; i++)
                Add(other._few[i]);
            return;
        }

        if (_few is not null)
            SpillExact();
        for (var i = 0; i < other._buckets.Length; i++)
        {
            if (other._buckets[i] != 0)
                Bump((other._firstOctave * BucketsPerOctave) + i, other._buckets[i]);
        }

        Count += other.Count;
        Sum += other.Sum;
        Min = Math.Min(Min, other.Min);
        Max = Math.Max(Max, other.Max);
    }

    /// <param name="fraction">0.5 is the median.</param>
    /// <returns>ns, or null when nothing was added.</returns>
    public long? Percentile(double fraction)
    {
        if (Count == 0)
            return null;
        var rank = Math.Clamp((long)Math.Ceiling(fraction * Count), 1, Count);
        if (rank == Count)
            return Max;
        if (_few is not null)
        {
            Array.Sort(_few, 0, (int)Count);
            return _few[rank - 1];
        }

        long seen = 0;
        for (var i = 0; i < _buckets.Length; i++)
        {
            seen += _buckets[i];
            if (seen >= rank)
                return Math.Clamp(MiddleOf((_firstOctave * BucketsPerOctave) + i), Min, Max);
        }

        return Max;
    }

    // Values below 32 are their own bucket; from there on the top six bits of a value name its bucket.
    internal static int BucketOf(long value)
    {
        if (value < BucketsPerOctave)
            return (int)value;
        var shift = BitOperations.Log2((ulong)value) - SubBits;
        return ((shift + 1) << SubBits) | (int)((value >> shift) & (BucketsPerOctave - 1));
    }

    internal static long MiddleOf(int bucket)
    {
        if (bucket < BucketsPerOctave)
            return bucket;
        var shift = (bucket >> SubBits) - 1;
        var low = (long)(BucketsPerOctave | (bucket & (BucketsPerOctave - 1))) << shift;
        return low + ((1L << shift) >> 1);
    }

    private void Bump(int bucket, uint times)
    {
        var index = bucket - (_firstOctave * BucketsPerOctave);
        if ((uint)index >= (uint)_buckets.Length)
        {
            Cover(bucket >> SubBits);
            index = bucket - (_firstOctave * BucketsPerOctave);
        }

        ref var counter = ref _buckets[index];
        counter = counter > uint.MaxValue - times ? uint.MaxValue : counter + times;
    }

    private void Cover(int octave)
    {
        var first = _buckets.Length == 0 ? octave : Math.Min(_firstOctave, octave);
        var end = _buckets.Length == 0 ? octave + 1 : Math.Max(_firstOctave + (_buckets.Length / BucketsPerOctave), octave + 1);
        var wider = new uint[(end - first) * BucketsPerOctave];
        _buckets.CopyTo(wider, Math.Max(_firstOctave - first, 0) * BucketsPerOctave);
        _buckets = wider;
        _firstOctave = first;
    }

    private void AddExact(long value, int times)
    {
        if (Count + times > ExactLimit || value > uint.MaxValue)
        {
            SpillExact();
            Bump(BucketOf(value), (uint)times);
            return;
        }

        if (Count + times > _few!.Length)
            Array.Resize(ref _few, (int)BitOperations.RoundUpToPowerOf2((uint)(Count + times)));
        _few.AsSpan((int)Count, times).Fill((uint)value);
    }

    private void SpillExact()
    {
        for (var i = 0; i < Count; i++)
            Bump(BucketOf(_few![i]), 1);
        _few = null;
    }
}
