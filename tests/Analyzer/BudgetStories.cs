using System.Text.Json;
using System.Xml.Linq;
using Faultrec.Analyzer.Budgets;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Render;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Analyzer.Tests;

/// <summary>Recordings held against budgets.</summary>
public class BudgetStories
{
    private static readonly TraceMetadata App = Story.Metadata(Story.TwoRegions);

    // Five faults on four pages, one of them major; 54 µs.
    private static readonly Fault[] Faults =
        [new(0x10000), new(0x11000), new(0x12000), new(0x12000), new(0x20000, 2, 50_000, Major: true)];

    [Theory]
    [InlineData("max-faults", "5", true)]
    [InlineData("max-faults", "4", false)]
    [InlineData("max-faults", "3e5", true)]
    [InlineData("max-major", "0", false)]
    [InlineData("max-major", "1", true)]
    [InlineData("max-failed", "0", true)]
    [InlineData("max-pages", "4", true)]
    [InlineData("max-pages", "3", false)]
    [InlineData("max-fault-time", "54us", true)]
    [InlineData("max-fault-time", "53999ns", false)]
    [InlineData("region", "[anon]:max-faults=4", true)]
    [InlineData("region", "[anon]:max-faults=3", false)]
    [InlineData("region", "[anon]:max-pages=2", false)]
    [InlineData("region", "a.so:max-major=0", false)]
    [InlineData("region", "[anon]:max-major=0", true)]
    [InlineData("region", "a.so:max-fault-time=50us", true)]
    [InlineData("region", "a.so:max-fault-time=49us", false)]
    public void ABudgetIsKeptUpToItsLimit(string name, string value, bool kept)
        => Assert.Equal(kept ? 0 : 1, Hold(App, Faults, Budget(name, value)).Broken);

    [Fact]
    public void TheTableHasEveryBudgetAndMarksWhatBroke()
    {
        var assertion = Hold(App, Faults, Budget("max-major", "0"), Budget("max-faults", "3e5"), Budget("max-fault-time", "53999ns"),
            Budget("region", "[heap]:max-faults=10"));

        Assert.Equal(
            """
            trace.parquet: FAIL, 2 of 5 checks broken: max-major found 1, allowed ≤ 0; max-fault-time found
            54,000 ns, allowed ≤ 53,999 ns

              result budget                   found     allowed
              pass   complete recording       complete  complete
              FAIL   max-major                1         ≤ 0
              pass   max-faults               5         ≤ 300,000
              FAIL   max-fault-time           54,000 ns ≤ 53,999 ns
              pass   region [heap]:max-faults 0         ≤ 10
            region [heap]:max-faults: no region whose name contains this had a fault: check the name

            """,
            Text(assertion));
    }

    [Fact]
    public void AnIncompleteRecordingIsAFailureOfItsOwn()
    {
        var torn = App with { Receipt = App.Receipt with { Complete = false, Lost = 7 } };

        var refused = Hold(torn, Faults, Budget("max-faults", "9"));
        var allowed = Assertion.Of(Story.Report(torn, Faults), [Budget("max-faults", "9")], allowIncomplete: true);

        Assert.Equal(1, refused.Broken);
        Assert.Contains("FAIL   complete recording INCOMPLETE complete", Text(refused), StringComparison.Ordinal);
        Assert.Contains("may lack faults that happened", Text(refused).ReplaceLineEndings(" "), StringComparison.Ordinal);
        Assert.Equal(0, allowed.Broken);
        Assert.Contains("pass   complete recording INCOMPLETE any", Text(allowed), StringComparison.Ordinal);
        Assert.Contains("7 lost", Text(allowed), StringComparison.Ordinal);
    }

    [Fact]
    public void TheShareOfHugePagesIsOfTheMemoryThatFirstTouchesMapped()
    {
        // One fault maps 512 pages, 128 map one each: 512 / 640 = 0.8. The write to a file's page is no first touch of fresh memory.
        var metadata = Story.Metadata(
            new Region { Id = 1, Pid = 10, Start = 0x4000_0000, End = 0x4800_0000, Prot = "rw-p", Name = "[anon]" },
            new Region { Id = 2, Pid = 10, Start = 0x5000_0000, End = 0x5001_0000, Prot = "rw-p", Name = "/f", Path = "/f" }) with
        {
            PageTable = new PageTableRecording(true, null, 4, "kallsyms", 77),
            ThpMode = "always",
        };
        Fault[] faults =
        [
            new(0x4000_0000) { Level = 1, Pfn = 512, Order = 9 },
            .. Enumerable.Range(0, 128).Select(i => new Fault(0x4400_0000 + ((ulong)i << 12)) { Level = 0, Pfn = 9000 + i, Order = 0 }),
            new(0x5000_0000, 2) { Level = 0, Pfn = 9999, Order = 0 },
        ];
        var report = Story.Report(metadata, faults, groupSize: 200);

        Assert.Equal([FaultKind.Huge, FaultKind.AnonWrite, FaultKind.CowFile], report.Kinds.Select(row => row.Kind).Order());
        Assert.Equal(0.8, HugeShare.Of(report, out _));
        Assert.Equal(0, Assertion.Of(report, [Budget("min-huge-share", "0.8")], false).Broken);
        Assert.Equal(1, Assertion.Of(report, [Budget("min-huge-share", "0.81")], false).Broken);

        // A folio of 64 pages counts with all of them.
        Fault[] folio = [.. faults, new(0x4600_0000) { Level = 0, Pfn = 16384, Order = 6 }];
        Assert.Equal(512.0 / (640 + 64), HugeShare.Of(Story.Report(metadata, folio, groupSize: 200), out _));
    }

    [Fact]
    public void WhatIsNotKnownKeepsNoBudget()
    {
        var perf = App with { Backend = Backend.Perf };
        Fault[] untimed = [new(0x10000, DurationNs: null)];

        AssertUnknown(Hold(App, Faults, Budget("min-huge-share", "0")), "no page-table facts");
        AssertUnknown(Hold(perf, untimed, Budget("max-fault-time", "1h")), "backend perf has no durations");
        AssertUnknown(Hold(perf, untimed, Budget("region", "anon:max-fault-time=1h")), "backend perf has no durations");
        AssertUnknown(Hold(Sampled, [new(0x10000) { Weight = 16 }], Budget("max-pages", "9")), "at least 1");
        // Too many is proved by too many of those seen.
        Assert.Equal(1, Hold(Sampled, [new(0x10000) { Weight = 16 }], Budget("max-pages", "0")).Checks[1].Found);

        static void AssertUnknown(Assertion assertion, string because)
        {
            Assert.True(assertion.Checks[1].IsBroken);
            Assert.Equal("unknown", assertion.Checks[1].FoundText);
            Assert.Contains(because, assertion.Checks[1].Note, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void WhatAFigureLeavesOpenIsSaid()
    {
        var sample = Hold(Sampled, [new(0x10000) { Weight = 16 }], Budget("max-faults", "15"));
        var untimed = Hold(App, [new(0x10000), new(0x11000, DurationNs: null)], Budget("max-fault-time", "1s"));

        Assert.Equal((16.0, true, "an estimate: the recording is a sample"), (sample.Checks[1].Found, sample.Checks[1].IsBroken, sample.Checks[1].Note));
        Assert.Equal("the time of 1 fault is not known and not included", untimed.Checks[1].Note);
    }

    [Theory]
    [InlineData("max-major", "", "whole number")]
    [InlineData("max-major", "-1", "whole number")]
    [InlineData("max-major", "1.5", "whole number")]
    [InlineData("max-major", "1e99", "whole number")]
    [InlineData("max-major", "NaN", "whole number")]
    [InlineData("max-fault-time", "200", "number with a unit")]
    [InlineData("min-huge-share", "1.1", "share from 0 to 1")]
    [InlineData("min-huge-share", "90%", "share from 0 to 1")]
    [InlineData("max-majr", "0", "one of max-faults, max-major")]
    [InlineData("region", "heap", "NAME:BUDGET=VALUE")]
    [InlineData("region", ":max-faults=1", "NAME:BUDGET=VALUE")]
    [InlineData("region", "heap:max-faults", "NAME:BUDGET=VALUE")]
    [InlineData("region", "heap:max-majr=1", "after the name one of max-faults")]
    [InlineData("region", "heap:min-huge-share=1", "after the name one of max-faults")]
    [InlineData("region", "heap:max-faults=x", "whole number")]
    [InlineData("code", "main:max-pages=1", "after the name one of max-faults")]
    [InlineData("kind", "major:max-faults=1", "one of the kinds failed, bus_error")]
    [InlineData("kind", "huge:max-rss=1KiB", "after the name one of max-faults")]
    [InlineData("max-increase", "5", "share above the baseline")]
    [InlineData("max-faults", "+5", "after + a share above the baseline")]
    [InlineData("min-huge-share", "+5%", "share from 0 to 1")]
    public void WhatIsNoBudgetIsRefusedWithWhatIsExpected(string name, string value, string expected)
    {
        var refused = Assert.Throws<FaultrecException>(() => Budget(name, value));

        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        Assert.StartsWith($"--{name} {value}: expected ", refused.Message);
        Assert.Contains(expected, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ANameMayHoldWhatABudgetIsMadeOf()
        => Assert.Equal(new Budget("max-faults", BudgetMeasure.Faults, "/a=b:c d.so", 3), Budget("region", "/a=b:c d.so:max-faults=3"));

    [Fact]
    public void AFileHasABudgetALine()
    {
        var budgets = ParseFile("# ours\n\n--max-major 0\n  max-faults=3e5\nmax-fault-time\t200ms\n--region [anon] x:max-faults=1000\r\n");

        Assert.Equal(
            [
                new Budget("max-major", BudgetMeasure.Major, null, 0), new Budget("max-faults", BudgetMeasure.Faults, null, 300_000),
                new Budget("max-fault-time", BudgetMeasure.FaultTimeNs, null, 200_000_000), new Budget("max-faults", BudgetMeasure.Faults, "[anon] x", 1000),
            ],
            budgets);
        Assert.StartsWith("f, line 2: max-majr 0: expected one of ", Assert.Throws<FaultrecException>(() => ParseFile("\nmax-majr 0\n")).Message);
        Assert.StartsWith("f, line 1: max-major: expected a budget and its value", Assert.Throws<FaultrecException>(() => ParseFile("max-major")).Message);
        Assert.StartsWith("f: expected budgets, one per line", Assert.Throws<FaultrecException>(() => ParseFile("# nothing\n")).Message);
    }

    [Fact]
    public void AFileHasALimitOfLinesAndCharacters()
    {
        const string budget = "max-major=0\n";
        var most = string.Concat(Enumerable.Repeat(budget, 100_000));

        Assert.Equal(100_000, ParseFile(most).Count);
        Assert.StartsWith("f: has more than 100000 budgets; expected ", Assert.Throws<FaultrecException>(() => ParseFile(most + budget)).Message);
        Assert.StartsWith("f: line 2 has more than 32768 characters; expected ",
            Assert.Throws<FaultrecException>(() => ParseFile(budget + new string('#', 32_769))).Message);
    }

    [Fact]
    public void JunitHasACaseACheck()
    {
        var suite = Junit(Hold(App, Faults, Budget("max-major", "0"), Budget("max-faults", "9"))).Root!.Element("testsuite")!;

        Assert.Equal(("3", "1"), (suite.Attribute("tests")!.Value, suite.Attribute("failures")!.Value));
        Assert.Equal(["complete recording", "max-major ≤ 0", "max-faults ≤ 9"], suite.Elements("testcase").Select(test => test.Attribute("name")!.Value));
        Assert.Equal("found 1, allowed ≤ 0", suite.Elements("testcase").Single(test => test.HasElements).Element("failure")!.Attribute("message")!.Value);
    }

    [Fact]
    public void HostileNamesAreInertInEveryFormat()
    {
        const string evil = "=evil|`<b>]]>\x1b[2J\r\n\u202e\ufffe\ud800,\"x\"&amp;'";
        var metadata = App with { Receipt = App.Receipt with { Complete = false, EndReason = evil } };
        var report = Story.Report(metadata, Faults) with { Path = evil };
        var assertion = Assertion.Of(report, [new Budget("max-faults", BudgetMeasure.Faults, evil, 0), Budget("max-major", "0")], false);
        var (markdown, stream) = (new StringWriter(), new MemoryStream());
        AssertionReport.WriteMarkdown(markdown, assertion);
        using (var json = new Utf8JsonWriter(stream))
            AssertionJson.Write(json, assertion);

        Assert.All([Text(assertion), markdown.ToString(), XmlText(assertion), System.Text.Encoding.UTF8.GetString(stream.ToArray())], text =>
        {
            Assert.Contains("evil", text, StringComparison.Ordinal);
            Assert.DoesNotContain(text, c => (char.IsControl(c) && c != '\n') || c is '\u202e' or '\ufffe' || char.IsSurrogate(c));
        });
        Assert.DoesNotContain("<b>", markdown.ToString(), StringComparison.Ordinal);
        var cases = Junit(assertion).Root!.Element("testsuite")!.Elements("testcase").ToList();
        Assert.Equal(3, cases.Count);
        Assert.Contains("=evil|`<b>]]>\\x1b[2J\\x0d\\x0a\\u202e\\ufffe\ufffd,\"x\"&amp;'", cases[1].Attribute("name")!.Value, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("code", "fill:max-faults=4", true)]
    [InlineData("code", "fill:max-faults=3", false)]
    [InlineData("code", "walk (app.c:20):max-fault-time=2us", true)]
    [InlineData("code", "main:max-major=0", true)]
    [InlineData("code", "fill:max-major=0", false)]
    [InlineData("kind", "unknown:max-faults=8", true)]
    [InlineData("kind", "unknown:max-faults=7", false)]
    [InlineData("kind", "huge:max-faults=0", true)]
    public void CodeAndKindsHaveBudgetsOfFaults(string name, string value, bool kept)
        => Assert.Equal(kept ? 0 : 1, Hold(StackStory.Metadata(), StackStory.Faults, Budget(name, value)).Broken);

    [Fact]
    public void ARelativeBudgetIsOfTheBaselinesMedian()
    {
        // Five faults are 66 % more than three, and one of the baselines had five itself.
        Assert.Equal(("≤ 3 (baseline 3 + 5 %)", true), OfFaults("5%", 3));
        Assert.Equal(("≤ 5 (baseline 3 + 70 %)", false), OfFaults("70%", 3));
        Assert.Equal(("≤ 4 (baseline 3 (2 to 4) + 5 %)", true), OfFaults("5%", 4, 3, 2));
        Assert.Equal(("≤ 5 (baseline 3 (3 to 5) + 5 %)", false), OfFaults("5%", 3, 5, 3));

        static (string, bool) OfFaults(string increase, params int[] baselines)
        {
            var check = Against([.. baselines.Select(faults => (App, Faults[..faults]))], Budget("max-increase", increase)).Checks[1];
            return (check.AllowedText, check.IsBroken);
        }
    }

    [Fact]
    public void WhatABaselineDoesNotKnowBreaksTheBudget()
    {
        var perf = App with { Backend = Backend.Perf };

        var check = Against([(App, Faults), (perf, [new(0x10000, DurationNs: null)])], Budget("max-fault-time", "+5%")).Checks[1];

        Assert.Equal((true, "unknown", "unknown"), (check.IsBroken, check.FoundText, check.AllowedText));
        Assert.Equal("baseline trace.parquet: backend perf has no durations", check.Note);
        // An absolute budget stays what it is.
        Assert.False(Against([(perf, [new(0x10000, DurationNs: null)])], Budget("max-fault-time", "54us")).Checks[1].IsBroken);
    }

    private static Assertion Against((TraceMetadata Metadata, Fault[] Faults)[] baselines, params Budget[] budgets)
        => Hold(App, Faults, [.. Baseline.Resolve(budgets,
            [.. baselines.Select(baseline => Hold(baseline.Metadata, baseline.Faults, [.. Baseline.Measured(budgets)]))])]);

    [Theory]
    [InlineData("max-faults", "7", "found 8, allowed ≤ 7: 4 by fill (app.c:12)")]
    [InlineData("max-major", "0", "found 1, allowed ≤ 0: 1 by fill (app.c:12)")]
    [InlineData("max-fault-time", "1us", "found 260 µs, allowed ≤ 1.00 µs: 255 µs by fill (app.c:12)")]
    [InlineData("region", "[anon]:max-faults=5", "found 6, allowed ≤ 5: 3 by fill (app.c:12)")]
    [InlineData("code", "walk:max-faults=0", "found 1, allowed ≤ 0: 1 by walk (app.c:20)")]
    [InlineData("kind", "unknown:max-faults=7", "found 8, allowed ≤ 7: 4 by fill (app.c:12)")]
    [InlineData("max-increase", "5%", "found 8, allowed ≤ 3 (baseline 3 + 5 %): +5, 3 of them by fill (app.c:12)")]
    [InlineData("region", "[anon]:max-faults=+5%", "found 6, allowed ≤ 3 (baseline 3 + 5 %): +3, 2 of them by fill (app.c:12)")]
    [InlineData("max-pages", "5", "found 6, allowed ≤ 5")]
    public void ABrokenBudgetOfFaultsNamesTheCode(string name, string value, string expected)
    {
        using var file = new TemporaryTrace(StackStory.Metadata(), StackStory.Faults, groupSize: 3);
        using var baseline = new TemporaryTrace(StackStory.Metadata(),
            [new(0x10000) { Stack = 2 }, new(0x11000) { Stack = 4 }, new(0x12000) { Stack = 3 }], groupSize: 3);
        var budget = Budget(name, value);
        var before = Of(baseline.Path, [.. Baseline.Measured([budget])]);

        var assertion = Of(file.Path, Baseline.Resolve([budget], [before]));

        Assert.Equal(expected, Assertion.Explain(assertion.Checks[1]));

        Assertion Of(string path, IReadOnlyList<Budget> budgets)
        {
            using var reader = TraceReader.Open(path);
            var report = ReportBuilder.Build(reader, FaultFilter.None, [], Assertion.MeasureOfCode);
            return FaultCulprits.AddTo(Assertion.Of(report, budgets, allowIncomplete: false), reader, _ => FaultFilter.None, [baseline.Path]);
        }
    }

    [Fact]
    public void GitHubShowsEachBrokenBudgetAsAnErrorOfOneLine()
    {
        var (broken, kept) = (new StringWriter(), new StringWriter());
        GithubReport.Write(broken, Hold(App, Faults, Budget("max-major", "0"), Budget("max-faults", "9"),
            Budget("region", "[anon]:max-faults=3")));
        GithubReport.Write(kept, Hold(App, Faults, Budget("max-major", "1")));

        Assert.Equal(
            "::error title=faultrec%3A max-major::trace.parquet: found 1, allowed ≤ 0\n"
                + "::error title=faultrec%3A region [anon]%3Amax-faults::trace.parquet: found 4, allowed ≤ 3\n",
            broken.ToString());
        Assert.Equal("::notice title=faultrec::trace.parquet: pass, all 2 checks hold\n", kept.ToString());
        var hostile = new StringWriter();
        GithubReport.Write(hostile, Hold(App, Faults, new Budget("max-faults", BudgetMeasure.Faults, "a%,\n::error::", -1)));
        Assert.StartsWith("::error title=faultrec%3A region a%25%2C\\x0a%3A%3Aerror%3A%3A%3Amax-faults::trace.parquet: found 0, ", hostile.ToString());
        Assert.Equal(1, hostile.ToString().Count(c => c == '\n'));
    }

    private static TraceMetadata Sampled => App with { Sampling = new Sampling(16, null, false) };

    private static IReadOnlyList<Budget> ParseFile(string text) => BudgetText.ParseFile("f", new StringReader(text));

    private static Budget Budget(string name, string value) => BudgetText.Parse(name, value, $"--{name} {value}");

    private static Assertion Hold(TraceMetadata metadata, Fault[] faults, params Budget[] budgets)
        => Assertion.Of(Story.Report(metadata, faults), budgets, allowIncomplete: false);

    private static XDocument Junit(Assertion assertion) => XDocument.Parse(XmlText(assertion));

    private static string XmlText(Assertion assertion)
    {
        var writer = new StringWriter();
        JunitReport.Write(writer, assertion);
        return writer.ToString();
    }

    private static string Text(Assertion assertion)
    {
        var writer = new StringWriter();
        AssertionReport.WriteText(writer, assertion, default);
        return writer.ToString();
    }
}
