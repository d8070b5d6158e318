using Faultrec.Analyzer.Info;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Screen;
using Faultrec.Analyzer.Tables;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Analyzer.Tests;

/// <summary>Faults that the kernel counted and the trace has no rows of: the receipt adds them up, and much of them is the first sentence.</summary>
public class UnseenStories
{
    private const ulong Start = 0x7f00_0000_0000;
    private static readonly Fault[] TwoFaults = [new(0x10000), new(0x11000)];

    [Fact]
    public void PopulatedMemoryIsTheFirstSentence()
    {
        var report = Report(131_072, Call("mmap", 9, 131_072, bytes: 512 << 20));

        Assert.StartsWith(
            "2 page-fault exceptions captured; the kernel also filled 131,072 pages (512.0 MiB) inside system calls (mmap), "
            + "which this backend does not see: 99.99 % of its count. "
            + "100 % of the faults (2) are in",
            Finding.Describe(report),
            StringComparison.Ordinal);
        Assert.StartsWith("2 page-fault exceptions captured; the kernel also filled 131,072 pages", FirstScreen.Of(report)[0].Text, StringComparison.Ordinal);
        Assert.StartsWith(
            "complete for page-fault exceptions: 2 faults captured, 0 lost; "
            + "2 captured + 131,072 inside system calls (unseen by this backend) + 3 in exec before the program's first instruction "
            + "= 131,077, the kernel's count; ",
            ReceiptText.Describe(report.Metadata.Receipt),
            StringComparison.Ordinal);
    }

    /// <summary>A fault may fill a huge page: only where there were as many as pages in the ranges is it said how many pages.</summary>
    [Fact]
    public void FaultsAreNotCalledPagesWhereThatIsNotKnown()
    {
        var report = Report(2176, Call("mprotect", 10, 2048, bytes: 8 << 20), Call("mlockall", 151, 62), Call("brk", 12, 33), Call("mprotect", 10, 32),
            Call(null, -1, 1));

        Assert.StartsWith(
            "2 page-fault exceptions captured; the kernel also served 2,176 faults inside system calls (mprotect 2,080, mlockall 62, brk 33, …), "
            + "which this backend does not see: 99.77 % of its count. ",
            Finding.Describe(report),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(63)] // all of nothing
    [InlineData(0)]
    public void LittleIsNotWorthASentence(long unseen)
        => Assert.StartsWith("100 % of the faults", Finding.Describe(Report(unseen, Call("futex", 202, unseen))), StringComparison.Ordinal);

    [Fact]
    public void AFilterIsAboutTheRows()
    {
        var metadata = Metadata(131_072, Call("mmap", 9, 131_072, bytes: 512 << 20));
        var report = Story.Report(metadata, TwoFaults, new FaultFilter { Pids = [10] });

        Assert.StartsWith("100 % of the faults", Finding.Describe(report), StringComparison.Ordinal);
    }

    [Fact]
    public void WithoutProbesOnlyTheSumIsTold()
    {
        var metadata = Metadata(0) with
        {
            Backend = Backend.Perf,
            Receipt = new Receipt { Events = 2, Failed = 0, KernelMinor = 100, KernelMajor = 0, Unseen = 98, Complete = true, ExitStatus = 0 },
        };
        var report = Story.Report(metadata, TwoFaults);

        Assert.StartsWith(
            "2 page-fault exceptions captured; the kernel counted 98 more faults, inside system calls, execve or kernel mode, "
            + "which this backend does not see: 98 % of its count. ",
            Finding.Describe(report),
            StringComparison.Ordinal);
        Assert.StartsWith(
            "complete for what this backend sees: 2 faults captured, 0 lost; 2 captured + 98 unseen by this backend "
            + "(inside system calls, execve or kernel mode) = 100, the kernel's count; ",
            ReceiptText.Describe(report.Metadata.Receipt),
            StringComparison.Ordinal);
    }

    /// <summary>Whoever adds up finds what the kernel says, or that it does not fit.</summary>
    [Fact]
    public void AnEquationThatDoesNotHoldIsShownAsSuch()
    {
        var receipt = new Receipt
        {
            Events = 12,
            Failed = 2,
            Lost = 3,
            Missed = 4,
            SampledOut = 5,
            InCalls = 6,
            KernelExec = 7,
            KernelMinor = 30,
            KernelMajor = 2,
            ExitStatus = 0,
        };

        Assert.Equal(
            "INCOMPLETE: 12 faults captured, 3 lost; 2 of them failed, which the kernel does not count; "
            + "4 missed, which the kernel counted but no probe saw being served; "
            + "5 (0 major) left out by sampling; 10 served + 5 left out by sampling + 6 inside system calls (unseen by this backend) + 7 in exec before "
            + "the program's first instruction "
            + "+ 3 lost + 4 missed = 35, but the kernel counted 32 (2 major); the program exited with status 0",
            ReceiptText.Describe(receipt));
    }

    /// <summary>Counters of the whole machine that others' faults were missed by say nothing of the target.</summary>
    [Fact]
    public void OthersDoNotMakeATargetIncomplete()
        => Assert.Equal(
            "complete: 5 faults captured, 0 lost; 30 of other processes left out; 5 captured = 5, the kernel's count; ended with its target",
            ReceiptText.Describe(new Receipt
            {
                Events = 5,
                Failed = 0,
                Excluded = 30,
                PerfMinor = 37,
                PerfMajor = 0,
                KernelMinor = 5,
                KernelMajor = 0,
                KernelExec = 0,
                InCalls = 0,
                Complete = true
            }));

    [Fact]
    public void InfoTellsTheCallsByThread()
    {
        var metadata = Metadata(140, Call("mmap", 9, 64, bytes: 64 << 12), Call("mmap", 9, 32, bytes: 32 << 12), Call("mlockall", 151, 40) with { Tid = 12 },
            Call(null, 192, 4) with { Tid = 0, Calls = 3 });
        var writer = new StringWriter();

        InfoText.Write(writer, new TraceInfo("t.parquet", 1234, 2, [], metadata), default);

        Assert.Contains(
            """
            kernel     minor 145, major 0, of these in exec 3, inside other system calls 140
            perf       minor -, major -
            calls      mmap: 96 faults in 2 calls of app (tid 10); the largest in 0x7f0000000000-0x7f0000040000
                       (256.0 KiB)
                       mlockall: 40 faults in 1 call of thread (tid 12)
                       call 192: 4 faults in 3 calls of several threads of pid 10
            """,
            writer.ToString(),
            StringComparison.Ordinal);
    }

    private static FaultReport Report(long inCalls, params CallFaults[] calls) => Story.Report(Metadata(inCalls, calls), TwoFaults);

    private static TraceMetadata Metadata(long inCalls, params CallFaults[] calls) => Story.Metadata(Story.TwoRegions) with
    {
        Receipt = new Receipt
        {
            Events = 2,
            Failed = 0,
            KernelMinor = 2 + 3 + inCalls,
            KernelMajor = 0,
            KernelExec = 3,
            InCalls = inCalls,
            InCallsMajor = 0,
            Complete = true,
            ExitStatus = 0,
        },
        CallFaults = calls,
    };

    private static CallFaults Call(string? name, int number, long faults, long bytes = 0)
        => new(10, 10, name, number, 1, faults, 0, bytes == 0 ? null : Start, bytes == 0 ? null : Start + (ulong)bytes, null, 5, 5, false);
}
