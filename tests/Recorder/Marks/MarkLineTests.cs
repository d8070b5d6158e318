using System.Text;
using Faultrec.Recorder.Marks;
using Faultrec.Recorder.Spool;
using Xunit;

namespace Faultrec.Recorder.Tests.Marks;

/// <summary>Anybody may write anything into the pipe.</summary>
public sealed class MarkLineTests
{
    [Theory]
    [InlineData("warm-up\n", "7 warm-up")]
    [InlineData("a\nb\n", "7 a", "7 b")]
    [InlineData("@123 warm-up\n", "123 warm-up")]
    [InlineData("@123\n", "123 mark")]
    [InlineData("@-5 a\n", "7 @-5 a")]
    [InlineData("@99999999999999999999 a\n", "7 @99999999999999999999 a")]
    [InlineData("@9223372036854775807 a\n", "9223372036854775807 a")]
    [InlineData("\n", "7 mark")]
    [InlineData(" \t a \e[31m  b\u0007\r\n", "7 a [31m b")]
    [InlineData("größe \u202e \u200b\u009b2J\n", "7 größe 2J")]
    [InlineData("no end", "7 no end")]
    [InlineData("")]
    public void ALineIsAMark(string text, params string[] marks)
        => Assert.Equal(marks, Read(Encoding.UTF8.GetBytes(text)).Select(mark => $"{mark.TimeNs} {mark.Name}"));

    [Fact]
    public void NamesAreShortAndWhole()
    {
        Assert.Equal(new string('x', 64), Assert.Single(Read(Encoding.UTF8.GetBytes(new string('x', 65) + "\n"))).Name);
        // A letter of two bytes that does not fit goes whole.
        Assert.Equal(new string('x', 63), Assert.Single(Read(Encoding.UTF8.GetBytes(new string('x', 63) + "ü\n"))).Name);
        Assert.Equal("\ufffda", Assert.Single(Read([0xff, (byte)'a', (byte)'\n'])).Name);
        Assert.Equal(["mark", "next"], Read([.. new byte[100_000], .. "\nnext\n"u8]).Select(mark => mark.Name));
    }

    /// <summary>However the bytes of lines are cut, and the time is that of the first.</summary>
    [Fact]
    public void ALineMayComeInPieces()
    {
        var lines = new MarkLines();
        var marks = new List<SpooledMark>();
        lines.Add("wa"u8, 1, marks);
        lines.Add("rm\n@5"u8, 2, marks);
        lines.Add("0 b\n"u8, 3, marks);
        lines.Add("c\n"u8, 4, marks);
        lines.End(marks);

        Assert.Equal([new SpooledMark(1, "warm"), new SpooledMark(50, "b"), new SpooledMark(4, "c")], marks);
    }

    private static List<SpooledMark> Read(ReadOnlySpan<byte> bytes)
    {
        var lines = new MarkLines();
        var marks = new List<SpooledMark>();
        lines.Add(bytes, 7, marks);
        lines.End(marks);
        return marks;
    }
}
