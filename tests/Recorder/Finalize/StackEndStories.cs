using Faultrec.Recorder.Native;
using Faultrec.Recorder.Tests.Support;
using Faultrec.Testing;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Recorder.Tests.Finalize;

/// <summary>Which stacks count as walked to the outermost frame, and which addresses count as frames.</summary>
public sealed class StackEndStories
{
    private const ulong Code = 0x40_0000;
    private const ulong Data = 0x50_0000;
    private const ulong Made = 0x60_0000;
    private const uint ReadAndExecute = 5;
    private const ulong Table = StackRecordHead.WithoutTable;

    [Fact]
    public void TheTableSaysThatNobodyCalledIt() => Assert.Equal((1, 0, 2), Tell(StackEnding.Outermost, Code + 1, Code + 2));

    [Theory]
    [InlineData(nameof(StackEnding.None))]
    [InlineData(nameof(StackEnding.NoTable))]
    [InlineData(nameof(StackEnding.Unreadable))]
    [InlineData(nameof(StackEnding.ChainEnd))] // rbp was 0, in a function that is no known root
    public void WithoutThatItIsCutShort(string ending) => Assert.Equal((0, 1, 2), Tell(Enum.Parse<StackEnding>(ending), Code + 1, Code + 2));

    /// <summary>What rbp led to without a table: its frames are shown, but nobody knows what lies between them.</summary>
    [Fact]
    public void AGuessOnTheWayIsNotComplete() => Assert.Equal((0, 1, 3), Tell(StackEnding.Outermost, Code + 1, Code + 2 | Table, Code + 3));

    [Fact]
    public void CodeThatTheProgramMadeKeepsFramePointers() => Assert.Equal((1, 0, 3), Tell(StackEnding.Outermost, Code + 1, Made + 2 | Table, Code + 3));

    /// <summary>Nothing returns to data, or to where nothing is mapped: what follows are no frames.</summary>
    [Theory]
    [InlineData(Data)]
    [InlineData(0x7261_6361_6574_6620ul)]
    public void FramesEndWhereThereIsNoCode(ulong address) => Assert.Equal((0, 1, 1), Tell(StackEnding.Outermost, Code + 1, address & ~Table, Code + 2));

    /// <summary>But a program can jump anywhere.</summary>
    [Fact]
    public void TheInterruptedFrameIsOneWhereverItIs() => Assert.Equal((1, 0, 2), Tell(StackEnding.Outermost, Data + 1, Code + 2));

    private static (long Complete, long Truncated, int Frames) Tell(StackEnding ending, params ulong[] ips)
    {
        var header = SpoolStory.Header();
        using var story = new SpoolStory(header with { Metadata = header.Metadata with { StackRecording = new StackRecording(null, 0, 0, 0, []) } });
        var trace = story.Pass(0)
            .Sideband(0, new PerfRecords()
                .Mmap2(SpoolStory.StartNs + 1, SpoolStory.Command, Code, Code + 0x1000, "[uprobes]", prot: ReadAndExecute)
                .Mmap2(SpoolStory.StartNs + 2, SpoolStory.Command, Data, Data + 0x1000, "[uprobes]")
                .Mmap2(SpoolStory.StartNs + 3, SpoolStory.Command, Made, Made + 0x1000, "//anon", prot: ReadAndExecute))
            .Stack(7, ending, ips)
            .StackedFaults(0, new StackedFault { Fault = SpoolStory.Fault(10, 0x7000), Stack = 7 })
            .Pass(20)
            .End(100)
            .Finalize();

        var recording = trace.Metadata.StackRecording!;
        return (recording.Complete, recording.Truncated, trace.Metadata.Stacks!.FramesOf((int)trace.Rows.StackId[0]).Count());
    }
}
