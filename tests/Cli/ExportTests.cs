using System.Text.Json;

namespace Faultrec.Cli.Tests;

public sealed class ExportTests : CliTest
{
    [Fact]
    public void FoldedLinesSumToTheTracesFaults()
    {
        SmallTrace.Write(Folder["trace"], withStacks: true);

        var result = Faultrec("export", "trace", "--to", "folded");

        Assert.Equal((0, "toucher;[no stack] 1\ntoucher;main;toucher 99\n", ""), (result.Status, result.Output, result.Error));
        Assert.Equal("99\n", Bash("$F export trace --to folded --tid 10 --tid 11 --from 1ns --until 2h | awk '{n += $NF} END {print n}'").Output);
        // Fault i took 500 + i ns.
        Assert.Equal("54450\n", Bash("$F export trace --to folded --weight time --from 1ns | awk '{print $NF}'").Output);
    }

    [Fact]
    public void AFileAppearsWholeAndReplacesNothingUnasked()
    {
        SmallTrace.Write(Folder["trace"], withStacks: true);

        Assert.Equal(0, Faultrec("export", "trace", "--to", "speedscope", "-o", "out").Status);
        using (var json = JsonDocument.Parse(File.ReadAllText(Folder["out"])))
            Assert.Equal(2, json.RootElement.GetProperty("profiles").GetArrayLength());
        var refused = Faultrec("export", "trace", "--to", "firefox", "-o", "out", "--no-clobber");
        Assert.Equal(2, refused.Status);
        Assert.Contains("exists already", Assert.Single(refused.ErrorLines), StringComparison.Ordinal);
        Assert.Equal(0, Faultrec("export", "trace", "--to", "firefox", "-o", "out", "--force").Status);
        using (var json = JsonDocument.Parse(File.ReadAllText(Folder["out"])))
            Assert.Equal(61, json.RootElement.GetProperty("meta").GetProperty("preprocessedProfileVersion").GetInt32());
        Assert.Equal(["out", "trace"], Folder.Names);
        Assert.Equal(2, Faultrec("export", "trace", "--to", "folded", "-o", "trace", "--force").Status);
    }

    [Fact]
    public void APipeGetsBytes()
    {
        SmallTrace.Write(Folder["trace"], withStacks: true);

        // A Trace is its packets: each begins with the tag of field 1.
        Assert.Equal("0a\n", Bash("$F export trace --to perfetto | head -c 1 | od -An -tx1 | tr -d ' '").Output);
        Assert.Equal("0\n", Bash("$F export trace --to perfetto -o /dev/null; echo $?").Output);
    }

    [Fact]
    public void ATerminalGetsNoBytes()
    {
        SmallTrace.Write(Folder["trace"], withStacks: true);

        var result = Bash("script -qec '$F export trace --to perfetto' /dev/null");

        Assert.Contains("--to perfetto: is binary, and stdout is a terminal", result.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("export", "--to", "folded")]
    [InlineData("export", "--to", "perfetto")]
    [InlineData("report", "--by", "stack")]
    [InlineData("report", "--by", "caller", "--format", "json")]
    public void ATraceWithoutStacksIsOneLineThatSaysHowToGetThem(params string[] arguments)
    {
        SmallTrace.Write(Folder["trace"]);

        var result = Faultrec([.. arguments, "trace"]);

        Assert.Equal((3, ""), (result.Status, result.Output));
        var line = Assert.Single(result.ErrorLines);
        Assert.StartsWith("faultrec: trace: has no stacks", line);
        Assert.Contains("record --stacks", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--to", "svg")]
    [InlineData("--to", "folded", "--weight", "bytes")]
    [InlineData("--to", "perfetto", "--weight", "time")]
    [InlineData("--weight", "time")]
    [InlineData("--to", "folded", "--from", "2s", "--until", "1s")]
    public void AMistakeIsSaid(params string[] options)
    {
        SmallTrace.Write(Folder["trace"], withStacks: true);

        var result = Faultrec(["export", "trace", .. options]);

        Assert.Equal((2, ""), (result.Status, result.Output));
        Assert.NotEmpty(result.Error);
    }
}
