using Faultrec.Recorder.Native;
using Faultrec.Recorder.Tests.Support;
using Faultrec.Testing;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Recorder.Tests.Finalize;

/// <summary>Marks from the spool to the trace.</summary>
public sealed class MarkStories
{
    private const long T0 = SpoolStory.StartNs;
    private const int Pid = SpoolStory.Command;

    [Fact]
    public void MarksAreInOrderOfTimeAndWithinTheRecording()
    {
        using var story = new SpoolStory();
        story.Pass(0)
            .Marks(40, 0, (30, "late"), (10, "early"), (41, "future"))
            .Marks(60, 2, (-1, "before"), (60, "now"))
            .End(100);

        var trace = story.Finalize();

        Assert.Equal(["0 before", "10 early", "30 late", "40 future", "60 now"], trace.Metadata.Marks.Select(mark => $"{mark.TimeNs} {mark.Name}"));
        Assert.All(trace.Metadata.Marks, mark => Assert.Equal((MarkSource.Mark, null), (mark.Source, mark.Pid)));
        Assert.Equal((2, 2), (trace.Receipt.MarksDropped, trace.Receipt.MarksMoved));
    }

    /// <summary>The command begins with an execve, and a child with its own: neither divides the run.</summary>
    [Theory]
    [InlineData(true, "30 exec server")]
    [InlineData(false, "10 exec first", "30 exec server")]
    public void AnExecveOfTheRecordedProcessIsAMark(bool isCommand, params string[] marks)
    {
        using var story = new SpoolStory(isCommand);
        story.Pass(0)
            .Sideband(0, new PerfRecords().Comm(T0 + 10, Pid, Pid, "first", exec: true).Fork(T0 + 15, 200, 200, Pid, Pid)
                .Comm(T0 + 20, 200, 200, "child", exec: true).Comm(T0 + 25, Pid, Pid, "renamed").Comm(T0 + 30, Pid, Pid, "server", exec: true))
            .End(100);

        var found = story.Finalize().Metadata.Marks;

        Assert.Equal(marks, found.Select(mark => $"{mark.TimeNs} {mark.Name}"));
        Assert.All(found, mark => Assert.Equal((MarkSource.Exec, Pid), (mark.Source, mark.Pid)));
    }

    [Fact]
    public void TheFirstListenOfEachProcessIsAMark()
    {
        using var story = new SpoolStory();
        story.Pass(0)
            .Sideband(0, new PerfRecords().Fork(T0 + 5, 200, 200, Pid, Pid).Exit(T0 + 50, 200, 200).Fork(T0 + 60, 200, 200, Pid, Pid))
            .Event(10, EventType.Listening, Pid, Pid, 3)
            .Event(20, EventType.Listening, Pid, Pid + 1, 4)
            .Event(30, EventType.Listening, 200, 200, 3)
            .Event(70, EventType.Listening, 200, 200, 3)
            .End(100);

        // The id of the ended one belongs to another process from 60 on.
        Assert.Equal(["10 listen 100", "30 listen 200", "70 listen 200"],
            story.Finalize().Metadata.Marks.Select(mark => $"{mark.TimeNs} {mark.Name} {mark.Pid}"));
    }

    [Fact]
    public void MarksThatNobodySetsFillNoTrace()
    {
        using var story = new SpoolStory(isCommand: true);
        var execs = new PerfRecords();
        for (var i = 0; i < 1003; i++)
            execs.Comm(T0 + i, Pid, Pid, "again", exec: true);
        story.Pass(0).Sideband(0, execs).End(2000);

        var trace = story.Finalize();

        Assert.Equal((1000, 2), (trace.Metadata.Marks.Count, trace.Receipt.MarksDropped));
    }

    /// <summary>No pass and no end came after them.</summary>
    [Fact]
    public void ARecorderThatWasKilledKeepsItsMarks()
    {
        using var story = new SpoolStory();
        story.Pass(0).Marks(40, 1, (30, "a"), (50, "b")).Pass(45);

        var trace = story.Finalize();

        Assert.Equal(["30 a", "40 b"], trace.Metadata.Marks.Select(mark => $"{mark.TimeNs} {mark.Name}"));
        Assert.Equal((1, 1), (trace.Receipt.MarksDropped, trace.Receipt.MarksMoved));
    }
}
