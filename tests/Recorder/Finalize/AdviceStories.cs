using Faultrec.Recorder.Native;
using Faultrec.Recorder.Tests.Support;
using Faultrec.Testing;
using Xunit;

namespace Faultrec.Recorder.Tests.Finalize;

/// <summary>What a program told the kernel about its memory, as the trace keeps it.</summary>
public sealed class AdviceStories
{
    private const long T0 = SpoolStory.StartNs;
    private const int Pid = SpoolStory.Command;
    private const int Child = 200;

    [Fact]
    public void RangesAreKeptInOrder()
    {
        using var story = new SpoolStory();
        story.Pass(0)
            .Event(10, EventType.Advise, Pid, Pid, 0x10000, 0x4000, 14)
            .Event(20, EventType.Advise, Pid, Pid, 0x10000, 0x1000, 15)
            .Event(30, EventType.Userfaultfd, Pid, Pid, 0x20000, 0x1000, 3)
            .Event(40, EventType.Userfaultfd, Pid, Pid, 0x20000, 0x1000, 0)
            .Event(50, EventType.Advise, Pid, Pid, 0x30000, 0x1000, 1)
            .Event(60, EventType.Advise, Pid, Pid, 0x30000, 0x1000, 12)
            .Event(70, EventType.Advise, Pid, Pid, 0x30000, 0x1000, 4) // gives memory back
            .End(100);

        Assert.Equal(
            [
                "10 100 10000-14000 hugepage", "20 100 10000-11000 nohugepage", "30 100 20000-21000 userfaultfd_missing",
                "30 100 20000-21000 userfaultfd_wp", "40 100 20000-21000 userfaultfd_none",
                "50 100 30000-31000 random", "60 100 30000-31000 mergeable",
            ],
            Words(story));
    }

    [Fact]
    public void AChildInheritsWhatIsSaidOfHugePages()
    {
        using var story = new SpoolStory();
        story.Pass(0)
            .Sideband(0, new PerfRecords().Comm(T0 + 1, Pid, Pid, "prog", exec: true).Fork(T0 + 50, Child, Child, Pid, Pid))
            .Event(10, EventType.Advise, Pid, Pid, 0x10000, 0x4000, 14)
            .Event(20, EventType.Userfaultfd, Pid, Pid, 0x20000, 0x1000, 1)
            .End(100);

        Assert.Equal(["10 100 10000-14000 hugepage", "20 100 20000-21000 userfaultfd_missing", "50 200 10000-14000 hugepage"], Words(story));
    }

    [Fact]
    public void ExecEndsIt()
    {
        using var story = new SpoolStory();
        story.Pass(0)
            .Event(10, EventType.Advise, Pid, Pid, 0x10000, 0x4000, 14)
            .Sideband(0, new PerfRecords().Comm(T0 + 60, Pid, Pid, "other", exec: true))
            .End(100);

        Assert.Equal(["10 100 10000-14000 hugepage", "60 100 0-ffffffffffffffff nohugepage", "60 100 0-ffffffffffffffff userfaultfd_none"], Words(story));
    }

    private static IEnumerable<string> Words(SpoolStory story)
        => story.Finalize().Metadata.Advice.Select(advice => $"{advice.TimeNs} {advice.Pid} {advice.Start:x}-{advice.End:x} {advice.Advice}");
}
