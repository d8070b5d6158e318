using Faultrec.Recorder.Kernel;
using Xunit;

namespace Faultrec.Recorder.Tests.Capture;

public sealed class MemoryControllerTests
{
    [Fact]
    public void EventsAreFoundByTheirWholeName()
    {
        const string events = "low 0\nhigh 7\nmax 12\noom 2\noom_kill 1\noom_group_kill 0";

        Assert.Equal(
            [7L, 12, 1, null], [.. new[] { "high", "max", "oom_kill", "oom_" }.Select(word => MemoryController.NumberAfter(events, word))]);
        Assert.Null(MemoryController.NumberAfter(null, "max"));
        Assert.Null(MemoryController.NumberAfter("max many", "max"));
    }

    [Fact]
    public void StallsAreTheirTotalsInNanoseconds()
    {
        const string pressure = "some avg10=0.12 avg60=0.00 avg300=0.00 total=1234\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=56";

        Assert.Equal((1_234_000L, 56_000L), (MemoryController.StallNs(pressure, "some"), MemoryController.StallNs(pressure, "full")));
        Assert.Null(MemoryController.StallNs(null, "some"));
        Assert.Null(MemoryController.StallNs("some avg10=0.12", "some"));
    }
}
