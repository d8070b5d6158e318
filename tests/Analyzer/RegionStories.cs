using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Analyzer.Tests;

public class RegionStories
{
    [Fact]
    public void APageTouchedTwiceIsOneDistinctPageAndOneRefault()
    {
        var report = Story.Report(Story.Metadata(Story.TwoRegions), [new(0x10000), new(0x10fff), new(0x11000)]);

        // Three faults on two of four pages: density 3/4, coverage 2/4, one of them a repeat.
        var region = Assert.Single(report.Regions);
        Assert.Equal((4, 3, 2, 1), (region.Pages, region.Counts.Faults, region.DistinctPages, region.Refaults));
        Assert.Equal((0.75, 0.5, 192.0), (region.Density, region.Coverage, region.FaultsPerMib));
        Assert.Equal(2, report.Totals.DistinctPages);
    }

    [Fact]
    public void HeatFallsInto64EqualBucketsOfTheRange()
    {
        // 16 KiB / 64 = 256 bytes a bucket: the first and last byte of the region are the first and last bucket.
        var report = Story.Report(Story.Metadata(Story.TwoRegions), [new(0x10000), new(0x100ff), new(0x10100), new(0x13fff)]);

        var heat = Assert.Single(report.Regions).Heat;
        Assert.Equal((2, 1, 1, 4), (heat[0], heat[1], heat[63], heat.Sum()));
    }

    [Fact]
    public void AnAddressReusedByASecondMappingIsTwoRegionsButOnePageOfTheProcess()
    {
        Region[] regions =
        [
            new() { Id = 1, Pid = 10, Start = 0x10000, End = 0x12000, Prot = "rw-p", Name = "[anon]", DiedNs = 50 },
            new() { Id = 2, Pid = 10, Start = 0x10000, End = 0x11000, Prot = "rw-p", Name = "/tmp/f", Path = "/tmp/f", BornNs = 60 },
            new() { Id = 3, Pid = 11, Start = 0x10000, End = 0x11000, Prot = "rw-p", Name = "[anon]" },
        ];
        var report = Story.Report(Story.Metadata(regions), [new(0x10000, 1), new(0x11000, 1), new(0x10000, 2), new(0x10000, 3) { Pid = 11, Tid = 11 }]);

        Assert.Equal([(1, 2L), (2, 1L), (3, 1L)], report.Regions.Select(row => (row.Id, row.DistinctPages)));
        Assert.Equal(3, report.Totals.DistinctPages);
    }

    [Fact]
    public void FaultsOutsideEveryMappingAreOneRowWithoutARange()
    {
        // The same page of two processes is two pages; an id that the ledger does not have is no mapping either.
        var report = Story.Report(
            Story.Metadata(Story.TwoRegions),
            [new(0x8, 0, Signal: 11), new(0x8, 0, Signal: 11) { Pid = 11, Tid = 11 }, new(0x8, 77)]);

        var row = Assert.Single(report.Regions);
        Assert.Equal((0, 2, 1, 2), (row.Id, row.Counts.Failed, row.Counts.Minor, row.DistinctPages));
        Assert.Null(row.Density);
        Assert.Equal(0, row.Heat.Sum());
        Assert.Empty(report.Files);
        Assert.Equal(2, report.Totals.DistinctPages);
    }

    [Fact]
    public void MappingsOfOneFileAreOneRowOfFiles()
    {
        Region[] regions =
        [
            .. Story.TwoRegions,
            new() { Id = 3, Pid = 11, Start = 0x20000, End = 0x22000, Prot = "r--p", Name = "/lib/a.so", Path = "/lib/a.so" },
        ];
        var report = Story.Report(
            Story.Metadata(regions),
            [new(0x10000), new(0x20000, 2, Major: true, DurationNs: 9000), new(0x20000, 3) { Pid = 11, Tid = 11 }]);

        var file = Assert.Single(report.Files);
        Assert.Equal(("/lib/a.so", 2, 2, 1, 1), (file.Path, file.Regions, file.Processes, file.Counts.Major, file.Counts.Minor));
        Assert.Equal((1000, 9000, 10_000), (file.Latency.P50Ns, file.Latency.MaxNs, file.Latency.SumNs));
    }
}
