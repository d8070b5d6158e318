using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Compare;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Render;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Simulate;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Analyzer.Tests;

/// <summary>Traces beside each other, told with a handful of faults.</summary>
public sealed class SideBySideStories
{
    private static readonly TraceMetadata App = Story.Metadata(Story.TwoRegions);

    [Fact]
    public void AColumnEachAndTheSameRegionOnOneLine()
    {
        // The second run has other addresses, ids and pid; the third no file.
        var elsewhere = Story.Metadata(
            new Region { Id = 1, Pid = 77, Start = 0x90000, End = 0x92000, Prot = "r--p", Name = "/lib/a.so", Path = "/lib/a.so" },
            new Region { Id = 2, Pid = 77, Start = 0x50000, End = 0x54000, Prot = "rw-p", Name = "[anon]" }) with
        {
            Processes = [new ProcessEntry { Pid = 77, Comm = "app" }],
        };
        var first = Of("a.parquet", App, new(0x10000), new(0x11000), new(0x20000, 2, 50_000, Major: true));
        var second = Of("b.parquet", elsewhere, new Fault(0x50000, 2) { Pid = 77 }, new Fault(0x90000, 1) { Pid = 77 });
        var third = Of("c.parquet", App, new Fault(0x10000));

        Assert.Equal(
            """
            A a.parquet: app --work; recorded 2026-01-02 03:04:05 UTC on box, Linux 6.18.0 x86_64, backend
            tracepoint, for 1.50 s
            B b.parquet: app --work; recorded 2026-01-02 03:04:05 UTC on box, Linux 6.18.0 x86_64, backend
            tracepoint, for 1.50 s
            C c.parquet: app --work; recorded 2026-01-02 03:04:05 UTC on box, Linux 6.18.0 x86_64, backend
            tracepoint, for 1.50 s

            totals
              figure               A       B       C
              faults               3       2       1
              major                1       0       0
              distinct_pages       3       2       1
              time_ns        52.0 µs 2.00 µs 1.00 µs

            places
              place              figure               A       B       C
              anonymous mappings faults               2       1       1
                                 distinct_pages       2       1       1
                                 time_ns        2.00 µs 1.00 µs 1.00 µs
              a.so               faults               1       1       0
                                 major                1       0       0
                                 distinct_pages       1       1       0
                                 time_ns        50.0 µs 1.00 µs    0 ns

            """,
            Text([first, second, third], items: 10).Split("\nkinds\n")[0]);
    }

    [Fact]
    public void ColumnsOfMoreTracesThanALineHoldsGoBelow()
    {
        var faults = Enumerable.Range(0, 7).Select(fault => new Fault(0x10000 + ((ulong)fault << 12), DurationNs: 123_456_789)).ToArray();
        var traces = Enumerable.Range(1, 7).Select(i => Of($"{i}", App, faults[..i])).ToArray();

        var text = Text(traces, Subject.Region);

        Assert.Contains("\ntotals, A to E\n", text, StringComparison.Ordinal);
        Assert.Matches(@"\nregions, F to G\n  region prot # figure +F +G\n  \[anon\] rw-p 1 faults +6 +7\n", text);
        Assert.All(text.Split('\n'), line => Assert.InRange(line.Length, 0, TextLines.Width));
    }

    [Fact]
    public void WhatIsCutIsSaid()
    {
        var traces = new[] { Of("a", App, new Fault(0x10000), new Fault(0x11000), new Fault(0x20000, 2)), Of("b", App, new Fault(0x10000)) };

        var text = Text(traces, Subject.Region, items: 1);

        Assert.Contains("… 3 more rows; --top 0 shows all", text, StringComparison.Ordinal);
        Assert.DoesNotContain("/lib/a.so", text, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatABackendDoesNotKnowIsNoZero()
    {
        // perf's own ring has no durations.
        var traces = new[] { Of("a", App, new Fault(0x10000)), Of("b", App with { Backend = Backend.Perf }, new Fault(0x10000, DurationNs: null)) };

        var text = Text(traces, Subject.Kind);

        Assert.Contains("time_ns        1.00 µs -\n", text, StringComparison.Ordinal);
        Assert.Contains("b: no durations", text, StringComparison.Ordinal);
        Assert.Contains("the backends differ (tracepoint, perf)", text, StringComparison.Ordinal);
    }

    [Fact]
    public void TheFiguresAreThoseOfEachReport()
    {
        var metadata = RandomTrace.Metadata();
        var reports = Enumerable.Range(0, 3).Select(i => Story.Report(metadata, RandomTrace.Faults(metadata, 2_000, seed: 70 + i), groupSize: 500)).ToArray();

        var rows = new SideBySide([.. reports.Select(TraceMeasures.Of)], FaultFilter.None).Rows(Subject.Kind);

        for (var trace = 0; trace < reports.Length; trace++)
        {
            var faults = rows.Where(row => row.Metric == Metric.Faults && row.Values[trace] > 0)
                .ToDictionary(row => row.Item.Name, row => row.Values[trace]!.Value);
            Assert.Equal(reports[trace].Kinds.ToDictionary(row => row.Kind.Name(), row => row.Counts.Faults), faults);
        }
    }

    [Fact]
    public void HostileNamesAreInert()
    {
        const string evil = "=evil|`<b>\x1b[2J\r\n\u202e";
        var region = new Region { Id = 1, Pid = 10, Start = 0x1000, End = 0x2000, Prot = "rw-p", Name = evil, Path = evil };
        var metadata = Story.Metadata(region) with
        {
            Command = [evil],
            Host = evil,
            Backend = Backend.Named(evil),
            Processes = [new ProcessEntry { Pid = 10, Comm = evil }]
        };
        var traces = new[] { Of(evil, metadata, new Fault(0x1000) { Comm = evil }), Of("b", metadata, new Fault(0x1000) { Comm = evil }) };
        var markdown = new StringWriter();

        SideBySideReport.WriteMarkdown(markdown, new SideBySide(traces, FaultFilter.None), null, 0);

        foreach (var text in (string[])[Text(traces), Text(traces, Subject.Comm), markdown.ToString()])
        {
            Assert.Contains("evil", text, StringComparison.Ordinal);
            Assert.DoesNotContain(text, c => (char.IsControl(c) && c != '\n') || c == '\u202e');
        }

        Assert.DoesNotContain("<b>", markdown.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("evil|", markdown.ToString(), StringComparison.Ordinal);
    }

    private static TraceMeasures Of(string path, TraceMetadata metadata, params Fault[] faults)
        => TraceMeasures.Of(Story.Report(metadata, faults) with { Path = path });

    private static string Text(TraceMeasures[] traces, Subject? by = null, int items = 0)
    {
        using var text = new StringWriter();
        SideBySideReport.WriteText(text, new SideBySide(traces, FaultFilter.None), by, items, default);
        return text.ToString();
    }
}
