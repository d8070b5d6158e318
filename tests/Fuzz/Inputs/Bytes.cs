using System.Buffers.Binary;

namespace Faultrec.Fuzz.Inputs;

/// <summary>Changes of bytes that know nothing of what they mean.</summary>
internal static class Bytes
{
    public static byte[] Mutate(byte[] original, Dice dice)
    {
        if (original.Length == 0)
            return [dice.Byte()];
        byte[] bytes = [.. original];
        switch (dice.Below(10))
        {
            case 0: return bytes[..dice.Below(bytes.Length)];
            case 1: return [.. bytes, .. bytes[dice.Below(bytes.Length)..]];
            case 2:
                int from = dice.Below(bytes.Length), length = dice.Below(Math.Min(64, bytes.Length - from) + 1);
                return [.. bytes[..from], .. bytes[(from + length)..]];
            default:
                for (var left = dice.Few(); left > 0; left--)
                    Change(bytes, dice);
                return bytes;
        }
    }

    public static void Change(Span<byte> bytes, Dice dice)
    {
        var at = dice.Below(bytes.Length);
        switch (dice.Below(4))
        {
            case 0: bytes[at] = dice.Byte(); break;
            case 1: bytes[at] ^= (byte)(1 << dice.Below(8)); break;
            case 2 when at + sizeof(long) <= bytes.Length: BinaryPrimitives.WriteInt64LittleEndian(bytes[(at & ~7)..], dice.Extreme()); break;
            case 3 when at + sizeof(int) <= bytes.Length: BinaryPrimitives.WriteInt32LittleEndian(bytes[(at & ~3)..], (int)dice.Extreme()); break;
            default: bytes[at] = dice.OneIn(2) ? (byte)0xff : (byte)0; break;
        }
    }
}
