using System.Text.Json.Nodes;

namespace Faultrec.Cli.Tests;

/// <summary>
/// The real recordings of fixtures/traces, read by an ordinary user: what the report says of each is what its program said it
/// did (NAME.json, from getrusage), and what its recipe in fixtures/record-traces.sh asked for.
/// </summary>
public sealed class RecordedTraceTests : CliTest
{
    public static TheoryData<string> Names =>
    [
        "addr_reuse", "alloc", "cold_read", "comm_change", "exec_chain", "fork_cow", "kernel_touch", "rand_touch", "segv", "seq_touch",
        "stack_grow", "threads",
    ];

    [Fact]
    public void EveryTraceHasItsProgramsWordAndATest()
    {
        var files = Directory.EnumerateFiles(Checkout.RecordedTraces).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal);

        Assert.Equal(Names.SelectMany(name => (string[])[$"{name.Data}.json", $"{name.Data}.parquet"]), files);
        Assert.All(Directory.EnumerateFiles(Checkout.RecordedTraces), path => Assert.InRange(new FileInfo(path).Length, 1, 100_000));
    }

    public static TheoryData<string> NamesToTryEveryOutputOf => [.. Names.Take(Effort.Of(full: Names.Count, brief: 3)).Select(name => name.Data)];

    [Theory]
    [MemberData(nameof(NamesToTryEveryOutputOf))]
    public void EveryTraceIsCompleteAndNeutral(string name)
    {
        var report = Report(name);

        var capture = report["capture"]!;
        Assert.True(capture["complete"]!.GetValue<bool>());
        Assert.Equal((0, 0), (Number(capture["lost"]), Number(capture["lost_sideband"])));
        Assert.Equal(Number(capture["events"]), Number(report["totals"]!["faults"]));
        Assert.True(Number(capture["events"]) > 80);
        Assert.Equal("tracepoint", report["trace"]!["backend"]!.GetValue<string>());
        Assert.Equal("x86_64", report["trace"]!["arch"]!.GetValue<string>());
        foreach (var format in (string[])["text", "markdown", "csv"])
        {
            var result = AsOrdinaryUser("report", "--format", format, PathOf(name));
            Assert.Equal((0, ""), (result.Status, result.Error));
        }

        var info = AsOrdinaryUser("info", PathOf(name));
        Assert.Contains("example", info.Output, StringComparison.Ordinal);
        var dump = AsOrdinaryUser("dump", PathOf(name)).Output;
        var everything = info.Output + dump + report;
        Assert.DoesNotContain("/root", everything, StringComparison.Ordinal);
        Assert.DoesNotContain("/home", everything, StringComparison.Ordinal);
        Assert.Equal(Number(capture["events"]) + 1, dump.Count(c => c == '\n'));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void AFileFromBeforePageTableFactsSaysThatItsKindsAreUnknown(string name)
    {
        var report = Report(name);

        Assert.All(report["kinds"]!.AsArray(), kind => Assert.Contains(kind!["kind"]!.GetValue<string>(), (string[])["unknown", "failed", "bus_error"]));
        Assert.StartsWith("the file is older than page-table facts", report["kinds_note"]!.GetValue<string>());
        Assert.Equal(Number(report["totals"]!["faults"]), report["severities"]!.AsArray().Sum(severity => Number(severity!["faults"])));
        Assert.Empty(report["page_table"]!["levels"]!.AsArray());
    }

    [Fact]
    public void AllocWritesEveryPageOfItsBlocks()
    {
        var (blocks, bytes) = (4, 2_000_000);

        var report = Report("alloc");

        var word = Word("alloc");
        Assert.Equal((blocks, blocks * bytes), (Number(word["blocks"]), Number(word["bytes"])));
        Assert.InRange(Number(word["touch_minflt"]), blocks * bytes / 4096, (blocks * bytes / 4096) + 20);
        // Neighbouring blocks are one mapping to the kernel: its touched pages are the largest region's.
        Assert.InRange(report["regions"]!.AsArray().Where(region => Is(region, "name", "[anon]")).Sum(region => Number(region!["faults"])),
            Number(word["touch_minflt"]) - 10, Number(report["totals"]!["faults"]));
        Assert.Equal("python3", Assert.Single(report["processes"]!.AsArray())!["comm"]!.GetValue<string>());
    }

    [Fact]
    public void ColdReadIsOneMajorFaultAPage()
    {
        var report = Report("cold_read");

        var region = Assert.Single(report["regions"]!.AsArray(), region => Is(region, "name", Word("cold_read")["file"]!.GetValue<string>()))!;
        Assert.Equal((128, 128, 128), (Number(region["pages"]), Number(region["major"]), Number(region["distinct_pages"])));
        Assert.Equal((0, 1.0, 1.0), (Number(region["refaults"]), region["coverage"]!.GetValue<double>(), region["major_ratio"]!.GetValue<double>()));
        Assert.Equal(Number(Word("cold_read")["touch_majflt"]), Number(report["totals"]!["major"]));
        Assert.Equal(Enumerable.Repeat(2L, 64), region["heat"]!.AsArray().Select(Number));
    }

    [Fact]
    public void ForkCowCopiesInTheChild()
    {
        var child = Number(Word("fork_cow")["child"]);

        var regions = Report("fork_cow")["regions"]!.AsArray().Where(region => Number(region!["pages"]) == 256).ToList();

        Assert.Equal(100, Number(Assert.Single(regions, region => Number(region!["pid"]) == child)!["faults"]));
        Assert.Equal(256, Number(Assert.Single(regions, region => Number(region!["pid"]) != child)!["faults"]));
    }

    [Fact]
    public void EachToucherIsAThread()
    {
        var threads = Report("threads")["threads"]!.AsArray().ToDictionary(thread => Number(thread!["tid"]));

        var counted = Word("threads")["by_thread"]!.AsArray();
        Assert.Equal(4, counted.Count);
        // Beside its 128 pages a thread touches its own stack and what the C library keeps for it.
        Assert.All(counted,
            thread => Assert.InRange(Number(threads[Number(thread!["tid"])]!["minor"]), Number(thread["minflt"]), Number(thread["minflt"]) + 5));
        Assert.All(counted, thread => Assert.StartsWith("toucher-", threads[Number(thread!["tid"])]!["comm"]!.GetValue<string>()));
    }

    [Fact]
    public void EachUseOfAReusedAddressIsARegion()
    {
        const int loops = 10;
        var word = Word("addr_reuse");

        var regions = Report("addr_reuse")["regions"]!.AsArray();

        foreach (var file in (string[])["file_a", "file_b"])
        {
            var uses = regions.Where(region => Is(region, "name", word[file.Replace("file", "path", StringComparison.Ordinal)]!.GetValue<string>())).ToList();
            Assert.Equal((loops, Number(word[file])), (uses.Count, uses.Sum(region => Number(region!["faults"]))));
        }

        var away = Assert.Single(regions.Where(region => Is(region, "start", word["away"]!.GetValue<string>())).Select(region => Number(region!["faults"]))
            .Distinct());
        Assert.Equal(Number(word["moved"]), 2 * loops * away);
    }

    [Fact]
    public void FailedFaultsAreNeitherMinorNorMajor()
    {
        var (report, word) = (Report("segv"), Word("segv"));

        var totals = report["totals"]!;
        Assert.Equal(Number(word["sigsegv"]) + Number(word["sigbus"]), Number(totals["failed"]));
        Assert.Equal(Number(totals["faults"]), Number(totals["minor"]) + Number(totals["major"]) + Number(totals["failed"]));
    }

    [Fact]
    public void EachProgramOfAnExecChainHasItsRegion()
    {
        var regions = Report("exec_chain")["regions"]!.AsArray().Where(region => Is(region, "name", "[anon]")).ToList();

        Assert.Equal([50, 50, 50], regions.Where(region => Number(region!["pages"]) == 50).Select(region => Number(region!["faults"])));
        Assert.Equal(Number(Word("exec_chain")["touch_minflt"]), Number(Assert.Single(regions, region => Number(region!["pages"]) == 256)!["faults"]));
    }

    [Fact]
    public void TheStackIsOneRegion()
    {
        var stack = Assert.Single(Report("stack_grow")["regions"]!.AsArray(), region => Is(region, "kind", "stack"))!;

        Assert.InRange(Number(stack["faults"]), Number(Word("stack_grow")["touch_minflt"]), Number(Word("stack_grow")["touch_minflt"]) + 10);
    }

    [Fact]
    public void WhatTheKernelTouchedIsInTheDump()
    {
        var rows = AsOrdinaryUser("dump", "--format", "json", PathOf("kernel_touch")).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonNode.Parse(line)!);

        Assert.InRange(rows.Count(row => row["kernel_access"]!.GetValue<bool>()), Number(Word("kernel_touch")["kernel_minflt"]),
            Number(Word("kernel_touch")["kernel_minflt"]) + 20);
    }

    [Theory]
    [InlineData("seq_touch", 1024)]
    [InlineData("rand_touch", 2000)]
    [InlineData("comm_change", 192)]
    public void OneRegionHoldsAllTouches(string name, int touches)
    {
        Assert.Equal(touches, Number(Word(name)["touch_minflt"]));
        Assert.Equal(touches, Report(name)["regions"]!.AsArray().Max(region => Number(region!["minor"])));
    }

    [Theory]
    [InlineData("comm_change", "--comm", "phase-beta", 64)]
    [InlineData("comm_change", "--comm", "phase-*", 192)]
    [InlineData("segv", "--kind", "failed", 11)]
    [InlineData("cold_read", "--kind", "major", 128)]
    [InlineData("cold_read", "--region", "-cold.bin", 128)]
    public void FiltersCountTheSameInReportAndDump(string name, string option, string value, int atLeast)
    {
        var faults = Number(Report(name, option, value)["totals"]!["faults"]);

        Assert.InRange(faults, atLeast, atLeast + 5);
        Assert.Equal(faults + 1, AsOrdinaryUser("dump", option, value, PathOf(name)).Output.Count(c => c == '\n'));
    }

    private static string PathOf(string name) => Path.Combine(Checkout.RecordedTraces, name + ".parquet");

    private static JsonNode Word(string name) => JsonNode.Parse(File.ReadAllText(Path.Combine(Checkout.RecordedTraces, name + ".json")))!;

    private static long Number(JsonNode? node) => node!.GetValue<long>();

    private static bool Is(JsonNode? node, string key, string value) => node![key]!.GetValue<string>() == value;

    private JsonNode Report(string name, params string[] options)
    {
        var result = AsOrdinaryUser(["report", "--format", "json", PathOf(name), .. options]);
        Assert.Equal((0, ""), (result.Status, result.Error));
        return JsonNode.Parse(result.Output)!;
    }

    // Root becomes nobody: reading a trace needs no permission but to the file.
    private Finished AsOrdinaryUser(params string[] arguments)
        => Environment.IsPrivilegedProcess
            ? Running.ToEnd(
                new Circumstances { Folder = Folder.Path }, "setpriv",
                ["--reuid=65534", "--regid=65534", "--clear-groups", Checkout.Faultrec, .. arguments])
            : Faultrec(arguments);
}
