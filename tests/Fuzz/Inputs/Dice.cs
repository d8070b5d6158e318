namespace Faultrec.Fuzz.Inputs;

/// <summary>Choices that a seed and a number decide.</summary>
internal sealed class Dice(int seed, long number)
{
    private static readonly long[] Extremes =
    [
        0, 1, -1, 2, 7, 8, 15, 16, 63, 64, 127, 128, 255, 256, 1000, 4095, 4096, 4097, 65_535, 65_536, 1 << 20, (1 << 30) - 1, 1 << 30, int.MaxValue,
        int.MinValue, uint.MaxValue, 1L << 32, 1L << 40, 1L << 47, 1L << 48, 1L << 56, 1L << 61, 1L << 62, long.MaxValue, long.MaxValue - 1, long.MinValue,
        long.MinValue + 1, -4096,
    ];

    private readonly Random _random = new(HashCode.Of(seed, number));

    public int Below(int end) => _random.Next(end);

    public bool OneIn(int sides) => _random.Next(sides) == 0;

    public T Of<T>(IReadOnlyList<T> items) => items[_random.Next(items.Count)];

    public byte Byte() => (byte)_random.Next(256);

    /// <summary>Where off-by-one, sign and overflow lie.</summary>
    public long Extreme() => OneIn(6) ? _random.NextInt64(long.MinValue, long.MaxValue) : Of(Extremes);

    /// <summary>How many changes: mostly few.</summary>
    public int Few() => 1 << _random.Next(_random.Next(1, 5));

    // HashCode.Combine differs between runs.
    private static class HashCode
    {
        public static int Of(int seed, long number)
        {
            var mixed = ((ulong)number + 0x9e37_79b9_7f4a_7c15UL * ((ulong)(uint)seed + 1)) * 0xbf58_476d_1ce4_e5b9UL;
            mixed = (mixed ^ mixed >> 27) * 0x94d0_49bb_1331_11ebUL;
            return (int)(mixed ^ mixed >> 31);
        }
    }
}
