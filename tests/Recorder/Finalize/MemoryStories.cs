using Faultrec.Recorder.Finalize;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Tests.Support;
using Faultrec.Testing;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Recorder.Tests.Finalize;

/// <summary>What the kernel counted as a process's memory, as the trace keeps it.</summary>
public sealed class MemoryStories
{
    private const long T0 = SpoolStory.StartNs;
    private const int Pid = SpoolStory.Command;
    private const int Other = 200;

    [Fact]
    public void LooksAreKeptByProcessInOrderOfTime()
    {
        using var story = new SpoolStory();
        story.Pass(0)
            .Sideband(0, new PerfRecords().Comm(T0 + 1, Pid, Pid, "prog", exec: true).Fork(T0 + 50, Other, Other, Pid, Pid))
            .Memory(SpoolStory.Look(60, 5, Other), SpoolStory.Look(10, 1, peakBytes: 9))
            .Memory(SpoolStory.Look(30, 3, fileBytes: 2, peakBytes: 8))
            .End(100);

        var memory = story.Finalize().Metadata.Memory;

        Assert.Equal(["100: 10=1 30=5 peak 9", "200: 60=5 peak -"], memory.Select(Words));
        Assert.Equal([0L, 2], memory[0].FileBytes);
    }

    [Fact]
    public void AProcessThatRefusedHugePagesOnceIsSaidToHave()
    {
        using var story = new SpoolStory();
        story.Pass(0)
            .Sideband(0, new PerfRecords().Comm(T0 + 1, Pid, Pid, "prog", exec: true).Fork(T0 + 5, Other, Other, Pid, Pid))
            .Memory(SpoolStory.Look(10, 1) with { ThpDisabled = 1 }, SpoolStory.Look(20, 1), SpoolStory.Look(20, 1, Other))
            .End(100);

        Assert.Equal([true, false], story.Finalize().Metadata.Memory.Select(process => process.RefusesHugePages));
    }

    /// <summary>An id that is used again is another process; a look between the two concerns somebody who is not recorded.</summary>
    [Fact]
    public void AnIdThatIsUsedAgainHasAnEntryOfItsOwn()
    {
        using var story = new SpoolStory();
        story.Pass(0)
            .Sideband(0, new PerfRecords()
                .Comm(T0 + 1, Pid, Pid, "prog", exec: true).Fork(T0 + 10, Other, Other, Pid, Pid).Exit(T0 + 30, Other, Other)
                .Fork(T0 + 50, Other, Other, Pid, Pid))
            .Memory(SpoolStory.Look(5, 99, Other), SpoolStory.Look(20, 1, Other), SpoolStory.Look(40, 99, Other), SpoolStory.Look(60, 2, Other))
            .End(100);

        Assert.Equal(["200: 20=1 peak -", "200: 60=2 peak -"], story.Finalize().Metadata.Memory.Select(Words));
    }

    [Fact]
    public void OfAPartOfTheMachineProcessesWithoutFaultsAreLeftOut()
    {
        using var story = new SpoolStory(SpoolStory.Header() with { TargetPid = 0 });
        story.Pass(0)
            .Sideband(0, new PerfRecords().Comm(T0 + 1, Pid, Pid, "prog").Comm(T0 + 1, Other, Other, "other"))
            .Faults(0, SpoolStory.Fault(5, 0x1000))
            .Memory(SpoolStory.Look(10, 1), SpoolStory.Look(10, 2, Other))
            .End(100);

        Assert.Equal(["100: 10=1 peak -"], story.Finalize().Metadata.Memory.Select(Words));
    }

    /// <summary>a0 to a5: pages of files, anonymous, swapped out, shared; the most of this program; ru_maxrss.</summary>
    [Fact]
    public void TheEndOfAProcessIsItsLastSample()
    {
        using var story = new SpoolStory();
        story.Pass(0)
            .Sideband(0, new PerfRecords().Comm(T0 + 1, Pid, Pid, "prog", exec: true))
            .Memory(SpoolStory.Look(10, 4096, peakBytes: 8192))
            .Event(30, EventType.ProcessEnd, Pid, Pid, 1, 2, 3, 4, 9, 20)
            .End(100);

        var memory = Assert.Single(story.Finalize().Metadata.Memory);

        Assert.Equal($"100: 10=4096 30={7 * 4096} peak {20 * 4096} exit", Words(memory));
        Assert.Equal((4096L, 2 * 4096L, 3 * 4096L, 4 * 4096L), (memory.FileBytes[1], memory.AnonBytes[1], memory.SwapBytes[1], memory.ShmemBytes[1]));
    }

    /// <summary>Before 6.16.</summary>
    [Fact]
    public void WhereTheMemoryIsGoneByThenOnlyThePeakIsKnown()
    {
        using var story = new SpoolStory();
        story.Pass(0)
            .Sideband(0, new PerfRecords().Comm(T0 + 1, Pid, Pid, "prog", exec: true).Fork(T0 + 2, Other, Other, Pid, Pid))
            .Memory(SpoolStory.Look(10, 4096, peakBytes: 8192))
            .Event(30, EventType.ProcessEnd, Pid, Pid, 0, 0, 0, 0, 0, 20)
            .Event(40, EventType.ProcessEnd, Other, Other, 0, 0, 0, 0, 0, 5)
            .End(100);

        Assert.Equal([$"100: 10=4096 peak {20 * 4096}", $"200:  peak {5 * 4096}"], story.Finalize().Metadata.Memory.Select(Words));
    }

    /// <summary>The command was the launcher before; its children never were.</summary>
    [Theory]
    [InlineData(50, 9)]
    [InlineData(51, 51)]
    public void TheLaunchersMemoryIsNotTheCommands(long maxrss, long peak)
    {
        using var story = new SpoolStory(isCommand: true);
        story.Pass(0)
            .Event(5, EventType.TaskExec, Pid, Pid, 50, 0, Pid)
            .Event(6, EventType.TaskExec, Pid, Pid, 60, 0, Pid)
            .Sideband(0, new PerfRecords().Comm(T0 + 1, Pid, Pid, "prog", exec: true).Fork(T0 + 10, Other, Other, Pid, Pid))
            .Event(30, EventType.ProcessEnd, Other, Other, 0, 1, 0, 0, 9, 50)
            .Event(40, EventType.ProcessEnd, Pid, Pid, 0, 1, 0, 0, 9, maxrss)
            .End(100);

        Assert.Equal([$"100: 40=4096 peak {peak * 4096} exit", $"200: 30=4096 peak {50 * 4096} exit"], story.Finalize().Metadata.Memory.Select(Words));
    }

    /// <summary>A killed recorder: no last record.</summary>
    [Fact]
    public void ARecordingThatWasCutOffKeepsItsLooks()
    {
        using var story = new SpoolStory();
        story.Pass(0).Faults(0, SpoolStory.Fault(5, 0x1000)).Memory(SpoolStory.Look(10, 1)).Pass(20);

        var trace = story.Finalize();

        Assert.Equal("recovered", trace.Receipt.EndReason);
        Assert.Equal(["100: 10=1 peak -"], trace.Metadata.Memory.Select(Words));
    }

    /// <summary>However long it lasts, samples are at equal distances and the highest, the first step's and the last are there.</summary>
    [Theory]
    [InlineData(MemoryLog.MostSamples, 1)]
    [InlineData(MemoryLog.MostSamples + 1, 2)]
    [InlineData(100_000, 128)]
    public void ThinningKeepsTheHighestAndTheLast(int looks, int step)
    {
        for (var highest = 0; highest < looks; highest += looks / 7)
        {
            var series = new MemorySeries();
            for (var i = 0; i < looks; i++)
            {
                series.Add(SpoolStory.Look(i, i == highest ? 1_000_000 : i == looks - 1 ? 7 : 500), isExit: false);
                series.ThinTo(MemoryLog.MostSamples);
            }

            var memory = series.Build(Pid, time => time - T0);

            Assert.InRange(memory.TimeNs.Count, Math.Min(looks, MemoryLog.MostSamples / 2), MemoryLog.MostSamples + 1);
            Assert.Equal(1_000_000, memory.AnonBytes[memory.TimeNs.ToList().IndexOf(highest)]);
            Assert.Equal(1, memory.AnonBytes.Count(bytes => bytes == 1_000_000));
            Assert.Equal(looks - 1, memory.TimeNs[^1]);
            Assert.Equal(memory.TimeNs.Order().Distinct(), memory.TimeNs);
            Assert.InRange(memory.TimeNs.Zip(memory.TimeNs.Skip(1), (a, b) => b - a).Max(), step, 2 * step);
        }
    }

    /// <summary>Thousands of processes for hours: the trace's metadata stay small.</summary>
    [Fact]
    public void AllProcessesTogetherAreBounded()
    {
        const int processes = 600, looks = 400;
        using var story = new SpoolStory();
        var records = new PerfRecords().Comm(T0 + 1, Pid, Pid, "prog", exec: true);
        for (var pid = 1000; pid < 1000 + processes; pid++)
            records.Fork(T0 + 2, pid, pid, Pid, Pid);
        story.Pass(0).Sideband(0, records);
        for (var look = 0; look < looks; look++)
        {
            for (var pid = 1000; pid < 1000 + processes; pid++)
                story.Memory(SpoolStory.Look(10 + look, look == pid % looks ? pid : 1, pid));
        }

        var memory = story.End(1000).Finalize().Metadata.Memory;

        Assert.Equal(processes, memory.Count);
        Assert.InRange(memory.Sum(process => process.TimeNs.Count), MemoryLog.MostInAll / 4, MemoryLog.MostInAll + processes);
        Assert.All(memory, process => Assert.Equal(process.Pid, process.AnonBytes.Max()));
    }

    [Fact]
    public void OfTooManyProcessesTheLargestAreKept()
    {
        const int processes = MemoryLog.MostProcesses + 10;
        using var story = new SpoolStory();
        var records = new PerfRecords().Comm(T0 + 1, Pid, Pid, "prog", exec: true);
        for (var pid = 1000; pid < 1000 + processes; pid++)
            records.Fork(T0 + 2, pid, pid, Pid, Pid);
        story.Pass(0).Sideband(0, records);
        for (var pid = 1000; pid < 1000 + processes; pid++)
            story.Memory(SpoolStory.Look(10, pid, pid));

        var memory = story.End(100).Finalize().Metadata.Memory;

        Assert.Equal(Enumerable.Range(1010, MemoryLog.MostProcesses), memory.Select(process => process.Pid));
    }

    /// <summary>"pid: time=resident bytes … peak bytes".</summary>
    private static string Words(ProcessMemory memory)
        => $"{memory.Pid}: {string.Join(' ', memory.TimeNs.Select((time, i) => $"{time}={memory.ResidentBytes(i)}"))} "
            + $"peak {(memory.PeakBytes is { } peak ? $"{peak}" : "-")}{(memory.HasExit ? " exit" : "")}";
}
