using System.Text.Json;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Analyzer.Tests;

/// <summary>Tables that look inside regions, as people and programs read them.</summary>
public class PlaceStories
{
    // From the middle of one 2 MiB range to the middle of the sixth, and a mapping so large that only ranges in use can be kept.
    private static readonly TraceMetadata Metadata = Story.Metadata(
        new Region { Id = 1, Pid = 10, Start = 0x4010_0000, End = 0x40b0_0000, Prot = "rw-p", Name = "[heap]" },
        new Region { Id = 2, Pid = 10, Start = 0x7000_0000_0000, End = 0x7800_0000_0000, Prot = "rw-p", Name = "[anon]" });

    [Fact]
    public void HotRangesAreTheFewestThatHoldMostFaults()
    {
        Fault[] faults =
        [
            .. Enumerable.Repeat(new Fault(0x4080_0000), 5),
            .. Enumerable.Repeat(new Fault(0x4010_0000), 4),
            new(0x4060_0000),
            new(0x7100_0000_0000, 2), new(0x7100_001f_f000, 2), new(0x7000_0000_0000, 2),
        ];
        var report = Story.Report(Metadata, faults);

        // 5 + 4 of 10 are 90 %: a range of 2 MiB and the half of one that lies in the region.
        Assert.Contains(
            """
            hot ranges
              id region     size faults 2 MiB ranges hot their faults their size of region
               1 [heap] 10.0 MiB     10            3   2            9    3.0 MiB      30 %
                0x40800000:5 0x40000000:4
               2 [anon]  8.0 TiB      3            2   2            3    4.0 MiB    <0.1 %
                0x710000000000:2 0x700000000000:1
            hot: the fewest aligned 2 MiB ranges with 90 % of the region's faults; below them, the start and the
            faults of the hottest
            """,
            TextReportTests.Text(report, "hot"),
            StringComparison.Ordinal);
        using var json = JsonDocument.Parse(FormatTests.Json(report));
        Assert.Equal(
            """{"id":1,"name":"[heap]","pid":10,"bytes":10485760,"faults":10,"touched_2m":3,"hot_2m":2,"hot_faults":9,"hot_bytes":3145728,"hot_share":0.3,"hottest":[{"start":"0x40800000","faults":5},{"start":"0x40000000","faults":4}]}""",
            json.RootElement.GetProperty("hot_ranges")[0].GetRawText());
    }

    [Fact]
    public void LocalityIsWhatEachThreadDoesAndWhoComesAgain()
    {
        // Thread 10 goes four pages up and two down; thread 11, between its steps, jumps by 16 pages, and ends on a page of the first.
        ulong[] up = [0, 1, 2, 3, 2, 1];
        ulong[] jumps = [100, 116, 132, 148, 164, 3];
        Fault[] faults = [.. up.Zip(jumps).SelectMany((pages, i) => new[]
        {
            new Fault(0x4010_0000 + (pages.First << 12)) { TimeNs = i * 10 },
            new Fault(0x4010_0000 + (pages.Second << 12)) { TimeNs = (i * 10) + 5, Tid = 11 },
        })];
        var report = Story.Report(Metadata, faults);

        // Ten steps: three up, two down, four by 16 and one back. Pages 2, 1 and 3 came again, after 3, 7 and 4 other faults; page 3 by another thread.
        Assert.Contains(
            """
            locality
              id region faults in order runs mean longest refault after shared pages by others
               1 [heap]     12     50 %    2 3.50       4             4            1         1
                strides +16:0.4 +1:0.3 -1:0.2
            """,
            TextReportTests.Text(report, "locality"),
            StringComparison.Ordinal);
        using var json = JsonDocument.Parse(FormatTests.Json(report));
        Assert.Equal(
            """{"id":1,"name":"[heap]","pid":10,"faults":12,"steps":10,"sequential_share":0.5,"runs":2,"runs_down":1,"mean_run":3.5,"longest_run":4,"refaults":3,"distance_p50":4,"distance_p90":7,"shared_pages":1,"foreign_refaults":1,"strides":[{"pages":16,"steps":4,"share":0.4},{"pages":1,"steps":3,"share":0.3},{"pages":-1,"steps":2,"share":0.2}]}""",
            json.RootElement.GetProperty("locality")[0].GetRawText());
    }

    /// <summary>By a verdict, by a column that locality does not read, and by one that it does.</summary>
    [Fact]
    public void LocalityIsThatOfTheFaultsThatAFilterLeaves()
    {
        ulong[] pages = [0, 1, 2, 3, 1, 2, 0, 9];
        Fault[] faults = [.. pages.Select((page, i) => new Fault(0x4010_0000 + (page << 12)) { TimeNs = i * 10, Tid = 10 + (i % 2), Major = page is 1 or 2 })];

        Assert.Equal((2, 2), Locality(new FaultFilter { Severities = [Severity.Major] }));
        Assert.Equal((2, 1), Locality(new FaultFilter { FromNs = 20, ToNs = 60 }));
        Assert.Equal((3, 1), Locality(new FaultFilter { Tids = [10] }));
        Assert.Equal((6, 3), Locality(FaultFilter.None));

        (long Steps, long Refaults) Locality(FaultFilter filter)
        {
            var row = Assert.Single(Story.Report(Metadata, faults, filter).Locality);
            return (row.Steps, row.Refaults);
        }
    }

    [Fact]
    public void ASampleSaysThatItCannotKnowLocality()
    {
        var sampled = Metadata with { Sampling = new Sampling(16, null, false) };
        var text = TextReportTests.Text(Story.Report(sampled, [new(0x4010_0000) { Weight = 16 }, new(0x4010_1000) { Weight = 16 }]), "locality");

        Assert.EndsWith("\n\nno locality: a sample lacks the faults in between, so order and repeats are not known\n", text,
            StringComparison.Ordinal);
    }

    [Fact]
    public void FrequentStridesSurviveAnyNumberOfOthers()
    {
        const int steps = 200_000;
        var counts = new StrideCounts();
        var random = new Random(5);
        long frequent = 0;
        for (var i = 0; i < steps; i++)
        {
            var isFrequent = random.Next(10) == 0;
            frequent += isFrequent ? 1 : 0;
            counts.Add(isFrequent ? 7 : random.NextInt64(1L << 40), 1);
        }

        var top = counts.Top(1)[0];

        Assert.Equal(7, top.Pages);
        Assert.InRange(top.Steps, frequent - (steps / (StrideCounts.Limit + 1)), frequent);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1000, 10)]
    [InlineData(1000, 600)]
    [InlineData(1000, 100_000)]
    [InlineData(0, 1_000_000_000)]
    public void APageMapKeepsEachPageApart(long firstPage, long pages)
    {
        var (map, expected, random) = (new PageMap<long>(firstPage, pages), new Dictionary<long, long>(), new Random(6));
        for (var i = 0; i < 20_000; i++)
        {
            // Also outside the range, as a region that grew has.
            var page = random.NextInt64(2000);
            map[page] += i;
            expected[page] = expected.GetValueOrDefault(page) + i;
        }

        Assert.All(expected, entry => Assert.Equal(entry.Value, map[entry.Key]));
        Assert.Equal(0, map[2001]);
    }

    [Fact]
    public void ARegionOfVeryManyThreadsKnowsWhoTouchedEachPageFirst()
    {
        const int threads = 40_000;
        var region = new RegionLocality(0, threads);
        var numbers = Enumerable.Range(0, threads).Select(_ => region.AddThread()).ToList();
        foreach (var round in (int[])[0, 1])
            numbers.ForEach(thread => region.Touch(thread - 1, thread, (uint)(round * threads + thread)));
        Assert.Equal((0, 0), (region.SharedPages, region.ForeignRefaults));

        foreach (var round in (int[])[0, 1])
            numbers.ForEach(thread => region.Touch(threads - thread, thread, (uint)((2 + round) * threads + thread)));

        Assert.Equal((threads, 2 * threads), (region.SharedPages, region.ForeignRefaults));
    }

    [Theory]
    [InlineData(6)]
    [InlineData(3000)]
    [InlineData(5_000_000_000)]
    public void TheThreadsOfAScanFindTheHighestFrameOfEachPage(long pages)
    {
        const int firstPage = 1000;
        var shared = new PfnArray(firstPage, pages);
        var maps = new PfnMap[3];
        Parallel.For(0, maps.Length, thread =>
        {
            maps[thread] = new PfnMap(shared);
            foreach (var (page, frame) in SeenBy(thread))
                maps[thread].Add(page, frame);
        });

        foreach (var map in maps[1..])
            maps[0].Merge(map);

        var expected = new SortedDictionary<long, long>();
        for (var thread = 0; thread < maps.Length; thread++)
        {
            foreach (var (page, frame) in SeenBy(thread))
            {
                if (page >= firstPage && page - firstPage < pages && frame < uint.MaxValue)
                    expected[page] = Math.Max(frame, expected.GetValueOrDefault(page));
            }
        }

        var found = new List<KeyValuePair<long, long>>();
        maps[0].ForEach(found, static (found, page, frame) => found.Add(new(page, frame)));
        Assert.Equal(expected, found);

        // The second sees so little that it never shares the array.
        static IEnumerable<(long Page, long Frame)> SeenBy(int thread)
        {
            var random = new Random(thread);
            for (var i = 0; i < (thread == 1 ? 5 : 20_000); i++)
                yield return (firstPage - 2 + random.NextInt64(2004), random.NextInt64(1L << 33));
        }
    }
}
