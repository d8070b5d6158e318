using Faultrec.Analyzer.Classify;
using Faultrec.Replay.Native;

namespace Faultrec.Replay.Tests;

public sealed class TallyTests
{
    [Fact]
    public void WhatARunCountedBelongsToTheBucketBefore()
    {
        var buckets = new BucketTable();
        var (first, second) = ((uint)buckets.NumberOf(1, FaultKind.AnonWrite, Severity.Minor), (uint)buckets.NumberOf(2, FaultKind.FileDisk, Severity.Major));
        var tally = new Tally(buckets, slots: 2, faults: 10, isPaced: false);

        tally.Take(0, Touch(first, 10));
        tally.Take(1, Touch(second, 15));
        tally.Take(0, Touch(first, 20));
        tally.Take(0, Touch(second, 30) with { Result = OpResult.ClosesRun, Minor = 2 });
        tally.Take(1, new Op { Kind = OpKind.Exit, Result = OpResult.ClosesRun, Major = 1 });
        tally.Take(0, new Op { Kind = OpKind.ExitProcess, Result = OpResult.ClosesRun, Minor = 1 });

        Assert.Equal((2, 2, 0), (buckets.All[0].Touches, buckets.All[0].Minor, buckets.All[0].Major));
        Assert.Equal((2, 1, 1), (buckets.All[1].Touches, buckets.All[1].Minor, buckets.All[1].Major));
        Assert.Equal((10, 31), (tally.FirstNs, tally.LastNs));
    }

    [Theory]
    [InlineData(1, 1.0)]
    [InlineData(-1, -1.0)]
    public void TheRankCorrelationIsThatOfStarts(int direction, double expected)
    {
        var buckets = new BucketTable();
        var bucket = (uint)buckets.NumberOf(1, FaultKind.AnonWrite, Severity.Minor);
        var tally = new Tally(buckets, slots: 1, faults: 100, isPaced: false);

        for (var i = 0; i < 100; i++)
            tally.Take(0, Touch(bucket, 1000 + (direction * i)) with { DueNs = i });

        Assert.Equal(expected, tally.RankCorrelation()!.Value, 9);
    }

    [Fact]
    public void ATouchThatFailsWhereTheRecordedFaultDidNotIsNoFault()
    {
        Assert.Equal((0, 0), Counts(new Bucket(1, FaultKind.AnonWrite, Severity.Minor) { Recorded = 2, Failed = 2 }));
        Assert.Equal((2, 2), Counts(new Bucket(1, FaultKind.Failed, Severity.Failed) { Recorded = 2, Failed = 2 }));

        static (long, long) Counts(Bucket bucket) => (bucket.Replayed, bucket.Matched);
    }

    private static Op Touch(uint bucket, long startNs) => new() { Kind = OpKind.Touch, Bucket = bucket, StartNs = startNs, DurationNs = 1 };
}
