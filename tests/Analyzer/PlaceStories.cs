using System.Text.Json;
using Faultrec.Traces;
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
    public void Hot_ranges_are_the_fewest_that_hold_most_faults()
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
            hot: the fewest aligned 2 MiB ranges with 90 % of the region's faults; below, the start of the
            hottest and its faults
            """,
            TextReportTests.Text(report, ReportTableKind.Hot),
            StringComparison.Ordinal);
        using var json = JsonDocument.Parse(FormatTests.Json(report));
        Assert.Equal(
            """{"id":1,"name":"[heap]","pid":10,"bytes":10485760,"faults":10,"touched_2m":3,"hot_2m":2,"hot_faults":9,"hot_bytes":3145728,"hot_share":0.3,"hottest":[{"start":"0x40800000","faults":5},{"start":"0x40000000","faults":4}]}""",
            json.RootElement.GetProperty("hot_ranges")[0].GetRawText());
    }
}
