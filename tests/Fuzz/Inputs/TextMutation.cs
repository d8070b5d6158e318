using System.Globalization;
using System.Text;

namespace Faultrec.Fuzz.Inputs;

/// <summary>Changes of texts made of lines and words.</summary>
internal static class TextMutation
{
    private static readonly string[] Words = ["", "-1", "0", "99999999999999999999", "ffffffffffffffff", "7f0000001008", "\0", "\u001b[31m", "[", "]", "(", ":",
        "0x", "9.999999", "100/100", "[001]", "PERF_RECORD_LOST", "lost"];

    public static byte[] Mutate(byte[] original, Dice dice)
    {
        if (dice.OneIn(5))
            return Bytes.Mutate(original, dice);
        List<string> lines = [.. Encoding.UTF8.GetString(original).Split('\n')];
        for (var left = dice.Few(); left > 0; left--)
            Change(lines, dice);
        return Encoding.UTF8.GetBytes(string.Join('\n', lines));
    }

    private static void Change(List<string> lines, Dice dice)
    {
        var at = dice.Below(lines.Count);
        switch (dice.Below(6))
        {
            case 0: lines.Insert(at, dice.Of(lines)); break;
            case 1 when lines.Count > 1: lines.RemoveAt(at); break;
            case 2: (lines[at], lines[0]) = (lines[0], lines[at]); break;
            case 3: lines[at] += new string('x', dice.Below(40_000)); break;
            default:
                var words = lines[at].Split(' ');
                words[dice.Below(words.Length)] = dice.OneIn(2) ? dice.Of(Words) : dice.Extreme().ToString(CultureInfo.InvariantCulture);
                lines[at] = string.Join(' ', words);
                break;
        }
    }
}
