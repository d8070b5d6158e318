using System.Text.Json;
using Faultrec.Analyzer.Compare;
using Faultrec.Analyzer.Render;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Text;
using Faultrec.Traces;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Analyzer.Tests;

/// <summary>Two sides of a comparison, told with a handful of faults.</summary>
public class ComparisonStories
{
    private static readonly TraceMetadata App = Story.Metadata(Story.TwoRegions);

    // The same program in another run: other addresses, ids and pid.
    private static readonly TraceMetadata AppElsewhere = Story.Metadata(
        new Region { Id = 1, Pid = 77, Start = 0x90000, End = 0x92000, Prot = "r--p", Name = "/lib/a.so", Path = "/lib/a.so" },
        new Region { Id = 2, Pid = 77, Start = 0x50000, End = 0x54000, Prot = "rw-p", Name = "[anon]" }) with
    {
        Processes = [new ProcessEntry { Pid = 77, Comm = "app" }],
    };

    [Fact]
    public void OneTraceASideSaysWhatChangedAndThatNoiseIsUnknown()
    {
        var before = Side(App, [new(0x10000), new(0x11000), new(0x12000), new(0x13000), new(0x20000, 2, 50_000, Major: true)]);
        var after = Side(AppElsewhere, [new(0x50000, 2) { Pid = 77 }, new(0x90000, 1) { Pid = 77 }]);

        Assert.Equal(
            """
            Faults fell by 3 (-60 %) from 5 to 2: 3 fewer of kind unknown, 3 in anonymous mappings; time in
            faults fell by 52.0 µs (-96 %) from 54.0 µs to 2.00 µs; major faults fell by 1 (-100 %) from 1 to 0;
            with one trace per side it is unknown how much of this is noise.

            before trace.parquet: app --work
            after trace.parquet: app --work

            totals
              figure          before   after change
              faults               5       2 -60 %
              major                1       0 -100 %
              distinct_pages       5       2 -60 %
              time_ns        54.0 µs 2.00 µs -96 %

            places
              place              figure          before   after change
              anonymous mappings faults               4       1 -75 %
              anonymous mappings distinct_pages       4       1 -75 %
              anonymous mappings time_ns        4.00 µs 1.00 µs -75 %
              a.so               major                1       0 -100 %
              a.so               time_ns        50.0 µs 1.00 µs -98 %

            kinds
              kind    figure   before   after change
              unknown faults        5       2 -60 %
              unknown major         1       0 -100 %
              unknown time_ns 54.0 µs 2.00 µs -96 %

            processes
              process figure          before   after change
              app     faults               5       2 -60 %
              app     major                1       0 -100 %
              app     distinct_pages       5       2 -60 %
              app     time_ns        54.0 µs 2.00 µs -96 %

            """,
            Text(Compare([before], [after])));
    }

    [Fact]
    public void SeveralTracesASideTellNoiseFromChange()
    {
        // Faults 2, 3, 4 against 3, 4, 5 overlap; the time of one of them never does.
        var before = Enumerable.Range(2, 3).Select(faults => Side(App, Touch(faults, 1000))).ToArray();
        var after = Enumerable.Range(3, 3).Select(faults => Side(App, Touch(faults, 9000))).ToArray();

        var comparison = Compare(before, after);

        Assert.Equal(
            "Time in faults rose by 33.0 µs (×12) from 3.00 µs to 36.0 µs: 33.0 µs more of kind unknown, 33.0 µs in anonymous mappings; "
            + "faults (3, then 4) unchanged within noise; major faults (0) unchanged; medians of 3 traces before and 3 after.",
            ComparisonHeadline.Of(comparison));
        Assert.Contains(
            """
            totals
              figure          before range          after range        change
              faults               3 2–4                4 3–5          within noise
              major                0                    0              same
              distinct_pages       3 2–4                4 3–5          within noise
              time_ns        3.00 µs 2.00–4.00 µs 36.0 µs 27.0–45.0 µs ×12
            """,
            Text(comparison),
            StringComparison.Ordinal);
    }

    [Fact]
    public void WhatIsWithinTheNoiseIsLeftOutForPeopleAndCounted()
    {
        // Region 1 and everything that contains it vary alike on both sides; region 2 doubled.
        var before = Enumerable.Range(1, 2).Select(faults => Side(App, [.. Touch(faults, 1000), new(0x20000, 2)])).ToArray();
        var after = Enumerable.Range(1, 2).Select(faults => Side(App, [.. Touch(faults, 1000), new(0x20000, 2), new(0x20000, 2)])).ToArray();

        var (few, all) = (Text(Compare(before, after)), Text(Compare(before, after), items: 0));

        Assert.Contains("[anon]", all, StringComparison.Ordinal);
        Assert.DoesNotContain("\n  anonymous", few, StringComparison.Ordinal);
        Assert.Matches("a.so +faults +1 +2 +[+]100 %", few);
        Assert.EndsWith("are left out (3 of places, 2 of kinds, 3 of processes); --top 0 shows them, and single mappings and files ",
            few.Replace('\n', ' '), StringComparison.Ordinal);
        Assert.DoesNotContain("left out", all, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new long[] { 5 }, new long[] { 5 }, nameof(Verdict.Same))]
    [InlineData(new long[] { 5 }, new long[] { 6 }, nameof(Verdict.Unknown))]
    [InlineData(new long[] { 5 }, new long[] { 6, 7, 8 }, nameof(Verdict.Unknown))]
    [InlineData(new long[] { 5, 6 }, new long[] { 7, 8 }, nameof(Verdict.Differs))]
    [InlineData(new long[] { 7, 8 }, new long[] { 6, 5 }, nameof(Verdict.Differs))]
    [InlineData(new long[] { 5, 7 }, new long[] { 7, 9 }, nameof(Verdict.WithinNoise))]
    [InlineData(new long[] { 1, 9 }, new long[] { 4, 5 }, nameof(Verdict.WithinNoise))]
    [InlineData(new long[] { 5, 5 }, new long[] { 5, 5 }, nameof(Verdict.Same))]
    public void ADifferenceIsJudgedByTheRanges(long[] before, long[] after, string verdict)
        => Assert.Equal(verdict, Spread.Judge(new Spread(before), new Spread(after)).ToString());

    [Theory]
    [InlineData(new long[] { 4 }, 4, 0.0)]
    [InlineData(new long[] { 9, 1 }, 1, 8.0)]
    [InlineData(new long[] { 9, 4, 5 }, 5, 0.8)]
    [InlineData(new long[] { 0, 0, 7 }, 0, null)]
    public void TheMedianIsAValueThatWasMeasured(long[] values, long median, double? deviation)
    {
        var spread = new Spread(values);

        Assert.Equal(median, spread.Median);
        Assert.Equal(deviation, spread.Deviation);
    }

    [Fact]
    public void RegionsOfOneNameAreMatchedInTheOrderTheyWereMade()
    {
        Region Anon(int id, ulong start, long? born, string prot = "rw-p")
            => new() { Id = id, Pid = 10, Start = start, End = start + 0x1000, Prot = prot, Name = "[anon]", BornNs = born };
        // Ids follow the first fault: the other way round in the second run. One with another protection is no match of either.
        var before = Side(Story.Metadata(Anon(1, 0x1000, 5), Anon(2, 0x2000, 9)), [new(0x1000, 1), new(0x1000, 1), new(0x2000, 2)]);
        var after = Side(
            Story.Metadata(Anon(1, 0x9000, 9), Anon(2, 0x8000, 5), Anon(3, 0x7000, 1, "r--p")),
            [new(0x9000, 1), new(0x8000, 2), new(0x8000, 2), new(0x7000, 3)]);

        var rows = Compare([before], [after]).Rows(Subject.Region).Where(row => row.Metric == Metric.Faults);

        Assert.Equal(
            [("r--p", 1, 0, 1), ("rw-p", 1, 2, 2), ("rw-p", 2, 1, 1)],
            rows.Select(row => (row.Item.Prot, row.Item.Order, row.Before!.Median, row.After!.Median)));
    }

    [Fact]
    public void RegionsOfDifferentProgramsAreNotTheSame()
    {
        Region Heap(int id, int pid) => new() { Id = id, Pid = pid, Start = 0x1000, End = 0x5000, Prot = "rw-p", Name = "[heap]" };
        var metadata = Story.Metadata(Heap(1, 10), Heap(2, 11)) with
        {
            Processes = [new ProcessEntry { Pid = 10, Comm = "sh", StartedNs = 1 }, new ProcessEntry { Pid = 11, Comm = "app", StartedNs = 2 }],
        };
        var side = Side(metadata, [new(0x1000, 1), new(0x1000, 2) { Pid = 11 }, new(0x2000, 2) { Pid = 11 }]);
        var renamed = Side(Story.Metadata(Heap(1, 10)) with { Processes = [new ProcessEntry { Pid = 10, Comm = "app2" }] }, [new(0x1000, 1)]);

        Assert.Equal(["app", "sh"], Compare([side], [side]).Rows(Subject.Region).Select(row => row.Item.Process).Distinct());
        // A single process is the same program whatever it is called.
        Assert.Equal([null],
            Compare([renamed], [Side(App with { Regions = [Heap(1, 10)] }, [new(0x1000, 1)])]).Rows(Subject.Region).Select(row => row.Item.Process).Distinct());
    }

    [Fact]
    public void WhatMayMisleadIsSaid()
    {
        var whole = Side(App, [new(0x10000)]);
        var torn = Side(App with { Receipt = App.Receipt with { Complete = false, Lost = 7 }, Kernel = "6.1.0" }, [new(0x10000)]);
        var sample = Side(App with { Sampling = new Sampling(16, null, false), Backend = Backend.Perf }, [new(0x10000, DurationNs: null) { Weight = 16 }]);

        var notes = string.Join('\n', ComparisonText.Notes([whole, torn, sample], FaultFilter.None));

        Assert.Contains("INCOMPLETE: 1 fault captured, 7 lost", notes, StringComparison.Ordinal);
        Assert.Contains("sampled 1 in 16", notes, StringComparison.Ordinal);
        Assert.Contains("the backends differ (tracepoint, perf)", notes, StringComparison.Ordinal);
        Assert.Contains("the kernels differ (6.18.0 x86_64, 6.1.0 x86_64)", notes, StringComparison.Ordinal);
        Assert.Contains("no durations", notes, StringComparison.Ordinal);
        // A side that has no time for one of its traces has none.
        Assert.Null(Compare([whole], [torn, sample]).Total(Metric.TimeNs).After);
        Assert.Equal([1, 16], Compare([whole], [torn, sample]).Total(Metric.Faults).After!.Values);
        Assert.Empty(ComparisonText.Notes([whole, whole], FaultFilter.None));
    }

    [Fact]
    public void ResidentMemoryIsComparedByLineOfCodeAndByProcess()
    {
        // Memory of walk's is given back before the peak; fill has half as much in the second run, at another address, and main is new there.
        var metadata = ResidencyStories.Metadata with
        {
            Releases = ResidencyStories.Releases(new ResidencyStories.Gone(10, "munmap", ResidencyStories.Anon, 1)),
        };
        var walk = ResidencyStories.Touch(1, ResidencyStories.Anon, ResidencyStories.Walk);
        var before = MemorySide(metadata, [walk, .. Fill(0x10_0000, 4, ResidencyStories.Fill)]);
        var after = MemorySide(metadata, [walk, .. Fill(0x20_0000, 2, ResidencyStories.Fill), .. Fill(0x30_0000, 1, ResidencyStories.Main)]);

        var comparison = Compare([before], [after]);
        var text = Text(comparison);

        Assert.StartsWith("Faults fell by 1 (-20 %) from 5 to 4: 2 fewer by fill (app.c:12), 1 of kind anon_write, 1 in anonymous mappings; "
            + "time in faults fell by 1.00 µs (-20 %) from 5.00 µs to 4.00 µs; the peak of resident memory fell by 4.0 KiB (-25 %) from 16.0 KiB to 12.0 KiB;",
            ComparisonHeadline.Of(comparison));
        Assert.Contains("  peak_bytes     16.0 KiB 12.0 KiB -25 %\n", text, StringComparison.Ordinal);
        Assert.Contains("  app     peak_bytes     16.0 KiB 12.0 KiB -25 %\n", text, StringComparison.Ordinal);
        Assert.Contains("  fill (app.c:12) peak_bytes 16.0 KiB 8.0 KiB -50 %\n", text, StringComparison.Ordinal);
        Assert.Contains("  main (app.c:30) peak_bytes      0 B 4.0 KiB new\n", text, StringComparison.Ordinal);
        Assert.Empty(ComparisonText.Notes([before, after], FaultFilter.None));

        static IEnumerable<Fault> Fill(ulong offset, int pages, int stack)
            => Enumerable.Range(0, pages).Select(i => ResidencyStories.Touch(20 + i, ResidencyStories.Anon + offset + ((ulong)i << 12), stack));
    }

    [Fact]
    public void ResidentMemoryIsComparedOnlyWhereEveryTraceHasAnAccount()
    {
        Fault[] faults = [ResidencyStories.Touch(1, ResidencyStories.Anon, ResidencyStories.Fill)];
        var whole = MemorySide(ResidencyStories.Metadata, faults);
        var older = MemorySide(ResidencyStories.Metadata with { Releases = null }, faults);
        var sample = MemorySide(ResidencyStories.Metadata with { Sampling = new Sampling(16, null, false) }, faults);
        var filtered = MemorySide(ResidencyStories.Metadata, faults, new FaultFilter { Comms = ["app"] });

        Assert.NotEmpty(Compare([whole], [whole]).Rows(Subject.Code));
        foreach (var (other, because) in new[]
            { (older, "this trace does not tell what was given back"), (sample, "a sample lacks the faults in between"), (filtered, "filters by thread") })
        {
            var comparison = Compare([whole], [other]);
            Assert.DoesNotContain(comparison.Rows(Subject.Code), row => row.Metric == Metric.PeakBytes);
            Assert.Null(comparison.Total(Metric.PeakBytes).Before);
            Assert.DoesNotContain("peak", Text(comparison), StringComparison.Ordinal);
            Assert.Contains(ComparisonText.Notes([whole, other], FaultFilter.None),
                note => note.StartsWith($"resident memory is not compared: trace.parquet: ", StringComparison.Ordinal)
                    && note.Contains(because, StringComparison.Ordinal));
        }
    }

    private static TraceMeasures MemorySide(TraceMetadata metadata, Fault[] faults, FaultFilter? filter = null)
        => TraceMeasures.OfCodeToo(Story.Report(metadata, faults, filter) with { Path = "trace.parquet" });

    [Theory]
    [InlineData(0, 4096, "schema version 0; expected 1")]
    [InlineData(1, 16384, "page size 16384; expected 4096")]
    public void TracesOfDifferentFormatsAreRefused(int schema, int pageSize, string because)
    {
        // There is one schema version so far; a file of another cannot be made.
        var report = Story.Report(App, [new(0x10000)]) with { Path = "other.parquet", Metadata = App with { SchemaVersion = schema, PageSize = pageSize } };
        var other = TraceMeasures.Of(report);

        var refused = Assert.Throws<FaultrecException>(() => Compare([Side(App, [new(0x10000)])], [other]));

        Assert.Equal(ExitCode.BadInput, refused.ExitCode);
        Assert.StartsWith("other.parquet: has ", refused.Message);
        Assert.Contains(because, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void JsonHasEveryFigureAlsoWhereNothingChanged()
    {
        var side = Side(App, [new(0x10000), new(0x20000, 2)]);
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
            ComparisonJson.Write(json, Compare([side, side], [side, side]), 0);

        using var parsed = JsonDocument.Parse(stream.ToArray());
        var region = parsed.RootElement.GetProperty("regions")[0];

        Assert.Equal("/lib/a.so", region.GetProperty("name").GetString());
        Assert.Equal("same", region.GetProperty("faults").GetProperty("verdict").GetString());
        Assert.Equal([1, 1], region.GetProperty("faults").GetProperty("before").GetProperty("values").EnumerateArray().Select(value => value.GetInt64()));
        Assert.False(parsed.RootElement.GetProperty("kinds")[0].TryGetProperty("distinct_pages", out _));
    }

    [Fact]
    public void HostileNamesAreInertInEveryFormat()
    {
        const string evil = "=evil|`<b>\x1b[2J\r\n\u202e,\"x\"";
        // As long as a reader wants it.
        const string evilProt = "=\u001b|\u202e";
        var metadata = Story.Metadata([new Region { Id = 1, Pid = 10, Start = 0x1000, End = 0x9000, Prot = evilProt, Name = evil, Path = evil }]) with
        {
            Command = [evil],
            Kernel = evil,
            Processes = [new ProcessEntry { Pid = 10, Comm = evil }, new ProcessEntry { Pid = 11, Comm = "b" }],
            Receipt = App.Receipt with { Complete = false, EndReason = evil },
        };
        var side = Side(metadata, [new(0x1000) { Comm = evil }, new(0x2000, 0) { Pid = 11 }], evil);
        var comparison = Compare([side], [Side(metadata, [new(0x1000) { Comm = evil }, new(0x1000), new(0x2000, 0) { Pid = 11 }], evil)]);

        var (markdown, csv, stream) = (new StringWriter(), new StringWriter(), new MemoryStream());
        ComparisonReport.WriteMarkdown(markdown, comparison, 0);
        ComparisonReport.WriteCsv(csv, comparison, 0);
        using (var json = new Utf8JsonWriter(stream))
            ComparisonJson.Write(json, comparison, 0);

        string[] texts =
        [
            Text(comparison), markdown.ToString(), csv.ToString().Replace("\r\n", "\n", StringComparison.Ordinal),
            System.Text.Encoding.UTF8.GetString(stream.ToArray()),
        ];
        Assert.All(texts, text =>
        {
            Assert.Contains("evil", text, StringComparison.Ordinal);
            Assert.DoesNotContain(text, c => (char.IsControl(c) && c != '\n') || c == '\u202e');
        });
        Assert.DoesNotContain("<b>", markdown.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("evil|", markdown.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(",=evil", csv.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void TextFitsATerminalAndTopCountsItems()
    {
        var regions = Enumerable.Range(1, 30).Select(id => new Region
        {
            Id = id,
            Pid = 10,
            Start = (ulong)id << 20,
            End = (ulong)(id + 1) << 20,
            Prot = "rw-p",
            Name = $"/very/long/path/{new string('x', 60)}/{id}",
            Path = $"/f{id}",
        }).ToArray();
        var metadata = Story.Metadata(regions) with
        {
            Processes = [new ProcessEntry { Pid = 10, Comm = "a-long-name-1234" }, new ProcessEntry { Pid = 11, Comm = "b" }],
        };
        Fault[] faults = [.. regions.Select(region => new Fault(region.Start, region.Id, 123_456_789)), new(0x1000, 0) { Pid = 11 }];
        var before = Side(metadata, faults);
        var after = Side(metadata, [.. faults, .. faults]);

        var text = Text(Compare([before, before], [after, after]), items: 3);

        Assert.All(text.Split('\n'), line => Assert.True(Columns.Width(line) <= TextLines.Width, line));
        // Each item changed in its faults and its time.
        Assert.Equal(6, text.Split("places\n")[1].Split("\n  …")[0].Split('\n').Length - 1);
        Assert.Contains("\n  … 55 more rows; --top 0 shows all", text, StringComparison.Ordinal);
        // A path loses its first folders, not its end.
        Assert.Matches(@"\n  …x+/30 ", Text(Compare([before, before], [after, after]), items: 0));
    }

    [Fact]
    public void TheHeadlineNamesTheCodeThatCausedMostOfTheChange()
    {
        var metadata = StackStory.Metadata();
        Fault[] some = [new(0x20000, 2) { Stack = 3 }, new(0x10000) { Stack = 2 }];
        var before = CodeSide(metadata, some);
        var after = CodeSide(metadata, [.. some, new(0x11000) { Stack = 2 }, new(0x12000) { Stack = 2 }, new(0x21000, 2) { Stack = 3 }]);

        Assert.StartsWith("Faults rose by 3 (+150 %) from 2 to 5: 2 more by fill (app.c:12), 3 of kind unknown, 2 in anonymous mappings; ",
            ComparisonHeadline.Of(Compare([before], [after])));
        // One of two is not most.
        Assert.StartsWith("Faults rose by 2 (+100 %) from 2 to 4: 2 more of kind unknown; ",
            ComparisonHeadline.Of(Compare([before], [CodeSide(metadata, [.. some, new(0x11000), new(0x21000, 2) { Stack = 7 }])])));
    }

    [Fact]
    public void LinesThatMovedAreMatchedByTheirFunction()
    {
        // An edit moved fill from line 12 to line 17; main stayed.
        var metadata = StackStory.Metadata();
        var table = StackStory.Table;
        var edited = metadata with
        {
            Stacks = table with { Frames = [.. table.Frames.Select(frame => frame.Line == 12 ? frame with { Line = 17 } : frame)] },
        };
        Fault[] faults = [new(0x10000) { Stack = 2 }, new(0x11000) { Stack = 1 }, new(0x12000) { Stack = 0 }];

        var rows = Compare([CodeSide(metadata, faults)], [CodeSide(edited, [.. faults, new(0x13000) { Stack = 1 }])]).Rows(Subject.Code);

        Assert.Equal([("fill (app.c)", 2L, 3L), ("main (app.c:30)", 1L, 1L)],
            rows.Where(row => row.Metric == Metric.Faults).Select(row => (row.Item.Name, row.Before!.Median, row.After!.Median)));
    }

    [Fact]
    public void FaultsAreComparedByCodeOnlyWhereEveryTraceHasStacks()
    {
        var (with, without) = (CodeSide(StackStory.Metadata(), [new(0x10000) { Stack = 2 }]), CodeSide(App, [new(0x10000)]));

        Assert.Empty(Compare([with], [without]).Rows(Subject.Code));
        Assert.Contains("faults are not compared by code: trace.parquet was recorded without stacks", ComparisonText.Notes([with, without], FaultFilter.None));
    }

    [Theory]
    [InlineData("faults", "faults: at most +0 %; rose by 1 (+50 %)")]
    [InlineData("faults:49.9%", "faults: at most +49.9 %; rose by 1 (+50 %)")]
    [InlineData("faults:50%", null)]
    [InlineData("pages:10%", "pages: at most +10 %; rose by 1 (+50 %)")]
    [InlineData("major", "major: at most +0 %; rose by 1")]
    [InlineData("major:1000%", "major: at most +1000 %; rose by 1")]
    [InlineData("time:1%", null)]
    [InlineData("memory:5%", "memory: at most +5 %; not known for every trace: see the notes")]
    public void ALimitBreaksWhenATotalRoseByMore(string limit, string? broken)
    {
        var before = Side(App, [new(0x10000), new(0x11000, DurationNs: 90_000)]);
        var after = Side(App, [new(0x10000), new(0x11000), new(0x20000, 2, 50_000, Major: true)]);

        var comparison = TraceComparison.Of([before], [after], FaultFilter.None, RiseLimit.Parse("--fail-on", limit));

        Assert.Equal(broken is not null, comparison.BreaksLimits);
        Assert.Contains(broken is null ? $"\npass {comparison.Limits[0]}\n" : $"\nFAIL {broken}\n", Text(comparison), StringComparison.Ordinal);
    }

    [Fact]
    public void ALimitHoldsWithinTheNoiseAndNotForWhatIsIncomplete()
    {
        var (two, three, four) = (Side(App, Touch(2, 1000)), Side(App, Touch(3, 1000)), Side(App, Touch(4, 1000)));
        var torn = Side(App with { Receipt = App.Receipt with { Complete = false, Lost = 7 } }, Touch(2, 1000), "torn.parquet");
        var limit = new RiseLimit(Metric.Faults, 0.05);

        Assert.False(TraceComparison.Of([two, three], [three, four], FaultFilter.None, limit).BreaksLimits);
        Assert.True(TraceComparison.Of([two, two], [three, four], FaultFilter.None, limit).BreaksLimits);
        Assert.Equal("torn.parquet is INCOMPLETE: faults that it lacks may have happened",
            limit.WhyBroken(TraceComparison.Of([two], [torn], FaultFilter.None, limit)));
    }

    [Theory]
    [InlineData("fault", "one of faults, major, pages, time, memory")]
    [InlineData("faults:5", "faults:N%, such as faults:5%")]
    [InlineData("faults:", "faults:N%")]
    [InlineData("faults:-5%", "faults:N%")]
    [InlineData("faults:1e9%", "faults:N%")]
    public void WhatIsNoLimitIsRefused(string limit, string expected)
    {
        var refused = Assert.Throws<FaultrecException>(() => RiseLimit.Parse("--fail-on", limit));

        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        Assert.StartsWith($"--fail-on {limit}: expected {expected}", refused.Message);
    }

    private static TraceMeasures CodeSide(TraceMetadata metadata, Fault[] faults)
        => TraceMeasures.OfCodeToo(Story.Report(metadata, faults) with { Path = "trace.parquet" });

    internal static TraceMeasures Side(TraceMetadata metadata, Fault[] faults, string path = "trace.parquet")
        => TraceMeasures.Of(Story.Report(metadata, faults) with { Path = path });

    internal static TraceComparison Compare(TraceMeasures[] before, TraceMeasures[] after) => TraceComparison.Of(before, after, FaultFilter.None);

    private static Fault[] Touch(int faults, long durationNs)
        => [.. Enumerable.Range(0, faults).Select(page => new Fault(0x10000 + ((ulong)page << 12), DurationNs: durationNs))];

    private static string Text(TraceComparison comparison, int items = 10)
    {
        var writer = new StringWriter();
        ComparisonReport.WriteText(writer, comparison, items, default);
        return writer.ToString();
    }
}
