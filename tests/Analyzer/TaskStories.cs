using Xunit;

namespace Faultrec.Analyzer.Tests;

public class TaskStories
{
    [Fact]
    public void AThreadThatChangesItsNameIsOneThreadAndTwoComms()
    {
        var report = Story.Report(
            Story.Metadata(Story.TwoRegions),
            [new(0x10000) { Tid = 11, Comm = "app" }, new(0x11000) { Tid = 11, Comm = "pool" }, new(0x12000) { Tid = 11, Comm = "pool" }, new(0x13000)]);

        // Thread 11 is not in the trace's table: it goes by the name it faulted under most.
        Assert.Equal([(11, "pool", 3L), (10, "app", 1L)], report.Threads.Select(row => (row.Tid, row.Comm, row.Counts.Faults)));
        Assert.Equal([("app", 2, 2L), ("pool", 1, 2L)], report.Comms.Select(row => (row.Comm, row.Threads, row.Counts.Faults)));
        Assert.Equal([(10, "app", 2, 4L)], report.Processes.Select(row => (row.Pid, row.Comm, row.Threads, row.Counts.Faults)));
    }

    [Fact]
    public void TidsThatShareASlotOfTheCacheStayApart()
    {
        // 10 and 266 are the same modulo 256, and so alternate in one slot.
        Fault[] faults = [.. Enumerable.Range(0, 8).Select(i => new Fault(0x10000) { Tid = i % 2 == 0 ? 10 : 266 })];
        var report = Story.Report(Story.Metadata(Story.TwoRegions), faults, groupSize: 8);

        Assert.Equal([(10, 4L), (266, 4L)], report.Threads.Select(row => (row.Tid, row.Counts.Faults)));
    }
}
