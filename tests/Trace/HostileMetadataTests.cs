using System.Text.Json.Nodes;
using Faultrec.Testing.Forge;
using Faultrec.Traces;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Trace.Tests;

/// <summary>Metadata whose JSON is as documented and says what cannot be: the reader refuses it, so that every verb does.</summary>
public sealed class HostileMetadataTests
{
    private static readonly byte[] Trace = SampleTrace.Write(SampleTrace.RandomBatches(7, 10), SampleTrace.Metadata(10) with
    {
        Regions = [new Region { Id = 1, Pid = 10, Start = 4096, End = 8192, Prot = "rw-p", Name = "[heap]" }],
        Processes = [new ProcessEntry { Pid = 10, Comm = "a" }],
        Threads = [new ThreadEntry { Pid = 10, Tid = 10, Comm = "a" }],
        Marks = [new Mark(1, "a", MarkSource.Exec, 10)],
    });

    [Theory]
    [InlineData("page_size", "0", "is 0, not a power of two from 1024 to 1048576")]
    [InlineData("page_size", "-4096", "is -4096, not a power of two")]
    [InlineData("page_size", "4097", "is 4097, not a power of two")]
    [InlineData("page_size", "1073741824", "is 1073741824, not a power of two")]
    [InlineData("page_size", "1e99", "does not have the JSON shape")]
    [InlineData("duration_ns", "-1", "is -1")]
    [InlineData("duration_ns", "9223372036854775807", "is 9223372036854775807")]
    [InlineData("started_at", "\"9999-12-31T23:59:59Z\"", "is in the year 9999")]
    [InlineData("started_at", "\"2025-02-30T00:00:00Z\"", "does not have the JSON shape")]
    [InlineData("host", "\"\\ud800\"", "does not have the JSON shape")]
    [InlineData("host", "7", "does not have the JSON shape")]
    [InlineData("command", "[\"a\", null]", "has a null among its items")]
    [InlineData("regions", "{}", "does not have the JSON shape")]
    [InlineData("ladder", "[{}]", "does not have the JSON shape")]
    [InlineData("handlers", "[{}]", "does not have the JSON shape")]
    [InlineData("causes", "[{}]", "does not have the JSON shape")]
    [InlineData("advice", "[{\"pid\": 1, \"start\": \"0x0\", \"end\": \"0x0\"}]", "does not have the JSON shape")]
    [InlineData("marks", "[{\"time_ns\": 1, \"source\": \"mark\"}]", "does not have the JSON shape")]
    [InlineData("tlb_flushes", "[{\"pid\": 1}]", "does not have the JSON shape")]
    [InlineData("slab", "{\"caches\": [{\"pid\": 1, \"stage\": \"fast\"}]}", "does not have the JSON shape")]
    [InlineData("stacks", "{\"modules\": [{}]}", "does not have the JSON shape")]
    public void AValue(string key, string json, string problem) => AssertRefused(forge => forge.SetText($"faultrec.{key}", json), key, problem);

    [Theory]
    [InlineData("regions", "id", "0")]
    [InlineData("regions", "id", "-1")]
    [InlineData("regions", "pid", "-1")]
    [InlineData("regions", "end", "\"0xfff\"")]
    [InlineData("regions", "prot", "\"\"")]
    [InlineData("regions", "born_ns", "-9223372036854775808")]
    [InlineData("regions", "mapper_stack", "-1")]
    [InlineData("processes", "pid", "-1")]
    [InlineData("processes", "exited_ns", "9223372036854775807")]
    [InlineData("threads", "tid", "-1")]
    [InlineData("marks", "time_ns", "9223372036854775807")]
    [InlineData("marks", "name", "\"\"")]
    [InlineData("marks", "pid", "-1")]
    public void AMemberOfAnItem(string key, string member, string json)
        => AssertRefused(
            forge =>
            {
                var items = JsonNode.Parse(forge.Text($"faultrec.{key}")!)!;
                items[0]![member] = JsonNode.Parse(json);
                forge.SetText($"faultrec.{key}", items.ToJsonString());
            },
            key,
            "has an impossible ");

    [Fact]
    public void TwoRegionsOfOneId()
        => AssertRefused(
            forge =>
            {
                var regions = JsonNode.Parse(forge.Text("faultrec.regions")!)!.AsArray();
                regions.Add(regions[0]!.DeepClone());
                forge.SetText("faultrec.regions", regions.ToJsonString());
            },
            "regions",
            "has an impossible id");

    [Fact]
    public void ATextOfMegabytes()
        => AssertRefused(forge => forge.SetText("faultrec.kernel", $"\"{new string('x', 2 << 20)}\""), "kernel", "does not have the JSON shape");

    [Fact]
    public void ListsWithinLists()
        => AssertRefused(forge => forge.SetText("faultrec.command", new string('[', 100_000)), "command", "does not have the JSON shape");

    [Fact]
    public void CountsBelowZero()
        => AssertRefused(
            forge =>
            {
                var receipt = JsonNode.Parse(forge.Text("faultrec.receipt")!)!;
                receipt["lost"] = -1;
                forge.SetText("faultrec.receipt", receipt.ToJsonString());
            },
            "receipt",
            "has a count below zero");

    private static void AssertRefused(Action<ParquetForge> change, string key, string problem)
    {
        var forge = ParquetForge.Open(Trace);
        change(forge);
        using var file = new TempFile(forge.Write());
        var error = Assert.Throws<FaultrecException>(() => TraceReader.Open(file.Path));
        Assert.Equal(ExitCode.BadInput, error.ExitCode);
        Assert.StartsWith($"{file.Path}: metadata key faultrec.{key} {problem}", error.Message, StringComparison.Ordinal);
    }
}
