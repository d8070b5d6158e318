using Faultrec.Recorder.Symbols;
using Xunit;

namespace Faultrec.Recorder.Tests.Symbols;

/// <summary>Line tables of one function, as each version compiled it, against what its own co_lines() or dis.findlinestarts() says.</summary>
public sealed class PythonLinesTests
{
    [Theory]
    [InlineData(8, "0003020102fe04040201080104010203020102ff0a030401",
        "0-2:5 2-4:6 4-8:4 8-10:8 10-18:9 18-22:10 22-24:11 24-26:14 26-28:15 28-38:14 38-42:17 42-54:18")]
    [InlineData(9, "0003020102fe04040201080104010203020102ff08030801",
        "0-2:5 2-4:6 4-8:4 8-10:8 10-18:9 18-22:10 22-24:11 24-26:14 26-28:15 28-36:14 36-44:17 44-56:18")]
    [InlineData(10, "0203020104fe02040801040102010203020106ff02fb08080c01",
        "0-2:5 2-4:6 4-8:4 8-10:8 10-18:9 18-22:10 22-24:11 24-26:14 26-28:15 28-34:14 34-36:9 36-44:17 44-56:18")]
    [InlineData(
        12,
        "f88000f00600090ad80809f0050309068041f00809050ed81112f2000609148841d90f10d81018f0"
        + "06001213d81112f1030112138941f10b060914f010000d0ef302010c0bf00001050bf8f103000d0efa",
        "0-2:None 2-4:2 4-6:5 6-8:6 8-12:4 12-14:8 14-24:9 24-28:10 28-30:11 30-32:14 32-34:15 34-42:14 42-46:9 46-48:17 48-58:18 "
        + "58-60:None 60-64:17 64-70:None")]
    [InlineData(
        13,
        "f88000f00600090ad80809f0050309068041f00809050edb11128841de0f10d91018f006001213d8"
        + "1112f1030112138a41f10b001213f010000d0ef402010c0bf00001050bf8f103000d0efa",
        "0-2:None 2-4:2 4-6:5 6-8:6 8-12:4 12-14:8 14-24:9 24-38:10 38-42:11 42-44:14 44-46:15 46-56:14 56-60:9 60-62:17 62-74:18 "
        + "74-76:None 76-80:17 80-86:None")]
    public void EachInstructionHasItsLine(int minor, string table, string lines)
    {
        var read = PythonLines.Make(minor, 2, Convert.FromHexString(table));

        foreach (var range in lines.Split(' '))
        {
            var parts = range.Split('-', ':');
            int? line = parts[2] == "None" ? null : int.Parse(parts[2]);
            for (var offset = uint.Parse(parts[0]); offset < uint.Parse(parts[1]); offset += 2)
                Assert.Equal((offset, line), (offset, read.LineAt(offset)));
        }
    }

    /// <summary>What a probe cut short, or a hostile process made up, reads as far as it goes.</summary>
    [Theory]
    [InlineData(9)]
    [InlineData(10)]
    [InlineData(13)]
    public void DamagedTablesEnd(int minor)
    {
        var random = new Random(1);
        for (var i = 0; i < 2000; i++)
        {
            var table = new byte[random.Next(64)];
            random.NextBytes(table);
            _ = PythonLines.Make(minor, 1, table).LineAt(uint.MaxValue);
        }
    }
}
