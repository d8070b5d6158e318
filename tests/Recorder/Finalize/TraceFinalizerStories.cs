using Faultrec.Recorder.Native;
using Faultrec.Recorder.Spool;
using Faultrec.Recorder.Tests.Support;
using Faultrec.Testing;
using Faultrec.Traces.Columns;
using Xunit;

namespace Faultrec.Recorder.Tests.Finalize;

/// <summary>A handful of records as the rings gave them, and the rows that they must become.</summary>
public sealed class TraceFinalizerStories
{
    private const long T0 = SpoolStory.StartNs;
    private const int Pid = SpoolStory.Command;

    [Fact]
    public void RowsSayWhatTheRecordsSaid()
    {
        using var story = new SpoolStory();
        story.Pass(0)
            .Sideband(0, new PerfRecords()
                .Comm(T0 + 1, Pid, Pid, "prog", exec: true)
                .Mmap2(T0 + 2, Pid, 0x10000, 0x20000, "/bin/prog", prot: 1, inode: 7, fileOffset: 0x3000)
                .Mmap2(T0 + 3, Pid, 0x50000, 0x60000, "//anon"))
            .Faults(1,
                SpoolStory.Fault(10, 0x12345, errorCode: 4, bits: FaultBits.Major),
                SpoolStory.Fault(20, 0x50008, errorCode: 6),
                SpoolStory.Fault(30, 0x11000, errorCode: 20),
                SpoolStory.Fault(40, 0x50010, errorCode: 2, bits: FaultBits.KernelIp) with { DurationHigh = 1 },
                SpoolStory.Fault(50, 0x50020, errorCode: 0, bits: FaultBits.NoEntry),
                SpoolStory.Fault(60, 0x99000))
            .Event(80, EventType.FaultFailed, Pid, Pid, T0 + 70, 0x8, 0x401000, (4L << 32) | 11, (long)FaultBits.HasErrorCode)
            .End(100);
        var trace = story.Finalize();
        var rows = trace.Rows;
        Assert.Equal([10L, 20, 30, 40, 50, 60, 70], rows.TimeNs);
        Assert.Equal([500L, 500, 500, 500 + (1L << 32), FaultBatch.Null, 500, 10], rows.DurationNs);
        Assert.Equal(["/bin/prog#1", "[anon]#2", "/bin/prog#1", "[anon]#2", "[anon]#2", "?", "?"], Enumerable.Range(0, 7).Select(trace.Region));
        Assert.Equal([5L, FaultBatch.Null, 4, FaultBatch.Null, FaultBatch.Null, FaultBatch.Null, FaultBatch.Null], rows.FilePage);
        Assert.Equal(
            [FaultAccess.Read, FaultAccess.Write, FaultAccess.Exec, FaultAccess.Write, FaultAccess.Unknown, FaultAccess.Write, FaultAccess.Read], rows.Access);
        Assert.Equal([4, 6, 20, 2, FaultBatch.Null, 6, 4], rows.ErrorCode);
        Assert.Equal([true, false, false, false, false, false, false], rows.Major);
        Assert.Equal([false, false, false, true, false, false, false], rows.KernelAccess);
        Assert.Equal([-1, -1, -1, -1, -1, -1, 11], rows.Signal);
        Assert.All(rows.Comm, comm => Assert.Equal("prog", comm));
        Assert.All(Enumerable.Range(0, 6), i => Assert.Equal((Pid, Pid, 1), (rows.Pid[i], rows.Tid[i], rows.Cpu[i])));
        Assert.Equal((7, 1, 2), (trace.Receipt.Events, trace.Receipt.WithoutEntry, trace.Receipt.WithoutRegion));
        Assert.Equal(100, trace.Metadata.DurationNs);
    }

    /// <summary>
    /// A set-uid program: the kernel takes the perf events of its task away and tells an end with it. New ones come with a look at its
    /// mappings; until then faults have no end, and what it creates is told by the probe alone.
    /// </summary>
    [Fact]
    public void ATaskThatLosesItsPerfEventsGoesOn()
    {
        const int child = 200;
        using var story = new SpoolStory(isCommand: true);
        story.Pass(0)
            .Event(1, EventType.TaskNew, Pid, Pid, 0, 0, 0, 0, 1)
            .Sideband(0, new PerfRecords()
                .Comm(T0 + 2, Pid, Pid, "prog", exec: true)
                .Mmap2(T0 + 3, Pid, 0x10000, 0x20000, "/bin/prog", prot: 5, inode: 7)
                .Comm(T0 + 20, Pid, Pid, "suid", exec: true)
                .Exit(T0 + 21, Pid, Pid))
            .Event(4, EventType.TaskExec, Pid, Pid, 0, 0, Pid)
            .Event(22, EventType.TaskExec, Pid, Pid, 0, 0, Pid, 0, 0, 1)
            .Faults(0, SpoolStory.Fault(30, 0x50000) with { DurationLow = 0 }, SpoolStory.Fault(32, 0x50000, child, child) with { DurationLow = 0 })
            .Event(31, EventType.TaskNew, child, child, Pid, Pid, 0, 0, 0, EventRecord.TaskUncounted | EventRecord.TaskSharesMemory)
            .Event(33, EventType.TaskNew, child, 201, child, child, 0, 0, 0, EventRecord.TaskSharesMemory) // a thread always does
            .Maps(new MapsSnapshot(Pid, T0 + 22, "suid", 1, [new ThreadName(Pid, "suid")], "50000-60000 rw-p 00000000 00:00 0 \n"))
            .Faults(0, SpoolStory.Fault(40, 0x51000))
            .Event(79, EventType.TaskExit, child, 201, 1, 0)
            .Event(80, EventType.TaskExit, child, child, 1, 0)
            .Event(90, EventType.TaskExit, Pid, Pid, 2, 0)
            .Sideband(0, new PerfRecords().Exit(T0 + 91, Pid, Pid))
            .End(100, perfMinor: 3, perfMajor: 0);
        var trace = story.Finalize();
        Assert.Equal([FaultBatch.Null, FaultBatch.Null, 500L], trace.Rows.DurationNs);
        Assert.Equal(["suid", "suid", "suid"], trace.Rows.Comm);
        Assert.Equal(["[anon]#1", "[anon]#2", "[anon]#1"], Enumerable.Range(0, 3).Select(trace.Region));
        Assert.Equal((3, 0, 0, true), (trace.Receipt.Events, trace.Receipt.WithoutEntry, trace.Receipt.WithoutRegion, trace.Receipt.Complete));
        Assert.Equal(
            [(Pid, 1, false), (child, Pid, true)],
            trace.Metadata.Processes.Select(process => (process.Pid, process.ParentPid!.Value, process.SharesMemory)));
        Assert.Equal(91, trace.Metadata.Processes[0].ExitedNs);
        Assert.Equal([(Pid, 90L), (child, 80L), (201, 79L)], trace.Metadata.Threads.Select(thread => (thread.Tid, thread.ExitedNs!.Value)));
    }

    /// <summary>The same page, three mappings within microseconds; each fault is on the one of its time, in any order of drains.</summary>
    [Fact]
    public void ReusedAddressIsTheRegionOfItsTime()
    {
        using var story = new SpoolStory();
        story.Pass(0)
            .Faults(0, SpoolStory.Fault(1500, 0x50000), SpoolStory.Fault(3500, 0x50000), SpoolStory.Fault(5500, 0x50000))
            .Event(2000, EventType.Unmap, Pid, Pid, 0x50000, 0x10000)
            .Event(4000, EventType.Unmap, Pid, Pid, 0x50000, 0x10000)
            .Sideband(1, new PerfRecords()
                .Mmap2(T0 + 1000, Pid, 0x50000, 0x60000, "/a", inode: 1)
                .Mmap2(T0 + 3000, Pid, 0x50000, 0x60000, "//anon")
                .Mmap2(T0 + 5000, Pid, 0x50000, 0x60000, "/b", inode: 2))
            .End(6000);
        var trace = story.Finalize();
        Assert.Equal(["/a#1", "[anon]#2", "/b#3"], Enumerable.Range(0, 3).Select(trace.Region));
        Assert.Equal([(1000L, 2000L), (3000L, 4000L), (5000L, null)], trace.Metadata.Regions.Select(region => (region.BornNs, region.DiedNs)));
    }

    [Fact]
    public void MremapBrkAndForkAreFollowed()
    {
        using var story = new SpoolStory();
        story.Pass(0)
            .Sideband(0, new PerfRecords()
                .Comm(T0 + 1, Pid, Pid, "prog", exec: true)
                .Mmap2(T0 + 2, Pid, 0x50000, 0x60000, "//anon")
                .Mmap2(T0 + 4, Pid, 0x20000, 0x30000, "//anon")
                .Fork(T0 + 50, 200, 200, Pid, Pid))
            .Event(5, EventType.Brk, Pid, Pid, 0x30000, 0, 0, 0, 0x30000)
            .Event(6, EventType.Brk, Pid, Pid, 0, 0, 0, 0, 0x60000) // only asks
            .Event(10, EventType.Remap, Pid, Pid, 0x50000, 0x10000, 0x20000, 1, 0x80000)
            .Faults(0, SpoolStory.Fault(7, 0x50000), SpoolStory.Fault(20, 0x9f000), SpoolStory.Fault(30, 0x20000))
            .Faults(1, SpoolStory.Fault(60, 0x80000, 200, 200))
            .End(100);
        var trace = story.Finalize();
        Assert.Equal(["[anon]#1", "[anon]#2", "[heap]#3", "[anon]#4"], Enumerable.Range(0, 4).Select(trace.Region));
        Assert.Equal((200, Pid), (trace.Metadata.Processes[1].Pid, trace.Metadata.Processes[1].ParentPid));
        Assert.Equal(["prog", "prog"], trace.Metadata.Processes.Select(process => process.Comm));
    }

    [Fact]
    public void ThreadsHaveTheirNamesOfTheTime()
    {
        using var story = new SpoolStory();
        story.Pass(0)
            .Sideband(0, new PerfRecords()
                .Comm(T0 + 1, Pid, Pid, "main", exec: true)
                .Fork(T0 + 10, Pid, 101, Pid, Pid)
                .Comm(T0 + 30, Pid, 101, "worker")
                .Fork(T0 + 50, 300, 300, Pid, 101)
                .Exit(T0 + 90, Pid, 101))
            .Faults(0, SpoolStory.Fault(20, 0, tid: 101), SpoolStory.Fault(40, 0, tid: 101), SpoolStory.Fault(45, 0), SpoolStory.Fault(60, 0, 300, 300))
            .End(100);
        var trace = story.Finalize();
        Assert.Equal(["main", "worker", "main", "worker"], trace.Rows.Comm);
        Assert.Equal(
            [(Pid, "main", 1L, null), (101, "worker", 10L, 90L), (300, "worker", 50L, null)],
            trace.Metadata.Threads.Select(thread => (thread.Tid, thread.Comm, thread.StartedNs, thread.ExitedNs)));
        Assert.Equal(["main", "worker"], trace.Metadata.Processes.Select(process => process.Comm));
    }

    [Fact]
    public void RunningProcessStartsFromItsMaps()
    {
        const string maps = """
            00400000-00452000 r-xp 00002000 08:02 173521      /usr/bin/a name with  spaces
            00e03000-00e24000 rw-p 00000000 00:00 0           [heap]
            35b1800000-35b1820000 rw-p 00000000 00:00 0
            """;
        using var story = new SpoolStory();
        story.Maps(new MapsSnapshot(Pid, T0 + 5, "prog", 1, [new ThreadName(Pid, "prog"), new ThreadName(101, "helper")], maps))
            .Pass(10)
            .Faults(0, SpoolStory.Fault(20, 0x401000), SpoolStory.Fault(30, 0xe03000, tid: 101), SpoolStory.Fault(40, 0x35b1800000))
            .End(50);
        var trace = story.Finalize();
        Assert.Equal(["/usr/bin/a name with  spaces#1", "[heap]#2", "[anon]#3"], Enumerable.Range(0, 3).Select(trace.Region));
        Assert.Equal(["prog", "helper", "prog"], trace.Rows.Comm);
        Assert.Equal(3, trace.Rows.FilePage[0]);
        Assert.All(trace.Metadata.Regions, region => Assert.Null(region.BornNs));
        Assert.Equal(("r-xp", 173521UL, "08:02"), (trace.Metadata.Regions[0].Prot, trace.Metadata.Regions[0].Inode, trace.Metadata.Regions[0].Device));
        Assert.Null(trace.Receipt.KernelMinor);
    }
}
