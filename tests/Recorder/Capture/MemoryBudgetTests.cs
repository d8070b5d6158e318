using Faultrec.Recorder.Kernel;
using Xunit;

namespace Faultrec.Recorder.Tests.Capture;

public sealed class MemoryBudgetTests
{
    /// <summary>The collector tells three quarters of a cgroup's limit.</summary>
    [Theory]
    [InlineData(24_000, 0)]
    [InlineData(512, 0)]
    [InlineData(400, 1)]
    [InlineData(256, 2)]
    [InlineData(80, 3)]
    [InlineData(50, 4)]
    [InlineData(4, 4)]
    [InlineData(0, 4)]
    public void SizesAreHalvedUntilTheyFit(long cgroupMiB, int halvings)
        => Assert.Equal(halvings, MemoryBudget.HalvingsFor((cgroupMiB << 20) / 4 * 3));

    /// <summary>Rings and tables are powers of two, of at least a page of bytes.</summary>
    [Theory]
    [InlineData(64 * 1024)]
    [InlineData(8 << 20)]
    public void TheSmallestIsStillAPowerOfTwo(int entries)
    {
        var smallest = entries >> MemoryBudget.HalvingsFor(1);
        Assert.Equal(0, smallest & (smallest - 1));
        Assert.True(smallest >= 4096);
    }
}
