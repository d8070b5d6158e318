using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Trace.Tests;

public sealed class PageGeometryTests
{
    /// <summary>Documentation/arch/arm64/memory.rst and admin-guide/mm/transhuge.rst: huge pages of 2, 32 and 512 MiB.</summary>
    [Theory]
    [InlineData(4096, 9, 2L << 20, 18)]
    [InlineData(16384, 11, 32L << 20, 16)]
    [InlineData(65536, 13, 512L << 20, 14)]
    public void AHugePageIsWhatOneTableMaps(int pageBytes, int hugeOrder, long hugeBytes, int gibOrder)
    {
        var pages = new PageGeometry(pageBytes);

        Assert.Equal((pageBytes, hugeOrder, hugeBytes), (pages.PageBytes, pages.HugeOrder, pages.HugeBytes));
        Assert.Equal(hugeBytes / pageBytes, pages.HugePages);
        Assert.Equal((hugeOrder, hugeOrder * 2), (pages.OrderAt(PageGeometry.PmdLevel), pages.OrderAt(PageGeometry.PudLevel)));
        Assert.Equal(gibOrder, pages.OrderOf(1 << 30));
        Assert.Equal(0, pages.OrderOf(1024));
    }

    [Fact]
    public void AddressesHavePages()
    {
        var pages = new PageGeometry(16384);

        Assert.Equal((2, 0x8000UL), (pages.PageOf(0x8001), pages.StartOf(0x8001)));
        Assert.Equal((1, 32UL << 20), (pages.HugePageOf((32UL << 20) + 5), pages.HugeStartOf((32UL << 20) + 5)));
        Assert.Equal((0x8000UL, 0xc000UL, ulong.MaxValue), (pages.RoundUp(0x8000), pages.RoundUp(0x8001), pages.RoundUp(ulong.MaxValue - 1)));
        Assert.True(pages.IsAligned(0x4000));
        Assert.False(pages.IsAligned(0x1000));
    }

    [Fact]
    public void ATraceHasThoseOfItsPageSize()
        => Assert.Equal(new PageGeometry(65536), (SampleTrace.Metadata() with { PageSize = 65536 }).Pages);
}
