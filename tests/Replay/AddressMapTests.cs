using Faultrec.Traces.Metadata;

namespace Faultrec.Replay.Tests;

public sealed class AddressMapTests
{
    private static readonly ReplayedRegion A = Region(1);
    private static readonly ReplayedRegion B = Region(2);

    [Fact]
    public void APieceOverTheMiddleOfAnotherLeavesItsTwoEnds()
    {
        var map = new AddressMap();

        map.Set(0x10000, 0x20000, A);
        map.Set(0x14000, 0x16000, B);

        Assert.Equal([new(0x10000, 0x14000, A), new(0x14000, 0x16000, B), new(0x16000, 0x20000, A)], map.Pieces);
        Assert.Equal(B, map.At(0x15fff)?.Region);
        Assert.Equal(A, map.At(0x16000)?.Region);
        Assert.Null(map.At(0x20000));
    }

    [Fact]
    public void TakingAwayLeavesWhatReachesOverTheEnds()
    {
        var map = new AddressMap();
        map.Set(0x10000, 0x20000, A);
        map.Set(0x20000, 0x30000, B);

        map.Set(0x18000, 0x28000, null);

        Assert.Equal([new(0x10000, 0x18000, A), new(0x28000, 0x30000, B)], map.Pieces);
        Assert.Null(map.At(0x18000));
    }

    [Fact]
    public void AForkIsACopy()
    {
        var map = new AddressMap();
        map.Set(0x10000, 0x20000, A);

        var child = map.Fork();
        child.Set(0x10000, 0x20000, B);

        Assert.Equal(A, map.At(0x10000)?.Region);
        Assert.Equal(B, child.At(0x10000)?.Region);
    }

    [Fact]
    public void RandomPiecesAreThoseOfAnArrayOfPages()
    {
        var random = new Random(7);
        var map = new AddressMap();
        var pages = new ReplayedRegion?[64];
        for (var step = 0; step < 2000; step++)
        {
            var start = random.Next(64);
            var end = start + 1 + random.Next(64 - start);
            var region = random.Next(3) switch { 0 => A, 1 => B, _ => null };
            map.Set((ulong)start << 12, (ulong)end << 12, region);
            Array.Fill(pages, region, start, end - start);
            for (var page = 0; page < pages.Length; page++)
                Assert.Same(pages[page], map.At((ulong)page << 12)?.Region);
        }
    }

    private static ReplayedRegion Region(int id)
        => ReplayedRegion.Of(new Region { Id = id, Pid = 10, Start = 0x10000, End = 0x40000, Prot = "rw-p", Name = "[anon]" }, ReplayChange.None,
            isForkCopy: false)!;
}
