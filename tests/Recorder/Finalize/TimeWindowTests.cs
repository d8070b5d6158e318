using Faultrec.Recorder.Finalize;
using Xunit;

namespace Faultrec.Recorder.Tests.Finalize;

public sealed class TimeWindowTests
{
    /// <summary>Several ascending streams with late items, taken up to a watermark now and then: as if all had been sorted at once.</summary>
    [Theory]
    [InlineData(1, 1, 0)]
    [InlineData(2, 2, 50)]
    [InlineData(3, 8, 5_000)]
    [InlineData(4, 3, 1)]
    [InlineData(5, 4, 1_000_000)] // no order at all
    public void GivesWhatSortingEverythingGives(int seed, int streams, int disorderNs)
    {
        var random = new Random(seed);
        var window = new TimeWindow<int>();
        var added = new List<(long TimeNs, int Item)>();
        var taken = new List<(long TimeNs, int Item)>();
        for (var round = 0; round < 60; round++)
        {
            for (var stream = 0; stream < streams; stream++)
            {
                var timeNs = (round * 10_000L) + random.Next(100);
                for (var i = random.Next(400); i > 0; i--)
                {
                    timeNs += random.Next(3) * random.Next(20);
                    var late = timeNs - (random.Next(10) == 0 ? random.Next(disorderNs + 1) : 0);
                    window.Add(late, added.Count);
                    added.Add((late, added.Count));
                }
            }

            if (random.Next(3) > 0)
                continue;
            window.Sort();
            TakeUntil(window, taken, ((round + 1) * 10_000L) - disorderNs);
        }

        window.Sort();
        TakeUntil(window, taken, long.MaxValue);
        Assert.Equal(0, window.Count);
        Assert.Equal(added.OrderBy(item => item.TimeNs).ThenBy(item => item.Item), taken); // equal times: as added
    }

    [Fact]
    public void UnsortedItemsAreNotGiven()
    {
        var window = new TimeWindow<string>();
        window.Add(5, "five");
        Assert.Equal((long.MaxValue, 1, 1), (window.NextTimeNs, window.Count, window.Unsorted));
        window.Sort();
        window.Add(3, "three");
        Assert.Equal((5, 2, 1), (window.NextTimeNs, window.Count, window.Unsorted));
        window.Sort();
        Assert.Equal(3, window.NextTimeNs);
        Assert.Equal("three", window.Take());
        Assert.Equal("five", window.Take());
        Assert.Equal(long.MaxValue, window.NextTimeNs);
    }

    [Fact]
    public void WhatWasTakenIsForgotten()
    {
        var window = new TimeWindow<object>();
        var first = AddAndTake(window, 0);
        for (var i = 1; i < 5000; i++)
            AddAndTake(window, i);
        GC.Collect();
        Assert.False(first.IsAlive);
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static WeakReference AddAndTake(TimeWindow<object> window, long timeNs)
    {
        window.Add(timeNs, new object());
        window.Sort();
        return new WeakReference(window.Take());
    }

    private static void TakeUntil(TimeWindow<int> window, List<(long TimeNs, int Item)> taken, long watermark)
    {
        while (window.NextTimeNs < watermark)
        {
            var timeNs = window.NextTimeNs;
            taken.Add((timeNs, window.Take()));
        }
    }
}
