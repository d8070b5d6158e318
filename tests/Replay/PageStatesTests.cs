namespace Faultrec.Replay.Tests;

public sealed class PageStatesTests
{
    [Fact]
    public void AForkMakesWrittenPagesOfBothForkedAndSharesNothingAfter()
    {
        var parent = new PageStates { [5] = PageState.Written, [6] = PageState.Read };

        var child = parent.Fork();
        child[5] = PageState.Written;

        Assert.Equal(PageState.Forked, parent[5]);
        Assert.Equal(PageState.Read, parent[6]);
        Assert.Equal(PageState.Written, child[5]);
        Assert.Equal(PageState.Absent, child[7]);
    }

    [Theory]
    [InlineData(0, 2000)]
    [InlineData(511, 513)]
    [InlineData(512, 1024)]
    [InlineData(100, 1L << 40)]
    public void ClearingLeavesWhatIsOutside(long first, long end)
    {
        var states = new PageStates();
        for (var page = 0; page < 2048; page++)
            states[page] = PageState.Written;

        states.Clear(first, end);

        for (var page = 0; page < 2048; page++)
            Assert.Equal(page >= first && page < end ? PageState.Absent : PageState.Written, states[page]);
    }
}
