using System.Text.Json;
using Faultrec.Analyzer.Budgets;
using Faultrec.Analyzer.Render;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;
using Xunit;
using static Faultrec.Analyzer.Tests.ResidencyStories;

namespace Faultrec.Analyzer.Tests;

/// <summary>Recordings held against budgets of resident memory.</summary>
public class MemoryBudgetStories
{
    // walk's three pages are gone before fill has its five.
    private static readonly Fault[] Faults =
    [
        Touch(1, Anon, Walk), Touch(2, Anon + 0x1000, Walk), Touch(3, ResidencyStories.File, Walk, access: FaultAccess.Read),
        .. Enumerable.Range(0, 5).Select(i => Touch(20 + i, Anon + 0x10_0000 + ((ulong)i << 12), Fill)),
    ];

    private static TraceMetadata App => Metadata with
    {
        Releases = Releases(new Gone(10, "munmap", Anon, 2, Reserve), new Gone(11, "munmap", ResidencyStories.File, 1, Reserve)),
    };

    [Theory]
    [InlineData("max-rss", "20KiB", true)]
    [InlineData("max-rss", "20479B", false)]
    [InlineData("max-growth", "20KiB", true)]
    [InlineData("max-growth", "16KiB", false)]
    [InlineData("region", "[anon]:max-rss=20KiB", true)]
    [InlineData("region", "[anon]:max-rss=19.9KiB", false)]
    [InlineData("region", "a.so:max-rss=4KiB", true)]
    [InlineData("region", "a.so:max-rss=0B", false)]
    [InlineData("region", "a.so:max-growth=0B", true)]
    [InlineData("code", "fill (app.c:12):max-growth=16KiB", false)]
    [InlineData("code", "walk (app.c:20):max-rss=12KiB", true)]
    [InlineData("code", "walk (app.c:20):max-rss=8KiB", false)]
    [InlineData("code", "walk:max-growth=0B", true)]
    public void ABudgetIsKeptUpToItsLimit(string name, string value, bool kept)
        => Assert.Equal(kept ? 0 : 1, Hold(App, Faults, (name, value)).Broken);

    [Fact]
    public void ABrokenBudgetNamesTheCodeAndTheKernelsPeakStandsBesideTheAccount()
    {
        var metadata = App with { Memory = [new ProcessMemory(10, [5], [0], [0], [0], [0], 6 * Page, true)] };

        Assert.Equal(
            """
            trace.parquet: FAIL, 4 of 6 checks broken: max-rss found 24.0 KiB (20.0 KiB accounted), allowed ≤
            20.0 KiB: 20.0 KiB by fill (app.c:12) in app; max-growth found 20.0 KiB, allowed ≤ 1.0 KiB: 20.0 KiB
            by fill (app.c:12); region [anon]:max-rss found 20.0 KiB, allowed ≤ 1.0 KiB: 20.0 KiB by fill
            (app.c:12); code walk:max-rss found 12.0 KiB, allowed ≤ 1.0 KiB: 12.0 KiB by walk (app.c:20)

              result budget                 found                         allowed
              pass   complete recording     complete                      complete
              FAIL   max-rss                24.0 KiB (20.0 KiB accounted) ≤ 20.0 KiB
              FAIL   max-growth             20.0 KiB                      ≤ 1.0 KiB
              FAIL   region [anon]:max-rss  20.0 KiB                      ≤ 1.0 KiB
              FAIL   code walk:max-rss      12.0 KiB                      ≤ 1.0 KiB
              pass   code render:max-growth 0 B                           ≤ 0 B
            code render:max-growth: no code whose name contains this had resident memory: check the name

            """,
            Text(Hold(metadata, Faults, ("max-rss", "20KiB"), ("max-growth", "1KiB"), ("region", "[anon]:max-rss=1KiB"), ("code", "walk:max-rss=1KiB"),
                ("code", "render:max-growth=0B"))));
    }

    [Fact]
    public void APeakIsThatOfTheLargestProcessNotOfAllTogether()
    {
        var metadata = App with
        {
            Regions = [.. Regions, Regions[0] with { Id = 3, Pid = 11 }],
            Processes = [new() { Pid = 10, Comm = "app" }, new() { Pid = 11, Comm = "child" }],
            Threads = [],
        };
        Fault[] faults = [.. Faults, .. Enumerable.Range(0, 6).Select(i => Touch(40 + i, Anon + ((ulong)i << 12), Walk) with { Pid = 11, Region = 3 })];

        var rss = Hold(metadata, faults, ("max-rss", "20KiB")).Checks[1];
        var ofRegions = Hold(metadata, faults, ("region", "[anon]:max-rss=1B")).Checks[1];

        Assert.Equal((6.0 * Page, new Culprit("walk (app.c:20)", 6 * Page, 11, "child")), (rss.Found, rss.Culprit));
        Assert.Equal("by the account: the kernel's counters of the largest process were not read", rss.Note);
        Assert.Equal((11.0 * Page, new Culprit("walk (app.c:20)", 6 * Page, null, null)), (ofRegions.Found, ofRegions.Culprit));
        // Where the kernel knows the other one to be larger, it is the other one.
        var known = metadata with { Memory = [new ProcessMemory(10, [5], [0], [0], [0], [0], 7 * Page, true)] };
        Assert.Equal((7.0 * Page, 5.0 * Page, 10), Hold(known, faults, ("max-rss", "1B")).Checks[1] is var check
            ? (check.Found, check.Accounted, check.Culprit!.Pid) : default);
    }

    [Fact]
    public void WhatATraceCannotTellKeepsNoBudget()
    {
        var older = App with { Releases = null };
        var blind = App with { PageTable = null };
        var attached = App with { Target = "pid 10" };

        // Too much is accounted: what keeps the budget keeps it all the same, what breaks it proves nothing.
        Assert.Equal((8.0 * Page, false), Result(older, ("max-rss", "1MiB")));
        AssertUnknown(Hold(older, Faults, ("max-rss", "20KiB")), "the account has 32.0 KiB, but this trace does not tell what was given back");
        AssertUnknown(Hold(older, Faults, ("region", "[anon]:max-growth=1B")), "does not tell what was given back");
        // Too little: the other way round.
        Assert.Equal((5.0 * Page, true), Result(blind, ("max-rss", "16KiB")));
        AssertUnknown(Hold(blind, Faults, ("max-rss", "1MiB")), "without page-table facts");
        AssertUnknown(Hold(blind, Faults, ("code", "fill:max-rss=1MiB")), "without page-table facts");
        AssertUnknown(Hold(attached, Faults, ("max-rss", "1MiB")), "what was resident before the recording is not known");
        // A page of before may count as new.
        Assert.Equal((5.0 * Page, false), Result(attached, ("max-growth", "1MiB")));
        AssertUnknown(Hold(attached, Faults, ("max-growth", "1B")), "what was resident before the recording is not known");
        AssertUnknown(Hold(App with { Stacks = null, StackRecording = null }, [.. Faults.Select(fault => fault with { Stack = null })],
            ("code", "fill:max-rss=1MiB")), "no stacks");

        static (double? Found, bool IsBroken) Result(TraceMetadata metadata, (string, string) budget)
            => Hold(metadata, Faults, budget).Checks[1] is var check ? (check.Found, check.IsBroken) : default;
    }

    [Fact]
    public void OfASampleOnlyTheKernelsPeaksAreKnown()
    {
        var sample = App with { Sampling = new Sampling(16, null, false) };
        var counted = sample with { Memory = [new ProcessMemory(10, [5], [0], [0], [0], [0], 6 * Page, true)] };
        var another = counted with { Processes = [new() { Pid = 10, Comm = "app" }, new() { Pid = 11, Comm = "other" }] };

        Assert.Equal((6.0 * Page, null, false), Hold(counted, Faults, ("max-rss", "24KiB")).Checks[1] is var check
            ? (check.Found, check.Accounted, check.IsBroken) : default);
        AssertUnknown(Hold(another, Faults, ("max-rss", "24KiB")), "the kernel's counters of 1 process were not read");
        AssertUnknown(Hold(sample, Faults, ("max-rss", "1MiB")), "a sample lacks the faults in between");
        AssertUnknown(Hold(counted, Faults, ("max-growth", "1MiB")), "a sample lacks the faults in between");
        // Too much is proved by one.
        Assert.Equal(6 * Page, Hold(another, Faults, ("max-rss", "1KiB")).Checks[1].Found);
    }

    [Fact]
    public void JsonHasBothFiguresAndTheCulpritAndJunitNamesIt()
    {
        var metadata = App with { Memory = [new ProcessMemory(10, [5], [0], [0], [0], [0], 6 * Page, true)] };
        var assertion = Hold(metadata, Faults, ("max-rss", "1KiB"), ("code", "walk:max-rss=1MiB"));
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
            AssertionJson.Write(json, assertion);
        using var parsed = JsonDocument.Parse(stream.ToArray());
        var checks = parsed.RootElement.GetProperty("checks");
        var junit = new StringWriter();
        JunitReport.Write(junit, assertion);

        Assert.Equal(
            """{"budget":"max-rss","region":null,"code":null,"kind":null,"unit":"bytes","found":24576,"accounted":20480,"allowed":1024,"increase":null,"baseline":null,"broken":true,"note":null,"culprit":{"code":"fill (app.c:12)","amount":20480,"bytes":20480,"rise":null,"pid":10,"comm":"app"}}""",
            checks[1].GetRawText());
        Assert.Equal(("walk", JsonValueKind.Null), (checks[2].GetProperty("code").GetString(), checks[2].GetProperty("culprit").ValueKind));
        Assert.Contains("message=\"found 24.0 KiB (20.0 KiB accounted), allowed ≤ 1.0 KiB: 20.0 KiB by fill (app.c:12) in app\"", junit.ToString(),
            StringComparison.Ordinal);
    }

    [Fact]
    public void AWindowHasItsOwnPeakAndNotTheKernels()
    {
        // fill's pages came at 20 and later; the kernel had six at some time.
        var metadata = App with { Memory = [new ProcessMemory(10, [5], [0], [0], [0], [0], 6 * Page, true)] };

        var check = Hold(metadata, Faults, new FaultFilter { ToNs = 15 }, ("max-rss", "12KiB")).Checks[1];
        var thread = Hold(metadata, Faults, new FaultFilter { Tids = [10] }, ("max-rss", "12KiB")).Checks[1];
        var other = Hold(metadata, Faults, new FaultFilter { Pids = [11] }, ("max-rss", "0B")).Checks[1];

        Assert.Equal((3.0 * Page, false, "by the account: the kernel's own peak is of the whole life of a process"), (check.Found, check.IsBroken, check.Note));
        Assert.Equal((null, true, "filters by thread, name and kind do not apply to resident memory"), (thread.Found, thread.IsBroken, thread.Note));
        Assert.Equal((0.0, false), (other.Found, other.IsBroken));
    }

    [Fact]
    public void OtherBudgetsNeedNoAccount()
    {
        using var file = new TemporaryTrace(App, Faults, groupSize: 3);
        using var reader = TraceReader.Open(file.Path);
        var report = ReportBuilder.Build(reader, FaultFilter.None, []);

        Assert.Null(MemoryBudgets.Of(reader, report, [Budget("max-major", "0"), Budget("region", "[anon]:max-pages=5")]));
    }

    [Theory]
    [InlineData("max-rss", "200", "a number with a unit B, KiB, MiB")]
    [InlineData("max-rss", "200XB", "a number with a unit B, KiB, MiB")]
    [InlineData("max-rss", "-1B", "a number with a unit B, KiB, MiB")]
    [InlineData("max-growth", "9e9GiB", "a number with a unit B, KiB, MiB")]
    [InlineData("max-growth", "99999999999TiB", "a number with a unit B, KiB, MiB")]
    [InlineData("code", "walk", "NAME:BUDGET=VALUE, such as parse (json.c:210):max-rss=200MiB")]
    [InlineData("code", "walk:max-pages=1", "after the name one of max-faults, max-major")]
    public void WhatIsNoBudgetIsRefusedWithWhatIsExpected(string name, string value, string expected)
    {
        var refused = Assert.Throws<FaultrecException>(() => Budget(name, value));

        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        Assert.Contains($": expected {expected}", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ALineOfCodeMayHoldColons()
        => Assert.Equal(new Budget("max-rss", BudgetMeasure.ResidentBytes, null, 1.5 * (1 << 20), "parse (json.c:210)"),
            Budget("code", "parse (json.c:210):max-rss=1.5MiB"));

    private static void AssertUnknown(Assertion assertion, string because)
    {
        Assert.Equal((true, "unknown"), (assertion.Checks[1].IsBroken, assertion.Checks[1].FoundText));
        Assert.Contains(because, assertion.Checks[1].Note, StringComparison.Ordinal);
    }

    private static Budget Budget(string name, string value) => BudgetText.Parse(name, value, $"--{name} {value}");

    private static Assertion Hold(TraceMetadata metadata, Fault[] faults, params (string Name, string Value)[] budgets)
        => Hold(metadata, faults, FaultFilter.None, budgets);

    private static Assertion Hold(TraceMetadata metadata, Fault[] faults, FaultFilter filter, params (string Name, string Value)[] budgets)
    {
        using var file = new TemporaryTrace(metadata, faults, groupSize: 3);
        using var reader = TraceReader.Open(file.Path);
        var report = ReportBuilder.Build(reader, filter, []) with { Path = "trace.parquet" };
        List<Budget> parsed = [.. budgets.Select(budget => Budget(budget.Name, budget.Value))];
        return Assertion.Of(report, parsed, allowIncomplete: false, MemoryBudgets.Of(reader, report, parsed));
    }

    private static string Text(Assertion assertion)
    {
        var writer = new StringWriter();
        AssertionReport.WriteText(writer, assertion, default);
        return writer.ToString();
    }
}
