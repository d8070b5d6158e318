using Faultrec.Recorder.Capture;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Tests.Support;
using Faultrec.Traces;
using Xunit;

namespace Faultrec.Recorder.Tests.Finalize;

/// <summary>received + lost = produced, and what the kernel's own counters say of it.</summary>
public sealed class ReceiptStories
{
    private const long T0 = SpoolStory.StartNs;
    private const int Pid = SpoolStory.Command;

    /// <summary>
    /// The launcher had 1,000 minor and 10 major faults before its execve, and one of its helper threads is seen ending. execve itself costs 20 that no
    /// probe sees; then 3 rows, a second execve with 5, and a child with 2 rows. One fault comes after the command's exit event.
    /// </summary>
    [Fact]
    public void KernelCountsAreThoseOfTheCommandAlone()
    {
        using var story = new SpoolStory(baseline: (1000, 10));
        story.Pass(0)
            .Event(1, EventType.TaskNew, Pid, Pid, 0, 0, 900, 10, 1)
            .Event(1, EventType.TaskNew, Pid, 150, 0, 0, 50, 0, 1)
            .Event(2, EventType.TaskExit, Pid, 150, 50, 0)
            .Event(10, EventType.TaskExec, Pid, Pid, 1020, 10, Pid)
            .Faults(0, SpoolStory.Fault(20, 1), SpoolStory.Fault(30, 2, bits: FaultBits.Major), SpoolStory.Fault(40, 3))
            .Event(50, EventType.TaskExec, Pid, Pid, 1027, 11, Pid)
            .Sideband(0, new PerfRecords().Fork(T0 + 55, 200, 200, Pid, Pid))
            .Event(56, EventType.TaskNew, 200, 200, Pid, Pid)
            .Faults(1, SpoolStory.Fault(60, 4, 200, 200), SpoolStory.Fault(70, 5, 200, 200))
            .Event(80, EventType.TaskExit, 200, 200, 2, 0)
            .Event(90, EventType.TaskExit, Pid, Pid, 1027, 11)
            .Faults(0, SpoolStory.Fault(95, 6))
            .End(100, perfMinor: 5, perfMajor: 1);
        var receipt = story.Finalize().Receipt;
        Assert.Equal((6, true), (receipt.Events, receipt.Complete));
        Assert.Equal((30L, 1L, 25L), (receipt.KernelMinor, receipt.KernelMajor, receipt.KernelExec));
        Assert.Equal(receipt.Events, receipt.KernelMinor + receipt.KernelMajor - receipt.KernelExec);
    }

    /// <summary>Of two failed faults the program handles one; the other's signal is in the code with which it exits.</summary>
    [Fact]
    public void AProcessKnowsTheFaultThatEndedIt()
    {
        using var story = new SpoolStory(baseline: (0, 0));
        story.Pass(0)
            .Event(1, EventType.TaskNew, Pid, Pid, 0, 0, 0, 0, 1)
            .Sideband(0, new PerfRecords().Comm(T0 + 2, Pid, Pid, "prog", exec: true).Exit(T0 + 91, Pid, Pid))
            .Event(3, EventType.TaskExec, Pid, Pid, 0, 0, Pid)
            .Event(20, EventType.FaultFailed, Pid, Pid, T0 + 20, 0x8, 0x401000, 11)
            .Event(50, EventType.FaultFailed, Pid, Pid, T0 + 50, 0x8, 0x401000, 11)
            .Event(90, EventType.TaskExit, Pid, Pid, 0, 0, 11 | 0x80) // with a core dump
            .End(100);

        var process = Assert.Single(story.Finalize().Processes);
        Assert.Equal((11, 50), (process.ExitSignal, process.FatalFaultNs));
    }

    /// <summary>
    /// A thread that is not the leader calls execve: the leader ends, and the thread goes on under the leader's id with its own
    /// counters.
    /// </summary>
    [Fact]
    public void ThreadThatExecsKeepsItsCounters()
    {
        using var story = new SpoolStory(baseline: (0, 0));
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
        Assert.Equal((9L, 0L, 4L), (trace.Receipt.KernelMinor, trace.Receipt.KernelMajor, trace.Receipt.KernelExec));
        Assert.Equal(["prog", "prog", "prog", "next", "next"], trace.Rows.Comm);
        Assert.Equal(
            [(Pid, "prog", 40L), (101, "prog", 50L), (Pid, "next", 90L)],
            trace.Metadata.Threads.Select(thread => (thread.Tid, thread.Comm, thread.ExitedNs!.Value)));
        Assert.Equal(91, Assert.Single(trace.Metadata.Processes).ExitedNs);
    }

    [Fact]
    public void KernelCountsAreUnknownWhileATaskLives()
    {
        using var story = new SpoolStory(baseline: (0, 0));
        story.Pass(0).Event(1, EventType.TaskNew, Pid, Pid, 0, 0, 0, 0, 1).Faults(0, SpoolStory.Fault(20, 1)).End(100, 1, 0);
        var receipt = story.Finalize().Receipt;
        Assert.Equal((null, null, null), (receipt.KernelMinor, receipt.KernelMajor, receipt.KernelExec));
        Assert.True(receipt.Complete);
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
        using var story = new SpoolStory();
        story.Pass(0).Faults(0, SpoolStory.Fault(10, 1), SpoolStory.Fault(20, 2))
            .Event(40, EventType.FaultFailed, Pid, Pid, T0 + 30, 8, 0x401000, (4L << 32) | 11, (long)FaultBits.HasErrorCode) // a row that no counter counts
            .End(100, minor, major, eventsLost);
        var receipt = story.Finalize().Receipt;
        Assert.Equal((3, complete, eventsLost), (receipt.Events, receipt.Complete, receipt.LostSideband));
    }

    /// <summary>
    /// Attached on a machine where another tool's BPF program ran at the wrong moment: the counters of the CPUs have 20 faults, two
    /// rows and 15 of others make 17, one was lost; so the kernel left our program out twice.
    /// </summary>
    [Theory]
    [InlineData(20, 1, 2)]
    [InlineData(18, 1, 0)]
    [InlineData(17, 0, 0)]
    [InlineData(16, 0, 0)] // fewer than there are: nothing is missed, but nothing is right
    public void WhatOnlyTheKernelCountedIsMissed(int counted, int lost, int missed)
    {
        using var story = new SpoolStory();
        story.Pass(0).Faults(0, SpoolStory.Fault(10, 1), SpoolStory.Fault(20, 2)).Loss(0, 30, lost).End(100, counted - 5, 5, excluded: 15);
        var receipt = story.Finalize().Receipt;
        Assert.Equal((lost, missed), (receipt.Lost, receipt.Missed));
        Assert.Equal(counted == 17, receipt.Complete);
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
        story.Pass(0).Faults(0, SpoolStory.Fault(10, 1)).End(100, costs: new CostCounts { CountsLost = 4 });
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
}
