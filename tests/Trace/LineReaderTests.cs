using Faultrec.Traces;
using Faultrec.Traces.Files;
using Xunit;

namespace Faultrec.Trace.Tests;

public sealed class LineReaderTests
{
    private const int Most = 40_000;

    /// <summary>It reads in blocks: lines end in one, at its edge, or blocks later.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(1 << 14)]
    [InlineData((1 << 14) - 1)]
    [InlineData(Most)]
    public void LinesAreThoseOfTheText(int length)
    {
        string[] lines = [new('a', length), "", new('b', length - 1), "c\r", new('d', Most)];

        Assert.Equal(lines, All(string.Join('\n', lines)));
        Assert.Equal(lines, All(string.Join('\n', lines) + "\n"));
    }

    [Fact]
    public void NothingHasNoLines() => Assert.Empty(All(""));

    [Fact]
    public void ALineThatIsTooLongIsRefusedWithItsNumber()
    {
        var refusal = Assert.Throws<FaultrecException>(() => All("a\nb\n" + new string('c', Most + 1)));

        Assert.Equal((ExitCode.BadInput, "text: line 3 has more than 40000 characters; expected short ones"), (refusal.ExitCode, refusal.Message));
    }

    private static List<string> All(string text)
    {
        var lines = new LineReader(new StringReader(text), Most, "text", "expected short ones");
        var all = new List<string>();
        while (lines.Next() is { } line)
            all.Add(line);
        Assert.Equal(all.Count + 1, lines.Number);
        return all;
    }
}
