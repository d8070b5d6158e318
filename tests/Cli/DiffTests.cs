using System.Text.Json;

namespace Faultrec.Cli.Tests;

/// <summary>`faultrec diff`: sides, formats, and what is refused.</summary>
public sealed class DiffTests : CliTest
{
    [Fact]
    public void TwoTraces()
    {
        Write();

        var result = Faultrec("diff", "small", "large");

        Assert.Equal((0, ""), (result.Status, result.Error));
        Assert.StartsWith("Faults rose by 100 (+100 %) from 100 to 200: 100 more of kind ", result.Output);
        Assert.Contains("noise", result.Output.Split("\n\n")[0], StringComparison.Ordinal);
        Assert.Contains("resident memory is not compared: small: ", result.Output, StringComparison.Ordinal);
        Assert.Matches("faults +100 +200 +\\+100 %", result.Output);
    }

    [Theory]
    [InlineData(1, "faults:99%", "FAIL faults: at most +99 %; rose by 100 (+100 %)")]
    [InlineData(0, "faults:100%", "pass faults: at most +100 %")]
    public void FailOnDecidesTheStatus(int status, string limit, string line)
    {
        Write();

        var text = Faultrec("diff", "small", "large", "--fail-on", limit, "--fail-on", "major");
        var json = JsonDocument.Parse(Faultrec("diff", "small", "large", "--fail-on", limit, "--format", "json").Output).RootElement;

        Assert.Equal((status, ""), (text.Status, text.Error));
        Assert.Contains($"\n{line}\npass major: at most +0 %\n", text.Output, StringComparison.Ordinal);
        Assert.Equal(status == 0, json.GetProperty("passed").GetBoolean());
        Assert.Equal(status == 1, json.GetProperty("fail_on")[0].GetProperty("broken").GetBoolean());
        Assert.Equal(2, Faultrec("diff", "small", "large", "--fail-on", "fault").Status);
    }

    [Fact]
    public void SeveralTracesASide()
    {
        Write();

        var apart = Faultrec("diff", "small", "small", "--after", "large", "large", "--format", "json");
        var mixed = Faultrec("diff", "--after", "small", "large", "--format", "json", "--", "small", "large");

        Assert.Equal((0, 0), (apart.Status, mixed.Status));
        Assert.Equal("differs", Faults(apart).GetProperty("verdict").GetString());
        Assert.Equal("within noise", Faults(mixed).GetProperty("verdict").GetString());
        Assert.Equal([100, 200], Faults(mixed).GetProperty("after").GetProperty("values").EnumerateArray().Select(value => value.GetInt32()));

        static JsonElement Faults(Finished result)
            => JsonDocument.Parse(result.Output).RootElement.GetProperty("totals")[0].GetProperty("faults");
    }

    [Fact]
    public void CsvHoldsEveryTableUnderOneHeader()
    {
        Write();

        var lines = Faultrec("diff", "small", "large", "--format", "csv").Output.Split(["\r\n", "\n"], StringSplitOptions.RemoveEmptyEntries);

        Assert.StartsWith("table,name,kind,prot,process,order,metric,before,", lines[0]);
        Assert.Equal(["total", "place", "region", "kind", "process", "file"], lines[1..].Select(line => line.Split(',')[0]).Distinct());
        Assert.Contains("total,all,,,,,faults,100,100,100,0,200,200,200,0,100,1,unknown", lines);
    }

    [Fact]
    public void MarkdownGoesToAFile()
    {
        Write();

        var result = Faultrec("diff", "small", "large", "--format", "markdown", "-o", "diff.md");

        Assert.Equal((0, "", ""), (result.Status, result.Output, result.Error));
        Assert.StartsWith("**Faults rose by 100 (+100 %) ", File.ReadAllText(Folder["diff.md"]));
    }

    [Fact]
    public void AFilterNarrowsBothSides()
    {
        Write();

        var result = Faultrec("diff", "small", "large", "--region", "[heap]");

        Assert.StartsWith("Faults rose by 50 (+100 %) from 50 to 100", result.Output);
        Assert.Contains("filter: --region [heap]", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void PagesOfAnotherSizeAreRefused()
    {
        Write();
        SmallTrace.Write(Folder["arm"], pageSize: 16384);

        AssertRefused("arm", "page size 16384; expected 4096", "diff", "small", "arm");
    }

    [Fact]
    public void WhatIsNoTraceIsRefusedOnEitherSide()
    {
        Write();
        File.WriteAllText(Folder["text"], "no trace");
        SmallTrace.Write(Folder["newer"], schema: 7);

        AssertRefused("text", "not a Parquet file", "diff", "text", "small");
        AssertRefused("text", "not a Parquet file", "diff", "small", "--after", "large", "text");
        AssertRefused("newer", "7", "diff", "small", "newer");
    }

    [Fact]
    public void AnIncompleteTraceIsNamed()
    {
        Write();
        SmallTrace.Write(Folder["torn"], lost: 7);

        var result = Faultrec("diff", "small", "torn");

        Assert.Equal(0, result.Status);
        Assert.Contains("torn: INCOMPLETE: 100 faults captured, 7 lost", result.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("text")]
    [InlineData("markdown")]
    [InlineData("json")]
    public void HostileNamesAreInert(string format)
    {
        const string name = "a\e[31mred\a\r\nfake line\t\u202eevil</td><script>|`*_";
        SmallTrace.Write(Folder["hostile"], comm: name, region: "/tmp/" + name);
        SmallTrace.Write(Folder["more"], faults: 120, comm: name, region: "/tmp/" + name);

        var result = Faultrec("diff", "hostile", "more", "--format", format);

        Assert.Equal((0, ""), (result.Status, result.Error));
        Assert.DoesNotContain(result.Output, c => (char.IsControl(c) && c != '\n') || c == '\u202e');
        Assert.Contains("evil", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void ReportOfSeveralTracesIsSideBySide()
    {
        Write();

        var text = Faultrec("report", "small", "large");
        var kinds = Faultrec("report", "--by", "kind", "--format", "markdown", "small", "large");
        var levels = Faultrec("report", "--by", "level", "small", "large");

        Assert.Equal([(0, ""), (0, ""), (0, "")], new[] { text, kinds, levels }.Select(result => (result.Status, result.Error)));
        Assert.StartsWith("A small: ", text.Output);
        Assert.Matches(@"\ntotals\n  figure +A +B\n  faults +100 +200\n", text.Output);
        Assert.Contains("| unknown | faults | 100 | 200 |", kinds.Output, StringComparison.Ordinal);
        Assert.Equal(2, levels.Output.Split("recorded ").Length - 1);
        Assert.Equal(2, JsonDocument.Parse(Faultrec("report", "--format", "json", "small", "large").Output).RootElement.GetArrayLength());
        Assert.Equal("trace,id", Faultrec("report", "--format", "csv", "small", "large").Output[..8]);
    }

    private void Write()
    {
        SmallTrace.Write(Folder["small"]);
        SmallTrace.Write(Folder["large"], faults: 200);
    }

    private void AssertRefused(string trace, string because, params string[] arguments)
    {
        var result = Faultrec(arguments);

        Assert.Equal((3, ""), (result.Status, result.Output));
        var line = Assert.Single(result.ErrorLines);
        Assert.StartsWith($"faultrec: {trace}: ", line);
        Assert.Contains(because, line, StringComparison.Ordinal);
    }
}
