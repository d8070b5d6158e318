using System.Text.Json;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Analyzer.Tests;

/// <summary>Tables of time, as people and programs read them.</summary>
public class TimeStories
{
    private static readonly TraceMetadata Metadata = Story.Metadata(
        Story.TwoRegions[0] with { BornNs = 50_000_000 },
        Story.TwoRegions[1] with { DiedNs = 900_000_000 }) with
    {
        DurationNs = 1_050_000_000,
    };

    private static readonly Fault[] Faults =
    [
        new(0x10000) { TimeNs = 60_000_000 },
        new(0x11000) { TimeNs = 99_999_999 },
        new(0x20000, 2, 30_000_000, Major: true) { TimeNs = 100_000_000 },
        new(0x10800) { TimeNs = 500_000_000 },
        new(0x12000) { TimeNs = 1_020_000_000 },
        new(0x8, 0, Signal: 11) { TimeNs = 1_030_000_000 },
    ];

    [Fact]
    public void ATimeLineHasEveryBucketAndWhosePagesWereNew()
    {
        // 1.05 s in at most 60 buckets of a round width: 20 ms. The file's region dies at 0.9 s, so one page of four is left out from there on.
        var report = Story.Report(Metadata, Faults);

        Assert.Equal((53, 20_000_000, 10_000_000), (report.Timeline.Count, report.Timeline[0].LengthNs, report.Timeline[^1].LengthNs));
        Assert.Equal((1, 1, 1), (report.Timeline[3].Counts.Faults, report.Timeline[3].NewPages, report.Timeline[3].TouchedPages));
        Assert.Equal((1, 1, 3, 3),
            (report.Timeline[5].Counts.Major, report.Timeline[5].NewPages, report.Timeline[5].TouchedPages, report.Timeline[5].ResidentPages));
        Assert.Equal((50, 50), (report.Timeline[5].MajorPerSecond, report.Timeline[5].FaultsPerSecond));
        Assert.Equal((1, 0, 3), (report.Timeline[25].Counts.Faults, report.Timeline[25].NewPages, report.Timeline[25].ResidentPages));
        Assert.Equal((3, 3, 2), (report.Timeline[44].ResidentPages, report.Timeline[45].TouchedPages, report.Timeline[45].ResidentPages));
        // A fault that failed made nothing resident.
        Assert.Equal((5, 3), (report.Timeline[^1].TouchedPages, report.Timeline[^1].ResidentPages));

        var text = TextReportTests.Text(report, "time");

        Assert.Contains(
            """
            time line
                   at faults major faults/s major/s new pages new/s touched resident    time
                 0 ns      0     0        0       0         0     0       0      0 B    0 ns
            """,
            text,
            StringComparison.Ordinal);
        Assert.Contains("\n   100 ms      1     1       50      50         1    50       3 12.0 KiB 30.0 ms\n", text, StringComparison.Ordinal);
        Assert.EndsWith(
            """

            first touches
              id region       pid    born   died pages touched
               1 [anon]        10 50.0 ms      -     4       3
                   ██                                              █
               0 [no mapping]   -       -      -     -       1
                                                                   █
               2 /lib/a.so     10       - 900 ms     2       1
                     █
            20.0 ms per character, from 0 ns on

            """,
            text,
            StringComparison.Ordinal);
    }

    [Fact]
    public void AWindowIsTheWholeTimeLine()
    {
        var report = Story.Report(Metadata, Faults, new FaultFilter { FromNs = 90_000_000, ToNs = 510_000_000 });

        Assert.Equal((42, 90_000_000, 10_000_000), (report.Timeline.Count, report.Timeline[0].FromNs, report.Timeline[^1].LengthNs));
        // Its first touch was before the window; what is new is new in it.
        Assert.Equal((3, 1), (report.Timeline[^1].TouchedPages, report.Timeline[^1].NewPages));
        Assert.Equal((1, 90_000_000L),
            (Story.Report(Metadata, Faults, new FaultFilter { FromNs = 90_000_000, ToNs = 90_000_001 }).Timeline.Count, report.TimeAxis!.FromNs));
    }

    [Theory]
    [InlineData(1, 60, 1, 1)]
    [InlineData(60, 60, 1, 60)]
    [InlineData(61, 60, 2, 31)]
    [InlineData(1_500_000_000, 60, 50_000_000, 30)]
    [InlineData(3_000_000_001, 60, 100_000_000, 31)]
    [InlineData(long.MaxValue / 4, 60, 50_000_000_000_000_000, 47)]
    public void WidthsAreRound(long length, int most, long width, int buckets)
    {
        var axis = new TimeAxis(0, length, length).Round(most);

        Assert.Equal((width, buckets), (axis.BucketNs, axis.Count));
        Assert.Equal(length, Enumerable.Range(0, axis.Count).Sum(axis.LengthNs));
        Assert.Equal((0, axis.Count - 1), (axis.BucketOf(long.MinValue), axis.BucketOf(long.MaxValue)));
    }

    [Fact]
    public void AFileWithImpossibleTimesStillHasATimeLine()
    {
        Fault[] faults = [new(0x10000) { TimeNs = long.MinValue }, new(0x11000) { TimeNs = long.MaxValue }, new(0x12000) { TimeNs = -5 }];

        // The longest duration that a reader accepts; times of rows it does not check.
        var report = Story.Report(Metadata with { DurationNs = 1L << 61 }, faults);

        Assert.Equal((3, 3), (report.Timeline.Sum(row => row.Counts.Faults), report.Timeline[^1].TouchedPages));
        Assert.NotEmpty(TextReportTests.Text(report));
        var refused = Assert.Throws<FaultrecException>(() => Story.Report(Metadata with { DurationNs = (1L << 61) + 1 }, faults));
        Assert.Equal(ExitCode.BadInput, refused.ExitCode);
        Assert.DoesNotContain('\n', refused.Message);
    }

    [Fact]
    public void TheFirstScreenHasFaultsOverTimeInALine()
    {
        Assert.Contains(
            "\nover time    ▄  █                       ▄                               █ (16.4 ms each)\n",
            TextReportTests.Text(Story.Report(Metadata, Faults)),
            StringComparison.Ordinal);
        Assert.DoesNotContain("over time", TextReportTests.Text(Story.Report(Metadata, [Faults[0], Faults[0]])), StringComparison.Ordinal);
    }

    [Fact]
    public void JsonHasTheTimeLineAndArraysOfIntegers()
    {
        using var json = JsonDocument.Parse(FormatTests.Json(Story.Report(Metadata, Faults)));
        var timeline = json.RootElement.GetProperty("timeline");

        FormatTests.AssertKeys("from_ns to_ns bucket_ns buckets first_touches", timeline);
        FormatTests.AssertKeys(
            "from_ns length_ns faults minor major failed faults_per_s major_per_s new_pages new_pages_per_s touched_pages "
            + "resident_pages resident_bytes latency_sum_ns",
            timeline.GetProperty("buckets")[0]);
        FormatTests.AssertKeys("id name pid born_ns died_ns pages touched_pages first_touches", timeline.GetProperty("first_touches")[0]);
        Assert.Equal(3, timeline.GetProperty("first_touches")[0].GetProperty("first_touches").EnumerateArray().Sum(pages => pages.GetInt32()));
    }

    [Fact]
    public void AHeatMapIsAGridOfTimeAndAddress()
    {
        Fault[] faults =
        [
            .. Enumerable.Range(0, 16).Select(i => new Fault(0x10000 + ((ulong)i * 0x400)) { TimeNs = i * 10 }),
            .. Enumerable.Range(0, 8).Select(_ => new Fault(0x13fff) { TimeNs = 159 }),
            new(0x14000) { TimeNs = 159 },
            new(0x20000, 2) { TimeNs = 70 },
        ];
        var report = Story.Report(Metadata with { DurationNs = 160 }, faults);

        // A step in time is a step in address; the fullest cell of a region makes its scale, and what lies outside its range is in no cell.
        Assert.Contains(
            """
            heat maps
                  at faults 64 address buckets
              1 [anon] 0x10000-0x14000 of pid 10; █ = 8
                0 ns      1 ▁
               10 ns      1     ▁
               20 ns      1         ▁
               30 ns      1             ▁
               40 ns      1                 ▁
               50 ns      1                     ▁
               60 ns      1                         ▁
               70 ns      1                             ▁
               80 ns      1                                 ▁
               90 ns      1                                     ▁
              100 ns      1                                         ▁
              110 ns      1                                             ▁
              120 ns      1                                                 ▁
              130 ns      1                                                     ▁
              140 ns      1                                                         ▁
              150 ns      9                                                             ▁  █
              … 16 more rows; --top 0 shows all
            10 ns per row, 1/64 of the region's address range per character, lowest first
            """,
            TextReportTests.Text(report, "heat", top: 1),
            StringComparison.Ordinal);
        using var json = JsonDocument.Parse(FormatTests.Json(report));
        var maps = json.RootElement.GetProperty("heat_maps");
        FormatTests.AssertKeys("id name pid start end faults fullest rows", maps.GetProperty("regions")[0]);
        Assert.Equal((16, 64, 8),
            (maps.GetProperty("regions")[0].GetProperty("rows").GetArrayLength(), maps.GetProperty("regions")[0].GetProperty("rows")[15].GetArrayLength(),
            maps.GetProperty("regions")[0].GetProperty("rows")[15][63].GetInt32()));
        Assert.Equal(32, FormatTests.Csv(report, "heat").Split("\r\n").Length - 2);
    }

    [Fact]
    public void AStormSaysWhenHowMuchAndWho()
    {
        // One fault each 10 ms; 200 a window from 0.3 s to 0.32 s, nearly all of one program; one slow fault at 0.7 s.
        Fault[] faults =
        [
            .. Enumerable.Range(0, 30).Select(i => new Fault(0x10000) { TimeNs = i * 10_000_000L }),
            .. Enumerable.Range(0, 400)
                .Select(i => new Fault(0x20000, i < 380 ? 2 : 1) { TimeNs = 300_000_000 + (i * 50_000L), Pid = 20, Tid = 21, Comm = "burst" }),
            .. Enumerable.Range(32, 38).Select(i => new Fault(0x10000) { TimeNs = i * 10_000_000L }),
            new Fault(0x10000, DurationNs: 2_000_000, Major: true) { TimeNs = 705_000_000 },
        ];
        var report = Story.Report(Metadata, faults, groupSize: 100);

        Assert.EndsWith(
            """

            storms
                  at     for faults major peak/s    time most by share in        share kind    share
              300 ms 20.0 ms    400     0 20,000  400 µs burst   100 % /lib/a.so  95 % unknown 100 %
              700 ms 10.0 ms      1     1    100 2.00 ms app     100 % [anon]    100 % unknown 100 %
            a storm is made of windows of 10.0 ms with at least 8 times the faults of the median window that has
            any, and at least 10,000 a second; or with 8 times its time in faults, and at least 10 % of the
            window

            """,
            TextReportTests.Text(report, "storm"),
            StringComparison.Ordinal);
        Assert.Equal(["faults", "time"], report.Storms.Select(storm => storm.Why));
        // The window of the filter is what is usual: here nothing else is.
        Assert.Empty(Story.Report(Metadata, faults, new FaultFilter { FromNs = 300_000_000, ToNs = 320_000_000 }).Storms);
        Assert.Single(Story.Report(Metadata, faults, new FaultFilter { Pids = [10] }).Storms);
        using var json = JsonDocument.Parse(FormatTests.Json(report));
        Assert.Equal(10_000_000, json.RootElement.GetProperty("storm_window_ns").GetInt64());
        Assert.Equal(
            """{"from_ns":300000000,"length_ns":20000000,"burst":"faults","faults":400,"minor":400,"major":0,"failed":0,"peak_per_s":20000,"latency_sum_ns":400000,"pid":20,"comm":"burst","comm_share":1,"region_id":2,"region":"/lib/a.so","region_share":0.95,"kind":"unknown","kind_share":1}""",
            json.RootElement.GetProperty("storms")[0].GetRawText());
    }

    [Fact]
    public void ASteadyProgramHasNoStormAndTheReportSaysWhatOneWouldBe()
    {
        Fault[] faults = [.. Enumerable.Range(0, 5000).Select(i => new Fault(0x10000) { TimeNs = i * 200_000L })];

        var text = TextReportTests.Text(Story.Report(Metadata, faults, groupSize: 1000), "storm");

        Assert.Contains("\n\nno storm: a storm is made of windows of 10.0 ms with", text, StringComparison.Ordinal);
    }

    [Fact]
    public void ALongRecordingHasLongerWindows()
    {
        var day = new TimeAxis(0, 86_400_000_000_000, 86_400_000_000_000);

        Assert.Equal((10_000_000L << 8, 33_750), (StormAggregate.Windows(day).BucketNs, StormAggregate.Windows(day).Count));
        Assert.InRange(StormAggregate.Windows(new TimeAxis(0, long.MaxValue / 4, 1)).Count, 1, 65_536);
    }
}
