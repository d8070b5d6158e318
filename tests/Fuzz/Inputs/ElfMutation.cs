using System.Buffers.Binary;

namespace Faultrec.Fuzz.Inputs;

/// <summary>ELF files altered where readers decide by what they find: the headers, and each section's contents, equally often however small.</summary>
internal static class ElfMutation
{
    // elf(5), of 64 bits.
    private const int HeaderBytes = 64, ProgramBytes = 56, SectionBytes = 64;

    public static byte[] Mutate(byte[] original, Dice dice)
    {
        if (dice.OneIn(10))
            return Bytes.Mutate(original, dice);
        byte[] bytes = [.. original];
        var (start, length) = dice.Of(Places(original));
        for (var left = dice.Few(); left > 0; left--)
            Bytes.Change(bytes.AsSpan(start, length), dice);
        return bytes;
    }

    private static List<(int Start, int Length)> Places(ReadOnlySpan<byte> elf)
    {
        var sections = (int)BinaryPrimitives.ReadUInt64LittleEndian(elf[0x28..]);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(elf[0x3c..]), programs = BinaryPrimitives.ReadUInt16LittleEndian(elf[0x38..]);
        var places = new List<(int, int)> { (0, HeaderBytes), (HeaderBytes, programs * ProgramBytes), (sections, count * SectionBytes),
            (sections, count * SectionBytes) };
        for (var i = 1; i < count; i++)
        {
            var header = elf.Slice(sections + i * SectionBytes, SectionBytes);
            var (start, length) = ((int)BinaryPrimitives.ReadUInt64LittleEndian(header[0x18..]), (int)BinaryPrimitives.ReadUInt64LittleEndian(header[0x20..]));
            if (length > 0 && start + length <= elf.Length)
                places.Add((start, length));
        }

        return places;
    }
}
