using Faultrec.Analyzer.Render;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Simulate;
using Faultrec.Traces;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Analyzer.Tests;

/// <summary>What a handful of faults would have been.</summary>
public sealed class SimulationStories
{
    private const ulong Base = 0x7f00_0020_0000;

    // 4 MiB and one page more, aligned to 2 MiB.
    private static readonly TraceMetadata App = Story.Metadata(
        new Region { Id = 1, Pid = 10, Start = Base, End = Base + 0x40_1000, Prot = "rw-p", Name = "[anon]" },
        new Region { Id = 2, Pid = 10, Start = 0x20000, End = 0x22000, Prot = "r--p", Name = "/lib/a.so", Path = "/lib/a.so" });

    [Fact]
    public void OneFaultMaps2MiBUntilTheyAreGivenBack()
    {
        // Three pages of the first 2 MiB, one of the second, the odd one behind; then the first again, so it was given back, and its neighbour.
        var simulation = Of(App, new(Page(0)), new(Page(1)), new(Page(511)), new(Page(600)), new(Page(1024)), new(Page(0)), new(Page(1)));

        Assert.Equal((4, 4, 2, 6),
            (Faults(simulation, Scenario.Thp), 4, Faults(simulation, Scenario.Populate), simulation.Total.Of(Scenario.Recorded).Faults - 1));
        Assert.Equal(5, Faults(simulation, Scenario.Keep));
        // Two huge pages, and since it was given back two pages of the first are used.
        Assert.Equal((1024 - 3) << 12, simulation.Total.Of(Scenario.Thp).ExtraBytes);
        Assert.Equal((1025 - 5) << 12, simulation.Regions[0].Of(Scenario.Populate).ExtraBytes);
        Assert.Null(simulation.Total.Of(Scenario.Keep).ExtraBytes);
        Assert.Equal(3 * simulation.HugeFaultNs + 1000, simulation.Total.Of(Scenario.Thp).TimeNs);
    }

    /// <summary>Of three pages two are given back; one of them is touched again, and another page: four would have been resident, and three were.</summary>
    [Fact]
    public void WhatIsKeptAddsToThePeak()
    {
        var metadata = App with
        {
            PageTable = new PageTableRecording(true, null, 4, "kallsyms", 77),
            Releases = ResidencyStories.Releases(new ResidencyStories.Gone(35, "madv_dontneed", Page(1), 2)),
        };
        var time = 0;
        Fault Write(int page) => new(Page(page)) { Access = FaultAccess.Write, Level = 0, Entry = 0, Pfn = 500 + page, Order = 0, TimeNs = time += 10 };

        var simulation = Of(metadata, Write(0), Write(1), Write(2), Write(1), Write(3));

        Assert.Equal(1 << 12, simulation.Total.Of(Scenario.Keep).ExtraBytes);
        Assert.Equal(4, Faults(simulation, Scenario.Keep));
    }

    [Fact]
    public void ReadsShareAHugeZeroPageAndTheFirstWriteTakesTheHugePage()
    {
        var metadata = App with { PageTable = new PageTableRecording(true, null, 4, "kallsyms", 77) };
        Fault Read(int page) => new(Page(page)) { Access = FaultAccess.Read, Level = 0, Entry = 0, Pfn = 77, Order = 0 };
        Fault Write(int page) => new(Page(page)) { Access = FaultAccess.Write, Level = 0, Entry = 0x25 | (77 << 12), Pfn = 500 + page, Order = 0 };

        var simulation = Of(metadata, Read(0), Read(1), Write(0), Write(1));

        Assert.Equal((4, 2), (Faults(simulation, Scenario.Recorded), Faults(simulation, Scenario.Thp)));
    }

    [Fact]
    public void WhatNoChangeReachesStays()
    {
        var simulation = Of(App, new(0x99000, 0), new(Page(3), Signal: 11), new(0x20000, 2, Major: true));

        Assert.Equal((3, 3), (Faults(simulation, Scenario.Recorded), Faults(simulation, Scenario.Thp)));
        Assert.Equal((2, 2), (Faults(simulation, Scenario.Populate), (int)simulation.Unmapped));
    }

    [Fact]
    public void AdviceBeginsWithWhatSavesMost()
    {
        using var file = new TemporaryTrace(App, [.. Enumerable.Range(0, 512).Select(page => new Fault(Page(page), DurationNs: 10_000))], 100);
        using var reader = TraceReader.Open(file.Path);
        using var text = new StringWriter();
        var simulation = Simulation.Run(reader, FaultFilter.None) with { Path = "t.parquet" };
        SimulationReport.WriteText(text, simulation, Advice.Of(simulation), 0, default);

        Assert.Equal(
            """
            thp for [anon] would save 511 of 512 faults and about 4.91 ms in the fault handler, for 0 B more
            memory: madvise(MADV_HUGEPAGE) after mmap, on a start aligned to 2 MiB.
            a huge page's fault is taken as 210 µs, an assumption: the recording has none
            without page-table facts every fault is taken for one that found nothing mapped

            advice
              id region what     faults saved time saved extra memory
               1 [anon] thp               511    4.91 ms          0 B
               1 [anon] populate          512          -      2.0 MiB
            thp: madvise(MADV_HUGEPAGE) after mmap, on a start aligned to 2 MiB
            populate: MAP_POPULATE, or madvise(MADV_POPULATE_WRITE) before it is used; another thread can do it

            """,
            text.ToString());
    }

    [Fact]
    public void ASampleIsRefused()
    {
        var refusal = Assert.Throws<FaultrecException>(() => Of(App with { Sampling = new Sampling(10, null, false) }, new Fault(Page(0))));

        Assert.Equal(ExitCode.BadInput, refusal.ExitCode);
    }

    private static ulong Page(int page) => Base + ((ulong)page << 12);

    private static int Faults(Simulation simulation, Scenario scenario) => (int)simulation.Total.Of(scenario).Faults;

    private static Simulation Of(TraceMetadata metadata, params Fault[] faults)
    {
        using var file = new TemporaryTrace(metadata, faults, 2);
        using var reader = TraceReader.Open(file.Path);
        return Simulation.Run(reader, FaultFilter.None);
    }
}

/// <summary>Sums of a random trace once more in SQL.</summary>
public sealed class SimulationOracleTests() : DuckDbTest(WithoutFacts, RandomTrace.Faults(WithoutFacts, 8_000, seed: 6))
{
    // Without page-table facts every kind is unknown, so that only the pages decide.
    private static readonly TraceMetadata WithoutFacts = RandomTrace.Metadata() with { PageTable = null };

    [Fact]
    public void FirstTouchesAndRepeatsAreThoseOfTheRows()
    {
        using var reader = TraceReader.Open(TracePath);
        var simulation = Simulation.Run(reader, FaultFilter.None);

        Same(
            """
            WITH placed AS (SELECT *, severity <> 'failed' AND region_id > 0 AS has_place, access IS NOT DISTINCT FROM 'write' AS is_write, row_number() OVER () AS row FROM faults),
            numbered AS (SELECT *, row_number() OVER (PARTITION BY has_place, region_id, page ORDER BY time_ns, row) AS nth,
                row_number() OVER (PARTITION BY has_place, region_id, page, is_write ORDER BY time_ns, row) AS nth_of_access FROM placed)
            SELECT count(*), count(*) FILTER (NOT has_place), count(*) FILTER (NOT (has_place AND (nth = 1 OR (is_write AND nth_of_access = 1 AND NOT grew)))),
                count(DISTINCT (region_id, page)) FILTER (has_place) + count(*) FILTER (NOT has_place) FROM numbered
            """,
            [[simulation.Total.Of(Scenario.Recorded).Faults, simulation.Unmapped, simulation.Total.Of(Scenario.Populate).Faults,
                simulation.Total.Of(Scenario.Keep).Faults]]);
    }
}
