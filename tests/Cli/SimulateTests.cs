using System.Text.Json;
using System.Text.Json.Nodes;

namespace Faultrec.Cli.Tests;

/// <summary>`faultrec simulate` and `faultrec advise`: formats and what is refused. What they say is tests/Analyzer's.</summary>
public sealed class SimulateTests : CliTest
{
    [Fact]
    public void TheRecordedFaultsAreThoseOfTheReport()
    {
        SmallTrace.Write(Folder["trace"]);

        var simulated = JsonDocument.Parse(Faultrec("simulate", "trace", "--format", "json").Output).RootElement;
        var reported = JsonDocument.Parse(Faultrec("report", "trace", "--format", "json").Output).RootElement.GetProperty("totals");

        var recorded = simulated.GetProperty("scenarios")[0];
        Assert.Equal(("recorded", 100), (recorded.GetProperty("scenario").GetString(), recorded.GetProperty("faults").GetInt32()));
        Assert.Equal(reported.GetProperty("latency_ns").GetProperty("sum").GetInt64(), recorded.GetProperty("time_ns").GetInt64());
        Assert.Equal(["recorded", "thp", "populate", "keep", "fault-around", "page-64k"],
            simulated.GetProperty("scenarios").EnumerateArray().Select(row => row.GetProperty("scenario").GetString()));
    }

    [Fact]
    public void AdviceNamesTheChangeInEveryFormat()
    {
        // Enough that populating the mappings fills no more than three pages in vain for each fault.
        SmallTrace.Write(Folder["trace"], faults: 3000);

        foreach (var format in (string[])["text", "markdown", "csv", "json"])
        {
            var result = Faultrec("advise", "trace", "--format", format);

            Assert.Equal((0, ""), (result.Status, result.Error));
            Assert.Contains("POPULATE", result.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void WhatWasPredictedStandsBesideWhatAReplayMeasures()
    {
        SmallTrace.Write(Folder["trace"], faults: 3000);

        var text = Faultrec("advise", "trace", "--check");
        var json = Faultrec("advise", "trace", "--check", "--format", "json");

        Assert.Equal((0, ""), (text.Status, text.Error));
        Assert.Matches("predicted +measured", text.Output);
        var rows = JsonNode.Parse(json.Output)!["advice"]!.AsArray().Where(row => row!["scenario"]!.GetValue<string>() == "populate").ToList();
        Assert.NotEmpty(rows);
        Assert.All(rows, row => Assert.Equal(row!["predicted_faults"]!.GetValue<long>(), row["measured_faults"]!.GetValue<long>()));
    }

    [Theory]
    [InlineData(2, "simulate", "trace", "--format", "html")]
    [InlineData(3, "simulate", "no-such-trace")]
    [InlineData(3, "advise", "no-such-trace")]
    public void AMistakeIsOneLine(int status, params string[] arguments)
    {
        SmallTrace.Write(Folder["trace"]);

        var result = Faultrec(arguments);

        Assert.Equal((status, ""), (result.Status, result.Output));
        Assert.StartsWith("faultrec: ", Assert.Single(result.ErrorLines));
    }
}
