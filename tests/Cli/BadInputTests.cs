using Parquet;
using Parquet.Schema;

namespace Faultrec.Cli.Tests;

/// <summary>A user's mistake is one line on stderr and exit code 3: what was found, what was expected, what to do.</summary>
public sealed class BadInputTests : CliTest
{
    public static TheoryData<string> Readers => ["report", "info", "dump", "export --to folded", "assert --max-major 0"];

    [Theory]
    [MemberData(nameof(Readers))]
    public void EmptyAndForeignFiles(string verb)
    {
        File.WriteAllBytes(Folder["empty"], []);
        File.WriteAllText(Folder["text"], "time,address\n1,2\n");
        File.WriteAllBytes(Folder["magic"], "PAR1"u8.ToArray());
        File.WriteAllBytes(Folder["magics"], "PAR1PAR1PAR1PAR1"u8.ToArray());
        WriteForeignParquet(Folder["foreign"]);
        Directory.CreateDirectory(Folder["folder"]);

        AssertRefused(verb, "empty", "empty");
        AssertRefused(verb, "text", "not a Parquet file");
        AssertRefused(verb, "magic", "");
        AssertRefused(verb, "magics", "");
        AssertRefused(verb, "foreign", "faultrec");
        AssertRefused(verb, "folder", "directory");
        AssertRefused(verb, "missing", "no such file");
    }

    [Fact]
    public void WhatIsNoSpoolIsNotRecovered()
    {
        File.WriteAllText(Folder["trace.parquet.spool"], "nothing of ours");

        var refused = Faultrec("recover", "trace.parquet.spool");

        Assert.Equal(3, refused.Status);
        Assert.Contains("not a faultrec spool", Assert.Single(refused.ErrorLines), StringComparison.Ordinal);
        Assert.Equal([Folder["trace.parquet.spool"]], Directory.GetFiles(Folder.Path));
    }

    [Theory]
    [MemberData(nameof(Readers))]
    public void ANewerSchemaIsRefusedWithBothVersions(string verb)
    {
        SmallTrace.Write(Folder["newer"], schema: 7);

        AssertRefused(verb, "newer", "7");
    }

    [Theory]
    [MemberData(nameof(Readers))]
    public void ATraceCutShortAnywhere(string verb)
    {
        var whole = File.ReadAllBytes(SmallTrace.Write(Folder["whole"]));
        foreach (var part in (int[])[1, 4, 100, whole.Length / 2, whole.Length - 9, whole.Length - 4, whole.Length - 1])
        {
            File.WriteAllBytes(Folder["cut"], whole[..part]);
            AssertRefused(verb, "cut", "");
        }
    }

    [Fact]
    public void AFlippedBitAnywhere()
    {
        // A column that is null throughout is not even read: there a flip may go unseen, but then it changes nothing.
        var trace = File.ReadAllBytes(SmallTrace.Write(Folder["whole"]));
        var whole = Faultrec("dump", "whole").Output;
        var flips = Effort.Of(full: 60, brief: 15);
        var unseen = 0;
        for (var flip = 0; flip < flips; flip++)
        {
            var at = (int)((long)trace.Length * flip / flips);
            trace[at] ^= (byte)(1 << (flip % 8));
            File.WriteAllBytes(Folder["flipped"], trace);
            if (Faultrec("dump", "flipped") is { Status: 0 } result && result.Output == whole)
                unseen++;
            else
                AssertRefused("dump", "flipped", "");
            trace[at] ^= (byte)(1 << (flip % 8));
        }

        Assert.InRange(unseen, 0, flips / 5);
    }

    [Fact]
    public void OneBadTraceAmongGoodOnesIsNamed()
    {
        SmallTrace.Write(Folder["good"]);
        File.WriteAllBytes(Folder["bad"], []);

        var result = Faultrec("report", "good", "bad");

        Assert.Equal(3, result.Status);
        Assert.Contains("bad", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
        Assert.Empty(result.Output);
    }

    [Fact]
    public void ABadTraceLeavesNoOutputFile()
    {
        File.WriteAllText(Folder["bad"], "no trace");
        File.WriteAllText(Folder["report.txt"], "precious");

        Assert.Equal(3, Faultrec("report", "-o", "report.txt", "bad").Status);
        Assert.Equal(3, Faultrec("dump", "-o", "dump.csv", "bad").Status);

        Assert.Equal(["bad", "report.txt"], Folder.Names);
        Assert.Equal("precious", File.ReadAllText(Folder["report.txt"]));
    }

    [Fact]
    public void SpoolsThatAreNone()
    {
        File.WriteAllBytes(Folder["empty.spool"], []);
        File.WriteAllText(Folder["text.spool"], "not a spool, however long its text may be, and it is longer than any header");
        SmallTrace.Write(Folder["trace.spool"]);

        foreach (var name in (string[])["empty.spool", "text.spool", "trace.spool", "missing.spool"])
        {
            AssertRefused("recover", name, "");
            Assert.DoesNotContain(Path.GetFileNameWithoutExtension(name), Folder.Names);
            Assert.DoesNotContain(Folder.Names, left => left.EndsWith(".partial", StringComparison.Ordinal));
        }
    }

    /// <summary>Nobody writes into it: whoever opens it waits for ever.</summary>
    [Theory]
    [InlineData("report pipe")]
    [InlineData("info pipe")]
    [InlineData("dump pipe")]
    [InlineData("simulate pipe")]
    [InlineData("advise pipe")]
    [InlineData("diff trace pipe")]
    [InlineData("assert --max-major 0 pipe")]
    [InlineData("assert trace --budgets pipe", 2)]
    [InlineData("query pipe 'SELECT 1'")]
    [InlineData("export --to folded pipe")]
    [InlineData("symbolize pipe -o out")]
    [InlineData("replay pipe")]
    [InlineData("recover pipe -o out")]
    [InlineData("import pipe -o out")]
    [InlineData("prefault pipe -- true")]
    public void APipeIsRefused(string line, int status = 3)
    {
        SmallTrace.Write(Folder["trace"]);

        var result = Bash($"mkfifo pipe; timeout 30 $F {line}");

        Assert.Equal((status, ""), (result.Status, result.Output));
        Assert.Contains("regular file", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
        Assert.Equal(["pipe", "trace"], Folder.Names);
    }

    /// <summary>A terabyte of one line, of which no block is on the disk.</summary>
    [Theory]
    [InlineData("import endless -o out", "endless: line 1 has more than 1048576 characters; expected ")]
    [InlineData("import - -o out < endless", "stdin: line 1 has more than 1048576 characters; expected ")]
    [InlineData("assert trace --budgets endless", "endless: line 1 has more than 32768 characters; expected ")]
    [InlineData("prefault endless -- true", "endless: line 1 has more than 32768 characters; expected ")]
    public void ALineWithoutAnEndIsRefused(string line, string because)
    {
        SmallTrace.Write(Folder["trace"]);

        var result = Bash($"truncate -s 1T endless; timeout 30 $F {line}");

        Assert.Equal((3, ""), (result.Status, result.Output));
        Assert.StartsWith($"faultrec: {because}", Assert.Single(result.ErrorLines));
        Assert.Equal(["endless", "trace"], Folder.Names);
    }

    private void AssertRefused(string verb, string name, string because)
    {
        var result = Faultrec([.. verb.Split(' '), name]);

        Assert.True(result.Status == 3, $"{verb} {name}: status {result.Status}, {result.Error}");
        var line = Assert.Single(result.ErrorLines);
        Assert.StartsWith($"faultrec: {name}: ", line);
        Assert.Contains(because, line, StringComparison.Ordinal);
        Assert.True(line.Length > $"faultrec: {name}: ".Length + 10, line);
        Assert.Empty(result.Output);
    }

    private static void WriteForeignParquet(string path)
    {
        var field = new DataField<long>("address");
        using var file = File.Create(path);
        var writer = ParquetWriter.CreateAsync(new ParquetSchema(field), file).GetAwaiter().GetResult();
        using (var group = writer.CreateRowGroup())
        {
            group.WriteAsync<long>(field, new long[] { 1, 2, 3 }).GetAwaiter().GetResult();
            group.CompleteValidate();
        }

        writer.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }
}
