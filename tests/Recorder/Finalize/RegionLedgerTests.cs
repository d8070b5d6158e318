using Faultrec.Traces.Ledger;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Recorder.Tests.Finalize;

public sealed class RegionLedgerTests
{
    private const ulong Page = 4096;

    [Fact]
    public void IdsAreGivenByFirstFault()
    {
        var ledger = new RegionLedger();
        var regions = Regions(ledger, "a", "b", "c");
        Assert.Equal(1, ledger.IdOf(regions[2]));
        Assert.Equal(2, ledger.IdOf(regions[0]));
        Assert.Equal(1, ledger.IdOf(regions[2]));
        Assert.Equal([(1, "c"), (2, "a"), (3, "b")], Build(ledger).Select(region => (region.Id, region.Name)));
        Assert.Equal((0, 0), (ledger.Folded, ledger.Omitted));
    }

    [Fact]
    public void BeyondTheLimitMappingsOfOneNameShareAnEntry()
    {
        var ledger = new RegionLedger(maxWithFaults: 2);
        var regions = Regions(ledger, "a", "b", "a", "c", "a");
        Assert.Equal([1, 2, 1, 3, 1], regions.Select(ledger.IdOf)); // c is the first of its name: the limit gives way
        var built = Build(ledger);
        Assert.Equal([("a", 3), ("b", 1), ("c", 1)], built.Select(region => (region.Name, region.Lives)));
        Assert.Equal(2, ledger.Folded);
        Assert.Equal((0UL, 5 * Page), (built[0].Start, built[0].End)); // covers all three
        Assert.Equal(regions.Count, built.Sum(region => region.Lives));
    }

    [Fact]
    public void OtherProcessesKeepTheirOwnEntries()
    {
        var ledger = new RegionLedger(maxWithFaults: 1);
        Assert.Equal(1, ledger.IdOf(Region(ledger, "a", 0)));
        Assert.Equal(2, ledger.IdOf(Region(ledger, "a", 1, pid: 8)));
        Assert.Equal(0, ledger.Folded);
    }

    /// <summary>A shared entry lives as long as any of its mappings, and covers what they grow to later.</summary>
    [Fact]
    public void SharedEntryDiesWithTheLastOfItsMappings()
    {
        var ledger = new RegionLedger(maxWithFaults: 1);
        var space = new AddressSpace(1, PageGeometry.X64, ledger.Add);
        space.Map(10 * Page, 20 * Page, 0, Anon("a"), 0, 1);
        space.Map(50 * Page, 60 * Page, 0, Anon("a"), 0, 2);
        space.Map(30 * Page, 40 * Page, 0, Anon("a"), 0, 3);
        int IdAt(ulong page) => ledger.IdOf(space.Lookup(page * Page)!.Value.Region);
        Assert.Equal([1, 1, 1], new[] { IdAt(10), IdAt(50), IdAt(30) });

        space.Unmap(10 * Page, 20 * Page, 4);
        Assert.Null(Build(ledger)[0].DiedNs);
        space.Map(50 * Page, 90 * Page, 0, Anon("a"), 0, 5);
        Assert.Equal(90 * Page, Build(ledger)[0].End);
        space.Unmap(30 * Page, 40 * Page, 6);
        Assert.Null(Build(ledger)[0].DiedNs);
        space.Unmap(50 * Page, 90 * Page, 7);
        Assert.Equal(7, Build(ledger)[0].DiedNs);
        Assert.Equal(3, Build(ledger)[0].Lives);
    }

    /// <summary>A fault that is looked up right after its mapping went.</summary>
    [Fact]
    public void DeadMappingCanBeFolded()
    {
        var ledger = new RegionLedger(maxWithFaults: 1);
        var space = new AddressSpace(1, PageGeometry.X64, ledger.Add);
        space.Map(0, Page, 0, Anon("a"), 0, 1);
        var first = space.Lookup(0)!.Value.Region;
        ledger.IdOf(first);
        space.Map(Page, 2 * Page, 0, Anon("a"), 0, 2);
        var second = space.Lookup(Page)!.Value.Region;
        space.Unmap(0, Page, 3);
        space.Unmap(Page, 2 * Page, 4);
        Assert.Equal(1, ledger.IdOf(second));
        Assert.Equal(4, first.DiedNs);
    }

    [Fact]
    public void WideningDownwardsMovesTheFileOffset()
    {
        var ledger = new RegionLedger(maxWithFaults: 1);
        var space = new AddressSpace(1, PageGeometry.X64, ledger.Add);
        var file = new MappingIdentity("r--p", "/a", "/a", 1, "08:01");
        space.Map(50 * Page, 60 * Page, 9 * Page, file, 0, 1);
        ledger.IdOf(space.Lookup(50 * Page)!.Value.Region);
        space.Map(10 * Page, 20 * Page, 2 * Page, file, 0, 2);
        ledger.IdOf(space.Lookup(10 * Page)!.Value.Region);
        Assert.Equal((10 * Page, 2 * Page), (Build(ledger)[0].Start, Build(ledger)[0].FileOffset));
    }

    /// <summary>A program that maps and unmaps without end: the oldest untouched entries go, and are counted.</summary>
    [Fact]
    public void UntouchedMappingsAreBoundedAndCounted()
    {
        const int limit = 100;
        const int mapped = 20_000;
        var ledger = new RegionLedger(maxWithoutFaults: limit);
        var space = new AddressSpace(1, PageGeometry.X64, ledger.Add);
        space.Map(0, Page, 0, Anon("stays"), 0, 0);
        for (var i = 1; i < mapped; i++)
        {
            space.Map(10 * Page, 11 * Page, 0, Anon("goes"), 0, i);
            if (i % 1000 == 0)
                ledger.IdOf(space.Lookup(10 * Page)!.Value.Region);
            space.Unmap(10 * Page, 11 * Page, i);
        }

        var built = Build(ledger);
        Assert.Equal(19 + limit, built.Count);
        Assert.Equal(mapped, built.Count + ledger.Omitted);
        Assert.Contains(built, region => region.Name == "stays");
        Assert.Equal(Enumerable.Range(1, built.Count), built.Select(region => region.Id));
    }

    [Fact]
    public void LiveUntouchedMappingsBeyondTheLimitAreCountedToo()
    {
        var ledger = new RegionLedger(maxWithoutFaults: 3);
        Regions(ledger, [.. Enumerable.Repeat("a", 50)]);
        Assert.Equal(3, Build(ledger).Count);
        Assert.Equal(47, ledger.Omitted);
    }

    [Fact]
    public void TimesAreThoseOfTheTraceAndNullBeforeIt()
    {
        var ledger = new RegionLedger();
        var space = new AddressSpace(1, PageGeometry.X64, ledger.Add);
        space.Map(0, Page, 0, Anon("old"), 0, null);
        space.Map(Page, 2 * Page, 0, Anon("new"), 0, 1000);
        space.Unmap(Page, 2 * Page, 1500);
        Assert.Equal([(null, null), (100L, 600L)], ledger.Build(ns => ns - 900).Select(region => (region.BornNs, region.DiedNs)));
    }

    private static MappingIdentity Anon(string name) => new("rw-p", name, null, 0, null);

    private static IReadOnlyList<Region> Build(RegionLedger ledger) => ledger.Build(ns => ns);

    private static List<RegionEntry> Regions(RegionLedger ledger, params string[] names)
        => [.. names.Select((name, i) => Region(ledger, name, i))];

    private static RegionEntry Region(RegionLedger ledger, string name, int page, int pid = 7)
    {
        var region = new RegionEntry
        {
            Pid = pid,
            Identity = Anon(name),
            Start = (ulong)page * Page,
            End = ((ulong)page + 1) * Page,
            FileOffset = 0,
            BornNs = page,
            LivePieces = 1,
        };
        ledger.Add(region);
        return region;
    }
}
