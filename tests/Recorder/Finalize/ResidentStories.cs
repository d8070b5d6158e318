using Faultrec.Recorder.Finalize;
using Faultrec.Recorder.Spool;
using Faultrec.Recorder.Tests.Support;
using Faultrec.Traces.Ledger;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Recorder.Tests.Finalize;

/// <summary>Pages that were resident before the recording began.</summary>
public sealed class ResidentStories
{
    private const int Pid = SpoolStory.Command;
    private const int Other = 200;

    [Fact]
    public void RunsAreThoseOfRecordedProcesses()
    {
        using var story = new SpoolStory(SpoolStory.Header() with { TargetPid = 0 });
        var runs = story
            .Resident(new ResidentSnapshot(Other, SpoolStory.StartNs, [0x50], [1], 100))
            .Resident(new ResidentSnapshot(Pid, SpoolStory.StartNs, [0x10, 0x20], [4, 2], 7))
            .Pass(0)
            .Faults(0, SpoolStory.Fault(5, 0x10000))
            .End(100)
            .Finalize().Metadata.ResidentBefore!;

        Assert.Equal([Pid, Pid], runs.Pid);
        Assert.Equal([0x10, 0x20], runs.FirstPage);
        Assert.Equal([4, 2], runs.Pages);
        Assert.Equal(7, runs.OmittedPages);
    }

    [Fact]
    public void OfACommandNobodyLooks()
    {
        using var story = new SpoolStory(isCommand: true);

        Assert.Null(story.Pass(0).End(100).Finalize().Metadata.ResidentBefore);
    }

    [Fact]
    public void TooManyRunsAreCounted()
    {
        const int extra = 10;
        var process = new ProcessState { Pid = Pid, Space = new AddressSpace(Pid, PageGeometry.X64, _ => { }) };
        var log = new ResidentLog();
        long[] firstPage = [.. Enumerable.Range(0, ResidentLog.MostRuns).Select(i => 10L * i)];
        log.Add(process, new ResidentSnapshot(Pid, 0, firstPage, [.. firstPage.Select((_, i) => i < extra ? 1L : 2L)], 5));
        log.Add(process, new ResidentSnapshot(Pid, 0, [.. firstPage.Take(extra)], [.. Enumerable.Repeat(3L, extra)], 6));

        var runs = log.Build([process])!;

        Assert.Equal((ResidentLog.MostRuns, 5 + 6 + extra), (runs.Pages.Count, runs.OmittedPages));
        Assert.Equal([.. firstPage.Skip(extra), .. firstPage.Take(extra)], runs.FirstPage);
        Assert.DoesNotContain(1, runs.Pages);
    }
}
