using Faultrec.Recorder.Finalize;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Tests.Support;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Recorder.Tests.Finalize;

/// <summary>Faults by get_user_pages: they are no rows, but of the system call that made them.</summary>
public sealed class CallFaultStories
{
    private const int Pid = SpoolStory.Command;
    private const int Mmap = 9;
    private const long Is32Bit = 1L << 32;
    private const long GoesOn = 1L << 33;
    private const long HasBuffer = 1L << 34;

    [Fact]
    public void EachCallIsToldWithItsThreadAndRange()
    {
        using var story = new SpoolStory();
        story.Pass(0)
            .Event(10, EventType.CallFaults, Pid, 101, Mmap, 256 | (3L << 32), 0x7f00_0000_0000, 0, 0x100000, 3)
            .Event(20, EventType.CallFaults, Pid, Pid, 151, 40, 0, 3, 0, 0) // mlockall names no range
            .Event(30, EventType.CallFaults, Pid, Pid, 427 | HasBuffer, 16, 0, 5, 0x6000_0000, 0x10000)
            .Event(40, EventType.CallFaults, Pid, Pid, 28, 2, 0, 0x10000, 0x2000, 22)
            .Event(50, EventType.CallFaults, Pid, Pid, 28, 2, 0, 0x10000, 0x2000, 23)
            .End(100);

        Assert.Equal(
            [
                new CallFaults(Pid, 101, "mmap", Mmap, 1, 256, 3, 0x7f00_0000_0000, 0x7f00_0010_0000, null, 10, 10, false),
                new CallFaults(Pid, Pid, "mlockall", 151, 1, 40, 0, null, null, null, 20, 20, false),
                new CallFaults(Pid, Pid, "io_uring_register", 427, 1, 16, 0, 0x6000_0000, 0x6001_0000, null, 30, 30, false),
                new CallFaults(Pid, Pid, "madvise populate_read", 28, 1, 2, 0, 0x10000, 0x12000, null, 40, 40, false),
                new CallFaults(Pid, Pid, "madvise", 28, 1, 2, 0, 0x10000, 0x12000, null, 50, 50, false),
            ],
            story.Finalize().Metadata.CallFaults);
    }

    /// <summary>A 32-bit program's numbers are others; -1 is no call; where a mapping will be is known when its call has ended.</summary>
    [Fact]
    public void WhatIsNotKnownIsNotSaid()
    {
        using var story = new SpoolStory();
        story.Pass(0)
            .Event(10, EventType.CallFaults, Pid, Pid, 192 | Is32Bit, 1, 0, 0, 0, 0)
            .Event(20, EventType.CallFaults, Pid, Pid, 0xffff_ffff, 1, 0, 0, 0, 0)
            .Event(30, EventType.CallFaults, Pid, Pid, Mmap | GoesOn, 1, 0, 0, 0x100000, 3)
            .Event(40, EventType.CallFaults, Pid, Pid, 4000, 1, 0, 0, 0, 0)
            .End(100);

        Assert.Equal(
            [(null, 192, false), (null, -1, false), ("mmap", Mmap, true), (null, 4000, false)],
            story.Finalize().Metadata.CallFaults.Select(call => (call.Call, call.Number, call.GoesOn)));
        Assert.All(story.Finalize().Metadata.CallFaults, call => Assert.Null(call.Start));
    }

    /// <summary>The table is bounded; the largest calls are kept, the sum is that of all.</summary>
    [Fact]
    public void TooManyCallsAreFolded()
    {
        var log = new CallFaultLog();
        const int calls = 10_000;
        for (var i = 0; i < calls; i++)
            log.Add(Call(Pid, i % 2 == 0 ? 0 : 17, faults: i + 1, timeNs: i), stack: null);

        var table = log.Build(time => time);

        Assert.Equal(CallFaultLog.MostCalls + 2, table.Count);
        Assert.Equal((calls, calls * (calls + 1L) / 2), (table.Sum(call => call.Calls), table.Sum(call => call.Faults)));
        Assert.Equal(calls, table.Max(call => call.Calls == 1 ? call.Faults : 0));
        var folded = table.Where(call => call.Calls > 1).ToList();
        Assert.Equal([("read", 0L, 8974L), ("pread64", 1L, 8975L)], folded.Select(call => (call.Call!, call.TimeNs, call.LastNs)));
        Assert.All(folded, call => Assert.Equal((Pid, null), (call.Pid, call.Start)));
    }

    [Fact]
    public void TooManyProcessesAreFoldedByCall()
    {
        var log = new CallFaultLog();
        const int processes = 5_000;
        for (var i = 1; i <= processes; i++)
            log.Add(Call(i, 0, faults: 1, timeNs: i), stack: null);

        var table = log.Build(time => time);

        Assert.Equal(CallFaultLog.MostCalls + CallFaultLog.MostGroups + 1, table.Count);
        var rest = Assert.Single(table, call => call.Pid == 0);
        Assert.Equal((0, "read", processes - CallFaultLog.MostCalls - CallFaultLog.MostGroups), (rest.Tid, rest.Call, (int)rest.Calls));
    }

    private static EventRecord Call(int pid, int number, long faults, long timeNs)
        => new() { Type = EventType.CallFaults, Pid = pid, Tid = pid, A0 = number, A1 = faults, TimeNs = timeNs };
}
