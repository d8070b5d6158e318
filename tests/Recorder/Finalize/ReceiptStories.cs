using Faultrec.Recorder.Native;
using Faultrec.Recorder.Tests.Support;
using Faultrec.Testing;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Recorder.Tests.Finalize;

/// <summary>received + lost = produced, and what the kernel's own counters say of it.</summary>
public sealed class ReceiptStories
{
    private const long T0 = SpoolStory.StartNs;
    private const int Pid = SpoolStory.Command;

    /// <summary>Three rows, one of them of a fault that failed and that the kernel does not count; two inside mmap, five inside execve.</summary>
    /// <summary>A program with other rights: its name comes, its end, and no mapping between. What it faults nobody could see.</summary>
    [Theory]
    [InlineData(false, 0, 30L)]
    [InlineData(true, 30, null)]
    public void WithoutItsEventsAProgramsFaultsAreMissed(bool isSetUid, int missed, long? unseen)
    {
        const int pid = 7;
        var header = SpoolStory.Header(isCommand: true);
        using var story = new SpoolStory(header with { Metadata = header.Metadata with { Backend = Backend.Perf } });
        var records = new PerfRecords().Comm(2, pid, pid, "passwd", exec: true);
        if (!isSetUid)
            records.Mmap2(3, pid, 0x1000, 0x2000, "/bin/passwd");
        story.Pass(0).Sideband(0, records.Exit(4, pid, pid)).Faults(0, SpoolStory.Fault(10, 1), SpoolStory.Fault(20, 2))
            .End(100, perfMinor: 2, perfMajor: 0, kernel: new KernelCounts(32, 0, null, null, null));
        var receipt = story.Finalize().Receipt;
        Assert.Equal((isSetUid ? 1 : 0, missed, unseen, !isSetUid), (receipt.Unfollowed, receipt.Missed, receipt.Unseen, receipt.Complete));
    }

    [Fact]
    public void TheTermsAddUpToTheKernelsCount()
    {
        using var story = new SpoolStory(isCommand: true);
        story.Pass(0)
            .Faults(0, SpoolStory.Fault(20, 1), SpoolStory.Fault(30, 2, bits: FaultBits.Major))
            .Event(40, EventType.FaultFailed, Pid, Pid, T0 + 35, 8, 0x401000, (4L << 32) | 11, (long)FaultBits.HasErrorCode)
            .End(100, perfMinor: 1, perfMajor: 1, kernel: new KernelCounts(8, 1, Exec: 5, InCallsMinor: 2));
        var receipt = story.Finalize().Receipt;
        Assert.Equal((3, 1, true), (receipt.Events, receipt.Failed, receipt.Complete));
        Assert.Equal((2L, 0L, 5L, null), (receipt.InCalls, receipt.InCallsMajor, receipt.KernelExec, receipt.Unseen));
        Assert.Equal(receipt.KernelMinor + receipt.KernelMajor, receipt.Events - receipt.Failed + receipt.InCalls + receipt.KernelExec);
    }

    /// <summary>What the target's own counters have beyond all terms was missed; less than all terms is as wrong.</summary>
    [Theory]
    [InlineData(10, 0, true)]
    [InlineData(13, 3, false)]
    [InlineData(9, 0, false)]
    public void TheTargetsOwnCountersDecide(int counted, int missed, bool complete)
    {
        using var story = new SpoolStory();
        // The counters of the machine have 20 faults of others that passed no probe: they say nothing of the target.
        story.Pass(0).Faults(0, SpoolStory.Fault(10, 1), SpoolStory.Fault(20, 2))
            .End(100, perfMinor: 40, perfMajor: 0, excluded: 18, kernel: new KernelCounts(counted, Exec: 1, InCallsMinor: 6, InCallsMajor: 1));
        var receipt = story.Finalize().Receipt;
        Assert.Equal((missed, complete), (receipt.Missed, receipt.Complete));
    }

    /// <summary>The perf backend: what wait4 counts beyond the samples is all that is known of what it cannot see.</summary>
    [Theory]
    [InlineData(2, 0, 30L)]
    [InlineData(3, 1, 29L)] // the samples themselves are one short
    public void WithoutProbesOnlyTheSumIsKnown(int sampled, int missed, long unseen)
    {
        var header = SpoolStory.Header(isCommand: true);
        using var story = new SpoolStory(header with { Metadata = header.Metadata with { Backend = Backend.Perf } });
        story.Pass(0).Faults(0, SpoolStory.Fault(10, 1), SpoolStory.Fault(20, 2))
            .End(100, perfMinor: sampled, perfMajor: 0, kernel: new KernelCounts(32, 0, null, null, null));
        var receipt = story.Finalize().Receipt;
        Assert.Equal((unseen, missed, missed == 0), (receipt.Unseen, receipt.Missed, receipt.Complete));
        Assert.Null(receipt.InCalls);
    }

    [Fact]
    public void WithoutCountersNothingIsSaidOfThem()
    {
        using var story = new SpoolStory();
        story.Pass(0).Faults(0, SpoolStory.Fault(10, 1)).End(100, 7, 0, excluded: 3);
        var receipt = story.Finalize().Receipt;
        Assert.Equal((null, null, null, null, null), (receipt.KernelMinor, receipt.KernelMajor, receipt.KernelExec, receipt.InCalls, receipt.Unseen));
    }

    /// <summary>Of two failed faults the program handles one; the other's signal is in the code with which it exits.</summary>
    [Fact]
    public void AProcessKnowsTheFaultThatEndedIt()
    {
        using var story = new SpoolStory(isCommand: true);
        BeginProgram(story)
            .Event(20, EventType.FaultFailed, Pid, Pid, T0 + 20, 0x8, 0x401000, 11)
            .Event(50, EventType.FaultFailed, Pid, Pid, T0 + 50, 0x8, 0x401000, 11)
            .Event(90, EventType.TaskExit, Pid, Pid, 0, 0, 11 | 0x80) // with a core dump
            .End(100);

        var process = Assert.Single(story.Finalize().Metadata.Processes);
        Assert.Equal((11, 50), (process.ExitSignal, process.FatalFaultNs));
    }

    /// <summary>The size of the file and a hardware error are of the fault that ended it, and of no other.</summary>
    [Theory]
    [InlineData(7, 2, 40960L, 40960L, false)]
    [InlineData(7, 2, -1L, null, false)] // no file
    [InlineData(7, 4, -1L, null, true)]
    [InlineData(11, 2, 40960L, null, false)] // it survived that, and died of something else
    public void AProcessKnowsWhyItsLastPageCouldNotBeHad(int signal, int code, long fileBytes, long? known, bool isPoisoned)
    {
        using var story = new SpoolStory(isCommand: true);
        BeginProgram(story)
            .Event(20, EventType.FaultFailed, Pid, Pid, T0 + 20, 0x8, 0x401000, 7)
            .Event(21, EventType.BusError, Pid, Pid, code, fileBytes)
            .Event(50, EventType.FaultFailed, Pid, Pid, T0 + 50, 0x8, 0x401000, signal)
            .Event(90, EventType.TaskExit, Pid, Pid, 0, 0, signal)
            .End(100);

        var process = Assert.Single(story.Finalize().Metadata.Processes);
        Assert.Equal((known, isPoisoned), (process.FatalFileBytes, process.IsPoisoned));
    }

    /// <summary>
    /// A thread that is not the leader calls execve: the leader ends, and the thread goes on under the leader's id.
    /// </summary>
    [Fact]
    public void ThreadThatExecsTakesTheLeadersId()
    {
        using var story = new SpoolStory(isCommand: true);
        story.Pass(0)
            .Event(1, EventType.TaskNew, Pid, Pid, 0, 0, 0, 0, 1)
            .Sideband(0, new PerfRecords()
                .Comm(T0 + 2, Pid, Pid, "prog", exec: true)
                .Fork(T0 + 10, Pid, 101, Pid, Pid)
                .Exit(T0 + 41, Pid, Pid)
                .Comm(T0 + 45, Pid, Pid, "next", exec: true)
                .Exit(T0 + 91, Pid, Pid))
            .Event(3, EventType.TaskExec, Pid, Pid, 0, 0, Pid)
            .Event(11, EventType.TaskNew, Pid, 101, Pid, Pid)
            .Faults(0, SpoolStory.Fault(20, 1), SpoolStory.Fault(30, 2, tid: 101), SpoolStory.Fault(31, 3, tid: 101))
            .Event(40, EventType.TaskExit, Pid, Pid, 1, 0)
            .Faults(1, SpoolStory.Fault(46, 4)) // in execve, already under the leader's id
            .Event(50, EventType.TaskExec, Pid, Pid, 7, 0, 101)
            .Faults(1, SpoolStory.Fault(60, 5))
            .Event(90, EventType.TaskExit, Pid, Pid, 8, 0)
            .End(100, perfMinor: 5, perfMajor: 0);
        var trace = story.Finalize();
        Assert.Equal(["prog", "prog", "prog", "next", "next"], trace.Rows.Comm);
        Assert.Equal(
            [(Pid, "prog", 40L), (101, "prog", 50L), (Pid, "next", 90L)],
            trace.Metadata.Threads.Select(thread => (thread.Tid, thread.Comm, thread.ExitedNs!.Value)));
        Assert.Equal(91, Assert.Single(trace.Metadata.Processes).ExitedNs);
    }

    [Fact]
    public void LossIsToldByCpuAndBySecond()
    {
        using var story = new SpoolStory();
        story.Pass(0).Faults(0, SpoolStory.Fault(10, 1)).Loss(0, 500_000_000, 7).Loss(3, 900_000_000, 2)
            .Pass(1_999_999_999).Loss(0, 1_999_999_999, 1).Pass(2_000_000_000).Loss(3, 2_000_000_000, 4)
            .End(3_000_000_000);
        var receipt = story.Finalize().Receipt;
        Assert.Equal((1, 14, false), (receipt.Events, receipt.Lost, receipt.Complete));
        Assert.Equal([new CpuLoss(0, 8), new CpuLoss(3, 6)], receipt.LostByCpu);
        Assert.Equal([new SecondLoss(0, 9), new SecondLoss(1, 1), new SecondLoss(2, 4)], receipt.LostBySecond);
    }

    [Theory]
    [InlineData(2, 0, 0, true)]
    [InlineData(1, 1, 0, true)]
    [InlineData(3, 0, 0, false)] // the counter saw one more
    [InlineData(1, 0, 0, false)]
    [InlineData(null, null, 0, true)] // it was not read
    [InlineData(2, 0, 1, false)] // a rare event was lost: regions may be wrong
    public void CompleteNeedsTheCountersToAgree(int? minor, int? major, int eventsLost, bool complete)
    {
        using var story = new SpoolStory(isCommand: true);
        story.Pass(0).Event(1, EventType.TaskExec, Pid, Pid, 0, 0, Pid).Faults(0, SpoolStory.Fault(10, 1), SpoolStory.Fault(20, 2))
            .Event(40, EventType.FaultFailed, Pid, Pid, T0 + 30, 8, 0x401000, (4L << 32) | 11, (long)FaultBits.HasErrorCode) // a row that no counter counts
            .End(100, minor, major, eventsLost);
        var receipt = story.Finalize().Receipt;
        Assert.Equal((3, complete, eventsLost), (receipt.Events, receipt.Complete, receipt.LostSideband));
    }

    /// <summary>
    /// A command, while another tool's BPF program ran at the wrong moment: its perf counters have faults that the kernel left our
    /// program out for.
    /// </summary>
    [Theory]
    [InlineData(5, 1, 2)]
    [InlineData(3, 1, 0)]
    [InlineData(2, 0, 0)]
    [InlineData(1, 0, 0)] // fewer than there are: nothing is missed, but nothing is right
    public void WhatOnlyTheCommandsCountersHaveIsMissed(int counted, int lost, int missed)
    {
        using var story = new SpoolStory(isCommand: true);
        story.Pass(0).Faults(0, SpoolStory.Fault(10, 1), SpoolStory.Fault(20, 2)).Loss(0, 30, lost).End(100, counted - 1, 1);
        var receipt = story.Finalize().Receipt;
        Assert.Equal((lost, missed), (receipt.Lost, receipt.Missed));
        Assert.Equal(counted == 2, receipt.Complete);
    }

    /// <summary>The kprobe rung cannot tell a fault under way from one whose return it missed.</summary>
    [Fact]
    public void AFaultUnderWayAtTheEndMayHaveBeenMissed()
    {
        using var story = new SpoolStory();
        story.Pass(0).Faults(0, SpoolStory.Fault(10, 1)).End(100, returnsDue: 3);
        var receipt = story.Finalize().Receipt;
        Assert.Equal((3, 0, false), (receipt.WithoutOutcome, receipt.Missed, receipt.Complete));
    }

    [Fact]
    public void CountsWithoutRoomMakeARecordingIncomplete()
    {
        using var story = new SpoolStory();
        story.Pass(0).Faults(0, SpoolStory.Fault(10, 1)).End(100, countsLost: 4);
        var receipt = story.Finalize().Receipt;
        Assert.Equal((4, false), (receipt.CountsLost, receipt.Complete));
    }

    [Fact]
    public void LostSidebandIsCounted()
    {
        using var story = new SpoolStory();
        story.Pass(0).Sideband(0, new PerfRecords().Lost(T0 + 5, 12)).End(100);
        var receipt = story.Finalize().Receipt;
        Assert.Equal((12, false), (receipt.LostSideband, receipt.Complete));
    }

    /// <summary>A process that has executed "prog", and ends after 91.</summary>
    private static SpoolStory BeginProgram(SpoolStory story) => story.Pass(0)
        .Event(1, EventType.TaskNew, Pid, Pid, 0, 0, 0, 0, 1)
        .Sideband(0, new PerfRecords().Comm(T0 + 2, Pid, Pid, "prog", exec: true).Exit(T0 + 91, Pid, Pid))
        .Event(3, EventType.TaskExec, Pid, Pid, 0, 0, Pid);
}
