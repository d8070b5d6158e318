using Faultrec.Recorder.Finalize;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Tests.Support;
using Faultrec.Testing;
using Faultrec.Traces.Ledger;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Recorder.Tests.Finalize;

/// <summary>Memory that was given back or moved: "time pid call first page+pages", in hexadecimal as in /proc/PID/maps without its last three digits.</summary>
public sealed class ReleaseStories
{
    private const long T0 = SpoolStory.StartNs;
    private const int Pid = SpoolStory.Command;
    private const int Other = 200;
    private const int Mmap = 9;
    private const int Fixed = 0x32;

    [Fact]
    public void MunmapGivesBackWholePages()
    {
        using var story = new SpoolStory();
        story.Pass(0).Event(10, EventType.Unmap, Pid, Pid, 0x10000, 0x3001).Event(20, EventType.Unmap, Pid, Pid, 0x50000, 0).End(100);

        Assert.Equal(["10 100 munmap 10+4"], Words(story));
    }

    [Theory]
    [InlineData(4, "10 100 madvise dontneed 10+2")]
    [InlineData(8, "10 100 madvise free 10+2")]
    [InlineData(9, "10 100 madvise remove 10+2")]
    [InlineData(21, "10 100 madvise pageout 10+2")]
    [InlineData(24, "10 100 madvise dontneed_locked 10+2")]
    [InlineData(25, "10 100 madvise collapse 10+2")]
    [InlineData(14)]
    [InlineData(15)]
    public void AdviceThatGivesMemoryBackOrFillsIt(int advice, params string[] expected)
    {
        using var story = new SpoolStory();
        story.Pass(0).Event(10, EventType.Advise, Pid, Pid, 0x10000, 0x1800, advice).End(100);

        var metadata = story.Finalize().Metadata;

        Assert.Equal(expected, Words(metadata));
        Assert.Equal(advice is 14 or 15 ? 1 : 0, metadata.Advice.Count);
    }

    /// <summary>The memory is that of the process whose userfaultfd it is: one without is none of the recording's.</summary>
    [Theory]
    [InlineData(3, Pid, "10 100 userfaultfd copy 10+2")]
    [InlineData(4, Pid, "10 100 userfaultfd zeropage 10+2")]
    [InlineData(7, Pid, "10 100 userfaultfd continue 10+2")]
    [InlineData(5, Pid, "10 100 userfaultfd move 70+2 > 10")]
    [InlineData(3, Other)]
    public void TheHandlerOfAUserfaultfdFillsPages(int fill, int owner, params string[] expected)
    {
        using var story = new SpoolStory();
        story.Pass(0)
            .Sideband(0, Anonymous(new PerfRecords(), 1, 0x10, 0x13))
            .Event(10, EventType.UserfaultFilled, 300, 300, 0x10000, 0x2000, 0x70000, fill, owner)
            .End(100);

        Assert.Equal(expected, Words(story));
    }

    [Fact]
    public void KhugepagedMakesHugePagesOfAnyProcess()
    {
        using var story = new SpoolStory();
        story.Pass(0)
            .Sideband(0, Anonymous(new PerfRecords(), 1, 0x10, 0x13))
            .Event(10, EventType.Collapsed, Pid, Pid, 0x400000, 17)
            .Event(20, EventType.Collapsed, Pid, Pid, 0, 17) // somewhere
            .Event(30, EventType.Collapsed, Other, Other, 0x400000, 17)
            .End(100);

        Assert.Equal(["10 100 khugepaged 400+200", "20 100 khugepaged 0+11"], Words(story));
    }

    [Theory]
    [InlineData(0x3000, 0x1000, 0x10000, "10 100 mremap 11+2")] // shrunk
    [InlineData(0x3000, 0x3000, 0x40000, "10 100 mremap 10+3 > 40")] // moved
    [InlineData(0x3000, 0x8000, 0x40000, "10 100 mremap 10+3 > 40")] // and grown
    [InlineData(0x3000, 0x2000, 0x40000, "10 100 mremap 12+1", "10 100 mremap 10+2 > 40")] // and shrunk
    [InlineData(0x3000, 0x3000, 0x2f000, "10 100 mremap 30+1", "10 100 mremap 10+3 > 2f")] // over other memory
    [InlineData(0x3000, 0x8000, 0x10000)] // grown in place
    [InlineData(0, 0x3000, 0x40000)] // mapped again
    public void MremapGivesBackMovesOrBoth(long length, long newLength, long to, params string[] expected)
    {
        using var story = new SpoolStory();
        story.Pass(0)
            .Sideband(0, Anonymous(new PerfRecords(), 1, 0x10, 0x13).Mmap2(T0 + 2, Pid, 0x30000, 0x31000, "/file", inode: 5))
            .Event(10, EventType.Remap, Pid, Pid, 0x10000, length, newLength, to == 0x10000 ? 1 : 3, to)
            .End(100);

        Assert.Equal(expected, Words(story));
    }

    [Fact]
    public void BrkGivesBackWhatLiesBetween()
    {
        using var story = new SpoolStory();
        story.Pass(0)
            .Event(10, EventType.Brk, Pid, Pid, 0, 0, 0, 0, 0x20000) // only asked
            .Event(20, EventType.Brk, Pid, Pid, 0x28800, 0, 0, 0, 0x28800)
            .Event(30, EventType.Brk, Pid, Pid, 0x24800, 0, 0, 0, 0x24800)
            .Event(40, EventType.Brk, Pid, Pid, 0x24100, 0, 0, 0, 0x24100) // within its last page
            .Event(50, EventType.Brk, Pid, Pid, 0x20000, 0, 0, 0, 0x24100) // failed
            .End(100);

        Assert.Equal(["30 100 brk 25+4"], Words(story));
    }

    [Fact]
    public void ShmdtGivesBackTheWholeMapping()
    {
        using var story = new SpoolStory();
        story.Pass(0)
            .Sideband(0, new PerfRecords().Mmap2(T0 + 1, Pid, 0x30000, 0x35000, "/SYSV00000000", inode: 5))
            .Event(10, EventType.Shmdt, Pid, Pid, 0x30000)
            .Event(20, EventType.Shmdt, Pid, Pid, 0x30000)
            .End(100);

        Assert.Equal(["10 100 shmdt 30+5"], Words(story));
    }

    /// <summary>
    /// The record of a new mapping comes before the end of the call, and is of the whole mapping that the kernel has now. What the call fills after
    /// that (MAP_POPULATE) is not given back.
    /// </summary>
    [Fact]
    public void MmapAtAFixedAddressGivesBackWhatWasThere()
    {
        using var story = new SpoolStory();
        var records = new PerfRecords();
        Anonymous(records, 1, 0x10, 0x14); // not there before
        Anonymous(records, 20, 0x10, 0x18); // its first half was, and the neighbour before it is one with it now
        Anonymous(records, 40, 0x10, 0x18); // mprotect
        Anonymous(records, 60, 0x12, 0x18); // what munmap took is not there
        Anonymous(records, 80, 0x60, 0x61); // where the kernel chose
        story.Pass(0)
            .Sideband(0, records)
            .Event(10, EventType.Mapped, Pid, Pid, 0x10000, 0x4000, 3, Fixed, 0x10000, Mmap)
            .Event(30, EventType.Mapped, Pid, Pid, 0x12000, 0x5800, 3, Fixed, 0x12000, Mmap)
            .Event(50, EventType.Unmap, Pid, Pid, 0x12000, 0x6000)
            .Event(70, EventType.Mapped, Pid, Pid, 0x12000, 0x6000, 3, Fixed, 0x12000, Mmap)
            .Event(90, EventType.Mapped, Pid, Pid, 0, 0x1000, 3, 0x22, 0x60000, Mmap)
            .End(100);

        Assert.Equal(["20 100 mmap 12+2", "50 100 munmap 12+6"], Words(story));
    }

    [Fact]
    public void ExecveAndExitGiveBackEverything()
    {
        using var story = new SpoolStory();
        story.Pass(0)
            .Sideband(0, Anonymous(new PerfRecords().Comm(T0 + 10, Pid, Pid, "prog", exec: true), 11, 0x10, 0x11)
                .Fork(T0 + 15, Pid, 101, Pid, Pid).Comm(T0 + 20, Pid, Pid, "renamed").Exit(T0 + 30, Pid, 101).Exit(T0 + 40, Pid, Pid))
            .End(100);

        Assert.Equal(["10 100 execve all", "40 100 exit all"], Words(story));
    }

    /// <summary>Before its execve a command's process is the launcher's.</summary>
    [Fact]
    public void WhatTheLauncherGivesBackIsNotTold()
    {
        using var story = new SpoolStory(isCommand: true);
        story.Pass(0)
            .Event(10, EventType.Unmap, Pid, Pid, 0x10000, 0x1000)
            .Sideband(0, new PerfRecords().Comm(T0 + 20, Pid, Pid, "prog", exec: true))
            .Event(21, EventType.TaskExec, Pid, Pid, 0, 0, Pid)
            .Event(30, EventType.Unmap, Pid, Pid, 0x20000, 0x1000)
            .Sideband(0, new PerfRecords().Comm(T0 + 40, Pid, Pid, "next", exec: true))
            .End(100);

        Assert.Equal(["30 100 munmap 20+1", "40 100 execve all"], Words(story));
    }

    [Fact]
    public void OnlyProcessesOfTheRecordingAreTold()
    {
        using var story = new SpoolStory(SpoolStory.Header() with { TargetPid = 0 });
        story.Pass(0)
            .Faults(0, SpoolStory.Fault(5, 0x10000))
            .Event(10, EventType.Unmap, Pid, Pid, 0x10000, 0x1000)
            .Event(20, EventType.Unmap, Other, Other, 0x10000, 0x1000)
            .End(100);

        Assert.Equal(["10 100 munmap 10+1"], Words(story));
    }

    /// <summary>perf has no record of the calls.</summary>
    [Fact]
    public void ThePerfBackendDoesNotLook()
    {
        var header = SpoolStory.Header();
        using var story = new SpoolStory(header with { Metadata = header.Metadata with { Backend = Backend.Perf } });
        using var probes = new SpoolStory();

        Assert.Null(story.Pass(0).End(100).Finalize().Metadata.Releases);
        Assert.Equal(0, probes.Pass(0).End(100).Finalize().Metadata.Releases?.Count);
    }

    [Fact]
    public void NeighboursOneAfterTheOtherAreOneRelease()
    {
        using var story = new SpoolStory();
        story.Pass(0)
            .Event(10, EventType.Unmap, Pid, Pid, 0x10000, 0x2000)
            .Event(20, EventType.Unmap, Pid, Pid, 0x12000, 0x1000)
            .Event(25, EventType.Unmap, Other, Other, 0x10000, 0x1000) // of another process
            .Event(30, EventType.Unmap, Pid, Pid, 0xf000, 0x1000)
            .Event(35, EventType.Unmap, Pid, Pid, 0x10000, 0x4000) // most of it once more
            .Event(40, EventType.Unmap, Pid, Pid, 0x20000, 0x1000) // elsewhere
            .Event(50, EventType.Advise, Pid, Pid, 0x21000, 0x1000, 4) // another call
            .Event(60, EventType.Advise, Pid, Pid, 0x22000, 0x1000, 4)
            .End(100);

        Assert.Equal(["10 100 munmap f+5", "25 200 munmap 10+1", "40 100 munmap 20+1", "50 100 madvise dontneed 21+2"], Words(story));
    }

    /// <summary>A page may have come back meanwhile.</summary>
    [Theory]
    [InlineData("fault")]
    [InlineData("call")]
    [InlineData("map")]
    [InlineData("protect")]
    [InlineData("time")]
    public void WhatComesBetweenParts(string between)
    {
        using var story = new SpoolStory();
        var later = between == "time" ? ReleaseLog.MergedNs + 1 : 20;
        story.Pass(0).Event(10, EventType.Unmap, Pid, Pid, 0x10000, 0x1000);
        _ = between switch
        {
            "fault" => story.Faults(0, SpoolStory.Fault(15, 0x10000)),
            "call" => story.Event(15, EventType.CallFaults, Pid, Pid, 151, 1),
            "map" => story.Sideband(0, Anonymous(new PerfRecords(), 15, 0x10, 0x11)),
            "protect" => story.Event(15, EventType.Accessible, Pid, Pid, 0x10000, 0x1000, 3),
            _ => story,
        };
        story.Event(10 + later, EventType.Unmap, Pid, Pid, 0x11000, 0x1000).End(ReleaseLog.MergedNs * 2);

        Assert.Equal(["10 100 munmap 10+1", $"{10 + later} 100 munmap 11+1"], Words(story));
    }

    /// <summary>Each has its own stack, and none a stack that did not come.</summary>
    [Fact]
    public void ReleasesHaveTheStacksOfTheirCalls()
    {
        var header = SpoolStory.Header();
        using var story = new SpoolStory(header with { Metadata = header.Metadata with { StackRecording = new StackRecording(null, 0, 0, 0, []) } });
        var metadata = story.Pass(0)
            .Stack(7, StackEnding.Outermost, 0x40_0001, 0x40_0002)
            .Stack(9, StackEnding.Outermost, 0x40_0003, 0x40_0002)
            .StackedEvent(7, 10, EventType.Unmap, Pid, Pid, 0x10000, 0x1000)
            .StackedEvent(9, 20, EventType.Unmap, Pid, Pid, 0x11000, 0x1000)
            .StackedEvent(9, 30, EventType.Advise, Pid, Pid, 0x10000, 0x1000, 4)
            .StackedEvent(13, 50, EventType.Unmap, Pid, Pid, 0x30000, 0x1000) // lost
            .Pass(60)
            .End(100)
            .Finalize().Metadata;

        var addresses = metadata.Releases!.All()
            .Select(release => release.Stack is { } stack ? string.Join(' ', metadata.Stacks!.FramesOf(stack).Select(frame => $"{frame.Address:x}")) : "-");
        Assert.Equal(["400001 400002", "400003 400002", "400003 400002", "-"], addresses);
    }

    [Fact]
    public void TooManyAreCounted()
    {
        const int extra = 50;
        var process = new ProcessState { Pid = Pid, Space = new AddressSpace(Pid, PageGeometry.X64, _ => { }) };
        var log = new ReleaseLog();
        for (var i = 0; i < 2 * ReleaseLog.MostReleases + extra; i++)
            log.Apply(Unmap(i, page: 4 * i, pages: i % 2 == 0 ? 1 : 3), process, stack: null);
        for (var i = 0; i < extra; i++)
            log.AddAll(process, ReleaseCalls.Execve, i);

        var table = log.Build(time => time, [process]);

        const int omitted = ReleaseLog.MostReleases + extra;
        Assert.Equal((ReleaseLog.MostReleases + extra, omitted), (table.Count, table.Omitted));
        Assert.Equal(extra, table.All().Count(release => release.Call == "execve"));
        Assert.All(table.All().Where(release => release.Call == "munmap"), release => Assert.Equal(3, release.Pages));
        // Half of all were of one page, and so few of those of three found no room.
        Assert.Equal(omitted + 2 * (extra / 2), table.OmittedPages);
        Assert.Equal(table.All().Select(release => release.TimeNs).Order(), table.All().Select(release => release.TimeNs));
    }

    private static EventRecord Unmap(long timeNs, long page, long pages)
        => new() { Type = EventType.Unmap, Pid = Pid, Tid = Pid, TimeNs = timeNs, A0 = page << 12, A1 = pages << 12 };

    private static PerfRecords Anonymous(PerfRecords records, long timeNs, ulong firstPage, ulong endPage)
        => records.Mmap2(T0 + timeNs, Pid, firstPage << 12, endPage << 12, "//anon");

    private static IEnumerable<string> Words(SpoolStory story) => Words(story.Finalize().Metadata);

    private static IEnumerable<string> Words(TraceMetadata metadata)
        => metadata.Releases!.All().Select(release => $"{release.TimeNs} {release.Pid} {release.Call} "
            + (release.Pages >= 1L << 52 ? "all" : $"{release.FirstPage:x}+{release.Pages:x}{(release.ToPage is { } to ? $" > {to:x}" : "")}"));
}
