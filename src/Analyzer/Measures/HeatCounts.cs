using System.Collections;

namespace Faultrec.Analyzer.Measures;

/// <summary>
/// Faults in each of 64 equal address buckets of a region. Each bucket takes a byte until one overflows: most regions of a trace with very
/// many regions have few faults.
/// </summary>
internal sealed class HeatCounts : IReadOnlyList<long>
{
    /// <summary>Buckets of a region.</summary>
    public const int Buckets = 64;

    private byte[]? _small = new byte[Buckets];
    private long[]? _wide;

    public int Count => Buckets;

    public long this[int bucket] => _small is null ? _wide![bucket] : _small[bucket];

    /// <summary>⌊offset · 64 / bytes⌋.</summary>
    // The product overflows only for ranges of 2^58 bytes, which do not exist but can be in a damaged file.
    internal static int BucketOf(ulong offset, ulong bytes)
        => bytes <= ulong.MaxValue / Buckets ? (int)(offset * Buckets / bytes) : (int)((UInt128)offset * Buckets / bytes);

    public void Add(int bucket, long faults)
    {
        if (_small is not null)
        {
            var sum = _small[bucket] + faults;
            if (sum <= byte.MaxValue)
            {
                _small[bucket] = (byte)sum;
                return;
            }

            _wide = Array.ConvertAll(_small, count => (long)count);
            _small = null;
        }

        _wide![bucket] += faults;
    }

    public void Merge(HeatCounts other)
    {
        for (var i = 0; i < Buckets; i++)
            Add(i, other[i]);
    }

    public IEnumerator<long> GetEnumerator()
    {
        for (var i = 0; i < Buckets; i++)
            yield return this[i];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
