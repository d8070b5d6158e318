using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Perf;
using Faultrec.Testing;
using Xunit;

namespace Faultrec.Recorder.Tests.Capture;

/// <summary>What is left of the machine's side-band: records named by their time.</summary>
public sealed class TargetFilterTests
{
    private const int Target = 10, Other = 20, Self = 99;

    private readonly SidebandParser _parser = new();

    [Fact]
    public void OnlyTheTargetAndWhatItCreatesAreKept()
    {
        var filter = Knowing(Target);
        var kept = Filter(filter, new PerfRecords()
            .Comm(1, Other, Other, "other").Mmap2(2, Target, 0x1000, 0x2000, "//anon").Mmap2(3, Other, 0x1000, 0x2000, "//anon")
            .Fork(4, 11, 11, Target, Target).Mmap2(5, 11, 0x3000, 0x4000, "//anon").Fork(6, 21, 21, Other, Other).Exit(7, 11, 11).Exit(8, 21, 21));
        Assert.Equal([2L, 4, 5, 7], kept);
    }

    /// <summary>What a child's child does is in the first CPU's ring, how it came to be in the others'.</summary>
    [Fact]
    public void ForksAreFollowedByTimeOverAllRings()
    {
        var kept = Filter(
            Knowing(Target),
            new PerfRecords().Mmap2(5, 12, 0x1000, 0x2000, "//anon"),
            new PerfRecords().Fork(4, 12, 12, 11, 11),
            new PerfRecords().Fork(3, 11, 11, Target, Target));
        Assert.Equal([5L, 4, 3], kept);
    }

    [Fact]
    public void AnIdThatIsUsedAgainIsSomebodyElses()
    {
        var filter = Knowing(Target);
        Assert.Equal([1L], Filter(filter, new PerfRecords().Exit(1, Target, Target)));
        Assert.Equal([], Filter(filter, new PerfRecords().Fork(2, Target, Target, Other, Other).Mmap2(3, Target, 0x1000, 0x2000, "//anon")));
    }

    /// <summary>A name makes a target: with a new program everything follows; a running one must be looked at.</summary>
    [Fact]
    public void NamesMakeTargets()
    {
        var filter = new TargetFilter(new Glob("web-*"), Self);
        Assert.Equal([1L, 2], Filter(filter, new PerfRecords()
            .Comm(1, Target, Target, "web-1", exec: true).Mmap2(2, Target, 0x1000, 0x2000, "/bin/web").Mmap2(3, Other, 0x1000, 0x2000, "/bin/other")));
        Assert.Empty(filter.TakeAppeared());

        // With what it did one drain ago.
        Assert.Equal([3L, 4, 5], Filter(filter, new PerfRecords().Comm(4, Other, Other, "web-2").Mmap2(5, Other, 0x3000, 0x4000, "//anon")));
        Assert.Equal([new NewTarget(Other, 4)], filter.TakeAppeared());

        // It has another program now; only its end is still told.
        Assert.Equal([8L], Filter(filter, new PerfRecords()
            .Comm(6, Target, Target, "sh", exec: true).Mmap2(7, Target, 0x1000, 0x2000, "/bin/sh").Exit(8, Target, Target)));
    }

    /// <summary>The probes say so at the first fault, which is later than the first records: those of one drain ago are still there.</summary>
    [Fact]
    public void WhoIsFoundByItsFaultHasTheRecordsBefore()
    {
        var filter = new TargetFilter(null, Self);
        Assert.Equal([], Filter(filter, new PerfRecords().Mmap2(1, Target, 0x1000, 0x2000, "/bin/web").Mmap2(2, Other, 0x1000, 0x2000, "//anon")));
        filter.Found(Target, 3);
        filter.Found(Target, 4);
        Assert.Equal([1L, 5, 6], Filter(filter, new PerfRecords().Fork(5, 11, 11, Target, Target).Mmap2(6, 11, 0x1000, 0x2000, "//anon")));
        Assert.Equal([new NewTarget(Target, 3)], filter.TakeAppeared());
        Assert.Equal([], Filter(filter, new PerfRecords().Mmap2(7, Other, 0x3000, 0x4000, "//anon")));
    }

    /// <summary>Its creation, its first fault and its end are all in one drain.</summary>
    [Fact]
    public void WhoIsFoundAfterItsCreationStaysFound()
    {
        var filter = new TargetFilter(null, Self);
        filter.Found(Target, 3);
        Assert.Equal([1L, 2, 4],
            Filter(filter, new PerfRecords().Fork(1, Target, Target, Other, Other).Mmap2(2, Target, 0x1000, 0x2000, "/bin/web").Exit(4, Target, Target)));

        // The same id in another process.
        Assert.Equal([], Filter(filter, new PerfRecords().Fork(5, Target, Target, Other, Other).Mmap2(6, Target, 0x1000, 0x2000, "//anon")));
    }

    [Fact]
    public void TheRecorderIsNoTarget()
    {
        var filter = new TargetFilter(new Glob("*"), Self);
        filter.Found(Self, 1);
        Assert.Equal([3L], Filter(filter, new PerfRecords().Comm(2, Self, Self, "faultrec", exec: true).Lost(3, 7)));
        Assert.Empty(filter.TakeAppeared());
    }

    private static TargetFilter Knowing(int pid)
    {
        var filter = new TargetFilter(null, Self);
        filter.Know(pid);
        return filter;
    }

    private List<long> Filter(TargetFilter filter, params PerfRecords[] rings)
    {
        var kept = new List<long>();
        filter.Filter(
            [.. rings.Select((records, cpu) => (cpu, records.ToArray()))],
            (_, records) => kept.AddRange(_parser.Parse(records.ToArray()).Select(change => change.TimeNs)));
        return kept;
    }
}
