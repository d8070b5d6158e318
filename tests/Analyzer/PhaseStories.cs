using System.Text.Json;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Tables;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Analyzer.Tests;

/// <summary>What happened from one mark to the next.</summary>
public sealed class PhaseStories
{
    private const long Ms = 1_000_000;

    private static readonly TraceMetadata Metadata = Story.Metadata(Story.TwoRegions) with
    {
        DurationNs = 1000 * Ms,
        Marks = [ByHand(100, "warm-up"), new Mark(150 * Ms, "listen", MarkSource.Listen, 10), ByHand(500, "steady"), ByHand(500, "steady")],
    };

    private static readonly Fault[] Faults =
    [
        new(0x10000) { TimeNs = 20 * Ms },
        new(0x10000) { TimeNs = 100 * Ms },
        new(0x11000) { TimeNs = 499_999_999 },
        new(0x20000, 2, 30_000, Major: true) { TimeNs = 500 * Ms },
        new(0x12000) { TimeNs = 999 * Ms },
    ];

    [Fact]
    public void AFaultBelongsToThePhaseInWhichItBegins()
    {
        // The second mark of one name at one moment leaves the first a phase without time.
        var text = TextReportTests.Text(Story.Report(Metadata, Faults), "phase");

        Assert.Contains(
            """
            phases
              phase      from     to faults major    time new pages resident
              start      0 ns 100 ms      1     0 1.00 µs         1  4.0 KiB
              warm-up  100 ms 500 ms      2     0 2.00 µs         1  8.0 KiB
              steady   500 ms 500 ms      0     0    0 ns         0  8.0 KiB
              steady 2 500 ms 1.00 s      2     1 31.0 µs         2 16.0 KiB
            """,
            text,
            StringComparison.Ordinal);
    }

    [Fact]
    public void AWindowCutsPhases()
    {
        var report = Story.Report(Metadata, Faults, new FaultFilter { FromNs = 100 * Ms, ToNs = 400 * Ms });

        var row = Assert.Single(report.Rows(PhaseTable.Definition));
        Assert.Equal(("warm-up", 100 * Ms, 400 * Ms), (row.Phase.Name, row.FromNs, row.ToNs));
        // New in the window is what the window's faults touch first; resident is what was there, whoever faulted when.
        Assert.Equal((1, 1, 1), (row.Counts.Faults, row.NewPages, row.ResidentPages));
        Assert.Null(Story.Report(Metadata, Faults, new FaultFilter { Tids = [10] }).Rows(PhaseTable.Definition)[0].ResidentPages);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(100)]
    public void RowsAddUpToAllFaultsWhateverTheRowGroups(int groupSize)
    {
        var metadata = RandomTrace.Metadata() with
        {
            Marks = [.. Enumerable.Range(0, 37).Select(i => new Mark(i * i * 1000, $"m{i % 5}", MarkSource.Mark, null))],
        };
        var faults = RandomTrace.Faults(metadata, 500, seed: 5);

        var report = Story.Report(metadata, faults, groupSize: groupSize);

        var rows = report.Rows(PhaseTable.Definition);
        Assert.Equal(38, rows.Count);
        Assert.Equal(report.Totals.Counts.Faults, rows.Sum(row => row.Counts.Faults));
        Assert.Equal(report.Timeline[^1].TouchedPages, rows.Sum(row => row.NewPages));
        Assert.Equal(report.Timeline[^1].ResidentPages, rows[^1].ResidentPages);
        foreach (var row in rows.Where(row => row.Phase.Mark is not null))
        {
            var until = row.Phase.ToNs ?? long.MaxValue;
            Assert.Equal(faults.Count(fault => fault.TimeNs >= row.Phase.FromNs && fault.TimeNs < until), row.Counts.Faults);
        }
    }

    [Fact]
    public void NamesAreDifferentWhateverMarksAreCalled()
    {
        string[] names = ["a", "a 2", "a", "a 2", "start", "a"];

        var phases = Phases.Of(Metadata with { Marks = [.. names.Select((name, i) => ByHand(i, name))] });

        Assert.Equal(["start", "a", "a 2", "a 3", "a 2 2", "start 2", "a 4"], phases.All.Select(phase => phase.Name));
    }

    /// <summary>What the kernel tells does not divide what the user has divided, and has a name nevertheless.</summary>
    [Fact]
    public void MarksOfTheRecorderDivideOnlyWhereNobodyElseDid()
    {
        var phases = Phases.Of(Metadata);
        Assert.Equal(["start", "warm-up", "steady", "steady 2"], phases.All.Select(phase => phase.Name));
        Assert.Equal(["warm-up", "listen", "steady", "steady 2"], phases.Marks.Select(mark => mark.Name));

        var unmarked = Phases.Of(Metadata with { Marks = [.. Metadata.Marks.Where(mark => !mark.IsByHand)] });
        Assert.Equal(["start", "listen"], unmarked.All.Select(phase => phase.Name));
    }

    [Fact]
    public void WithoutMarksThereIsNoPhase()
    {
        var report = Story.Report(Metadata with { Marks = [] }, Faults);

        Assert.Empty(report.Rows(PhaseTable.Definition));
        Assert.Contains("no phases: no mark was set (faultrec help mark)", TextReportTests.Text(report, "phase"), StringComparison.Ordinal);
        using var json = JsonDocument.Parse(FormatTests.Json(report));
        Assert.Equal(0, json.RootElement.GetProperty("phases").GetArrayLength());
    }

    /// <summary>Steps of new pages, each a hundredth of the time; what follows is 0.</summary>
    [Theory]
    [InlineData(10, "100*10")]
    [InlineData(10, "0*5 200*5 1*90")]
    [InlineData(50, "20*50")]
    [InlineData(10, "100*10 0*10 24*1")]
    [InlineData(null, "20*51")] // more than half of the time
    [InlineData(null, "0*10 100*10")] // it waited first
    [InlineData(null, "100*10 0*10 26*1")] // a later step with more than a quarter of the average one
    [InlineData(null, "99*10")] // 990 pages are nothing
    [InlineData(null, "20*100")]
    [InlineData(null, "1*40 100*10 1*50")] // something else came first
    [InlineData(null, "79*10 21*1 2*89")]
    public void StartUpEndsWhereTheCurveProvesIt(int? step, string newPages)
    {
        var pages = newPages.Split(' ').Select(part => part.Split('*')).SelectMany(part => Enumerable.Repeat(long.Parse(part[0]), int.Parse(part[1]))).ToList();
        pages.AddRange(Enumerable.Repeat(0L, 100 - pages.Count));

        Assert.Equal(step * Ms, StartUp.Of(pages, new TimeAxis(0, 100 * Ms, Ms))?.EndNs);
    }

    [Fact]
    public void TheEndOfStartUpStandsBelowTheTable()
    {
        var metadata = Story.Metadata(Story.TwoRegions[0] with { End = 0x10000 + (1200 << 12) }) with { DurationNs = 1000 * Ms };
        var faults = Enumerable.Range(0, 1200).Select(i => new Fault(0x10000UL + ((ulong)i << 12)) { TimeNs = i * 100_000 }).ToArray();

        var text = TextReportTests.Text(Story.Report(metadata, faults, groupSize: 500), "phase");

        Assert.Contains("start-up ended at 120 ms: 100 % of the new pages came in the first 12 % of the time (--from 120ms leaves it out)",
            text.Replace('\n', ' '), StringComparison.Ordinal);
    }

    private static Mark ByHand(long ms, string name) => new(ms * Ms, name, MarkSource.Mark, null);
}
