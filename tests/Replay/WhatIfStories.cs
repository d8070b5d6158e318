using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Faultrec.Traces;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;
using static Faultrec.Replay.Tests.ReplayStories;

namespace Faultrec.Replay.Tests;

/// <summary>The same faults under a change: what the kernel then counts.</summary>
public sealed class WhatIfStories
{
    private const int HugePages = 512;

    [Fact]
    public void HugePagesTakeOneFaultFor2MiB()
    {
        Replaying.SkipWithoutHugePages();
        var always = Change(new ReplayChange { Description = "--thp always", HugePages = static _ => true });

        var result = Replaying.Of(Replaying.Metadata(Replaying.Anonymous(1, Base, 3 * HugePages)), Writes(3 * HugePages), always);

        Assert.Equal("anon_write minor 1536/3", Replaying.Words(result));
    }

    [Fact]
    public void HugePagesComeOnlyWhereTheyAreAskedFor()
    {
        Replaying.SkipWithoutHugePages();
        var metadata = Replaying.Metadata(Replaying.Anonymous(1, Base, HugePages), Replaying.Anonymous(2, Base + (4 << 20), HugePages));
        Fault[] faults = [.. Writes(HugePages),
            .. Writes(HugePages).Select(fault => fault with { Address = fault.Address + (4 << 20), Region = 2, TimeNs = 10_000 + fault.TimeNs })];

        var result = Replaying.Of(metadata, faults, Change(new ReplayChange { HugePages = region => region.Id == 2 }));

        Assert.Equal([512, 1], [.. result.Buckets.OrderBy(bucket => bucket.RegionId).Select(bucket => bucket.Replayed)]);
    }

    [Fact]
    public void WithoutHugePagesARecordedOneIsASmallOneAndANoteSaysWhatThatMeans()
    {
        Replaying.SkipWithoutHugePages();
        var huge = Write(0) with { Order = 9 };
        var metadata = Replaying.Metadata(Replaying.Anonymous(1, Base, HugePages));

        var result = Replaying.Of(metadata, [huge], Change(new ReplayChange { NoHugePages = true }));

        Assert.Equal(1, result.Replayed);
        Assert.True(result.ResidentBytes < Replaying.Of(metadata, [huge]).ResidentBytes, "a huge page is resident");
        Assert.Contains(result.Notes, note => note.StartsWith("without huge pages", StringComparison.Ordinal));
    }

    [Fact]
    public void PopulatedRegionsDoNotFaultAndTheirFillingIsTimed()
    {
        var metadata = Replaying.Metadata(Replaying.Anonymous(1, Base, 64), Replaying.Anonymous(2, Base + (1 << 20), 64));
        Fault[] faults = [.. Writes(64),
            .. Writes(32).Select(fault => fault with { Address = fault.Address + (1 << 20), Region = 2, TimeNs = 1000 + fault.TimeNs })];

        var result = Replaying.Of(metadata, faults, Change(new ReplayChange { Populated = region => region.Id == 1 }));

        Assert.Equal([0, 32], [.. result.Buckets.OrderBy(bucket => bucket.RegionId).Select(bucket => bucket.Replayed)]);
        Assert.True(result.FillNs > 0);
    }

    [Fact]
    public void WhatWasGivenBackFaultsAgainAlsoInAPopulatedRegion()
    {
        Fault[] faults = [.. Writes(8), .. Writes(8).Select(fault => fault with { TimeNs = 1000 + fault.TimeNs })];

        var result = Replaying.Of(Replaying.Metadata(Replaying.Anonymous(1, Base, 8)), faults, Change(new ReplayChange { Populated = static _ => true }));

        Assert.Equal("anon_write minor 16/8", Replaying.Words(result));
    }

    [Fact]
    public void WhatAForkedChildWritesIsCopiedAlthoughItsParentPopulated()
    {
        var parent = Replaying.Anonymous(1, Base, 16);
        var metadata = Replaying.Metadata(parent, parent with { Id = 2, Pid = 20, BornNs = 1000 }) with
        {
            Processes = [new ProcessEntry { Pid = 10, Comm = "app" }, new ProcessEntry { Pid = 20, ParentPid = 10, Comm = "app", StartedNs = 1000 }],
        };
        Fault[] faults = [.. Writes(16),
            .. Writes(10).Select(fault => fault with { TimeNs = 2000 + fault.TimeNs, Pid = 20, Tid = 20, Region = 2, Entry = 0x5025, Pfn = 6 })];

        var result = Replaying.Of(metadata, faults, Change(new ReplayChange { Populated = static _ => true }));

        Assert.Equal("anon_write minor 16/0; cow_fork minor 10/10", Replaying.Words(result));
    }

    [Fact]
    public void LargerPagesTakeOneFaultForEach()
    {
        var result = Replaying.Of(Replaying.Metadata(Replaying.Anonymous(1, Base, 64)), Writes(64), Change(new ReplayChange { PageBytes = 64 << 10 }));

        Assert.Equal("anon_write minor 64/4", Replaying.Words(result));
        Assert.Contains(result.Notes, note => note.Contains("imitated", StringComparison.Ordinal));
    }

    [Fact]
    public void LargerPagesAreGivenBackWhole()
    {
        // Two rounds over four of 16 KiB each.
        Fault[] faults = [.. Writes(16), .. Writes(16).Select(fault => fault with { TimeNs = 1000 + fault.TimeNs })];

        var result = Replaying.Of(Replaying.Metadata(Replaying.Anonymous(1, Base, 16)), faults, Change(new ReplayChange { PageBytes = 16 << 10 }));

        Assert.Equal("anon_write minor 32/8", Replaying.Words(result));
    }

    [Fact]
    public void FaultAroundMapsWhatIsInThePageCache()
    {
        // One fault for each 64 KiB of 1 MiB, all in memory.
        var region = new Region { Id = 1, Pid = 10, Start = Base, End = Base + (256 * 4096), Prot = "r--p", Name = "/lib/a", Path = "/lib/a" };
        Fault[] faults = [.. Enumerable.Range(0, 16).Select(i => Write(i * 16) with { Access = FaultAccess.Read })];

        var result = Replaying.Of(Replaying.Metadata(region), faults, Change(new ReplayChange { FaultAroundBytes = 256 << 10 }));

        Assert.Equal("file_cache minor 16/4", Replaying.Words(result));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void FaultsAreSharedByAsManyThreads(int threads)
    {
        Fault[] faults = [.. Enumerable.Range(0, 8 * HugePages).Select(i => Write(i) with { TimeNs = i * 100, Tid = 10 + (i % 2) })];

        var result = Replaying.Of(Replaying.Metadata(Replaying.Anonymous(1, Base, 8 * HugePages)), faults, Change(new ReplayChange { Threads = threads }));

        Assert.Equal("anon_write minor 4096/4096", Replaying.Words(result));
        Assert.Equal(threads, result.Threads);
    }

    [Fact]
    public void MemoryOfANodeThatThereIsAndOfOneThatIsNot()
    {
        Assert.SkipUnless(Directory.Exists("/sys/devices/system/node/node0"), "a kernel without NUMA");
        var metadata = Replaying.Metadata(Replaying.Anonymous(1, Base, 64));

        Assert.Equal("anon_write minor 64/64", Replaying.Words(Replaying.Of(metadata, Writes(64), Change(new ReplayChange { NumaNode = 0 }))));
        var refused = Assert.Throws<FaultrecException>(() => Replaying.Of(metadata, Writes(64), Change(new ReplayChange { NumaNode = 31 })));
        Assert.StartsWith("--numa 31: this machine has no such node", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AThinPoolOfHugePagesIsRefused()
    {
        const int gibibytes = 1 << 18;
        var faults = Enumerable.Range(0, 64).Select(i => Write(0) with { Address = Base + ((ulong)i << 24), TimeNs = i }).ToArray();

        var refused = Assert.Throws<FaultrecException>(() => Replaying.Of(Replaying.Metadata(Replaying.Anonymous(1, Base, gibibytes)), faults,
            Change(new ReplayChange { IsHugetlb = true })));

        Assert.StartsWith("--hugetlb needs 128.0 MiB from the pool of huge pages", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatAChangeFillsCountsAgainstTheMemoryThereIs()
    {
        // One page of 16 TiB.
        var metadata = Replaying.Metadata(Replaying.Anonymous(1, 0x1000_0000_0000, 1L << 32));

        var refused = Assert.Throws<FaultrecException>(() => Replaying.Of(metadata, [Write(0) with { Address = 0x1000_0000_0000 }],
            Change(new ReplayChange { Populated = static _ => true })));

        Assert.StartsWith("the trace's faults fill 16.0 TiB at their peak", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void PairsSayWhatAChangeIsWorth()
    {
        using var file = new TemporaryTrace(Replaying.Metadata(Replaying.Anonymous(1, Base, 64)), Writes(64), groupSize: 1000);
        using var reader = TraceReader.Open(file.Path);
        var begun = new List<int>();

        var pairs = ReplayPairs.Run(reader, Change(new ReplayChange { Description = "--populate all", Populated = static _ => true }), 3, begun.Add,
            TestContext.Current.CancellationToken);

        Assert.Equal([1, 2, 3], begun);
        using var bytes = new MemoryStream();
        using (var writer = new Utf8JsonWriter(bytes))
            pairs.WriteJson(writer);
        var json = JsonNode.Parse(Encoding.UTF8.GetString(bytes.ToArray()))!;
        Assert.Equal(3, json["pairs"]!.GetValue<int>());
        var faults = json["figures"]!.AsArray().Single(row => row!["metric"]!.GetValue<string>() == "faults")!;
        Assert.Equal((64, 0, -64, "differs"),
            (faults["plain"]!.GetValue<long>(), faults["changed"]!.GetValue<long>(), faults["difference"]!.GetValue<long>(),
            faults["verdict"]!.GetValue<string>()));
        var text = new StringWriter();
        pairs.WriteText(text, default);
        Assert.Contains("replayed plain and with --populate all in turns, 3 times each", text.ToString().ReplaceLineEndings(" "), StringComparison.Ordinal);
    }

    private static ReplayOptions Change(ReplayChange change) => Replaying.AtOnce with { Change = change };

    private static Fault[] Writes(int pages) => [.. Enumerable.Range(0, pages).Select(Write)];
}
