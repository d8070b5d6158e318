using Faultrec.Analyzer.Measures;
using Xunit;

namespace Faultrec.Analyzer.Tests;

public class PageSetTests
{
    private const long First = 1_000_003;

    // Tiny, word-crossing, sparse in a huge range, dense, and without a range: with some pages outside of it each time.
    [Theory]
    [InlineData(1, 10)]
    [InlineData(65, 200)]
    [InlineData(1 << 20, 500)]
    [InlineData(1 << 14, 40_000)]
    [InlineData(1L << 35, 5_000)]
    [InlineData(0, 3_000)]
    public void ItHoldsWhatAHashSetHolds(long pages, int adds)
    {
        var random = new Random(7);
        var (set, oracle) = (new PageSet(First, pages), new HashSet<long>());
        for (var i = 0; i < adds; i++)
        {
            var page = Page(random, pages);
            set.Add(page);
            oracle.Add(page);
            Assert.Equal(oracle.Count, set.Count);
        }

        Assert.Equal((oracle.Min(), oracle.Max()), (set.First, set.Last));
    }

    [Theory]
    [InlineData(65, 200)]
    [InlineData(1 << 16, 3_000)]
    [InlineData(1L << 35, 3_000)]
    public void AUnionCountsCommonPagesOnce(long pages, int adds)
    {
        var random = new Random(8);
        var (left, right, oracle) = (new PageSet(First, pages), new PageSet(0, 0), new HashSet<long>());
        for (var i = 0; i < adds; i++)
        {
            var page = Page(random, pages);
            (i % 3 == 0 ? right : left).Add(page);
            oracle.Add(page);
        }

        left.Merge(right);
        Assert.Equal(oracle.Count, left.Count);

        // Once more changes nothing.
        left.Merge(right);
        Assert.Equal(oracle.Count, left.Count);
    }

    private static long Page(Random random, long pages)
        => random.Next(20) == 0 ? random.NextInt64(First * 2) : First + random.NextInt64(Math.Max(pages, 1000));
}
