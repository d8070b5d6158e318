using System.Numerics;
using System.Runtime.InteropServices;

namespace Faultrec.Traces.Files;

/// <summary>CRC-32C (Castagnoli), the polynomial for which CPUs have an instruction: about 0.1 ns per byte.</summary>
public static class Crc32C
{
    /// <summary>Returns the checksum of the bytes that gave <paramref name="crc"/> (0: none) followed by <paramref name="bytes"/>.</summary>
    public static uint Append(uint crc, ReadOnlySpan<byte> bytes)
    {
        crc = ~crc;
        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (var word in words)
            crc = BitOperations.Crc32C(crc, word);
        foreach (var rest in bytes[(words.Length * sizeof(ulong))..])
            crc = BitOperations.Crc32C(crc, rest);
        return ~crc;
    }
}
