using Faultrec.Recorder.Native;
using Faultrec.Recorder.Spool;
using Faultrec.Recorder.Tests.Support;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Recorder.Tests.Finalize;

/// <summary>--why and --slab: what a record's details become, and what stays null.</summary>
public sealed class CostStories
{
    private static readonly string[] CauseNames = ["reclaim", "compaction", "io_wait", "lock_wait", "off_cpu", "zeroing"];
    private static readonly string[] Stages = ["fast", "sheaf", "local", "partial", "remote", "buddy"];

    [Fact]
    public void EachCauseAndStageHasItsColumn()
    {
        using var story = new SpoolStory(Header([], []));
        var rows = story.DetailedFaults(0, Detailed(10)).End(1000).Finalize().Rows;

        Assert.Equal([1, 2, 3, 4, 5, 6], Causes(rows, 0));
        Assert.Equal([11, 12, 13, 14, 15, 16, 17], Objects(rows, 0));
    }

    [Fact]
    public void WhatCouldNotBeTracedIsNull()
    {
        using var story = new SpoolStory(Header(["lock_wait", "zeroing"], ["sheaf", "remote", "buddy"]));
        var rows = story.DetailedFaults(0, Detailed(10)).End(1000).Finalize().Rows;

        Assert.Equal([1, 2, 3, FaultBatch.Null, 5, FaultBatch.Null], Causes(rows, 0));
        Assert.Equal([11, FaultBatch.Null, 13, 14, FaultBatch.Null, FaultBatch.Null, 17], Objects(rows, 0));
    }

    [Fact]
    public void AFaultThatWasNotFollowedFromItsEntryHasNoCosts()
    {
        using var story = new SpoolStory(Header([], []));
        var rows = story.DetailedFaults(0, Detailed(10), Detailed(20, FaultBits.NoEntry), Detailed(30, hasCosts: false)).End(1000).Finalize().Rows;

        Assert.Equal([1, 2, 3, 4, 5, 6], Causes(rows, 0));
        Assert.All(Causes(rows, 1).Concat(Causes(rows, 2)), value => Assert.Equal(FaultBatch.Null, value));
        Assert.All(Objects(rows, 1).Concat(Objects(rows, 2)), value => Assert.Equal(FaultBatch.Null, value));
    }

    [Fact]
    public void DetailsForAnotherOptionTellNoCosts()
    {
        // --handlers alone: the same records, whose costs nobody counted.
        using var story = new SpoolStory();
        var rows = story.DetailedFaults(0, Detailed(10)).End(1000).Finalize().Rows;

        Assert.All(Causes(rows, 0).Concat(Objects(rows, 0).Select(count => (long)count)), value => Assert.Equal(FaultBatch.Null, value));
    }

    [Fact]
    public void CountsByProcessComeFromTheEnding()
    {
        var costs = new CostCounts
        {
            LockWaits = [new LockWait(100, 101, 100, 102, 3, 400, 200)],
            TlbFlushes = [new TlbFlushes(100, "TLB_LOCAL_SHOOTDOWN", 5, 4, 1)],
            Caches = [new SlabCount(100, "vm_area_struct", "fast", 7)],
            BuddyAllocations = [new BuddyCount(100, 0, 8)],
        };
        using var story = new SpoolStory(Header([], ["remote"]));
        var trace = story.DetailedFaults(0, Detailed(10)).End(1000, costs: costs, countsLost: 9).Finalize();

        Assert.Equal(costs.LockWaits, trace.Metadata.LockWaits);
        Assert.Equal(costs.TlbFlushes, trace.Metadata.TlbFlushes);
        Assert.Equal(costs.Caches, trace.Metadata.Slab!.Caches);
        Assert.Equal(costs.BuddyAllocations, trace.Metadata.Slab.BuddyAllocations);
        Assert.Equal("refused", trace.Metadata.Slab.Stages.Single(stage => stage.Cause == "remote").Reason);
        Assert.Equal(9, trace.Receipt.CountsLost);
    }

    private static SpoolHeader Header(string[] refusedCauses, string[] refusedStages)
    {
        var header = SpoolStory.Header();
        return header with
        {
            Metadata = header.Metadata with
            {
                Causes = [.. CauseNames.Select(cause => new CauseProbe(cause, refusedCauses.Contains(cause) ? "refused" : null))],
                Slab = new SlabRecording([.. Stages.Select(stage => new CauseProbe(stage, refusedStages.Contains(stage) ? "refused" : null))], [], []),
            },
        };
    }

    private static DetailedFault Detailed(long timeNs, FaultBits bits = 0, bool hasCosts = true)
    {
        var details = new FaultDetails { BuddyPages = 17, HasCosts = (ushort)(hasCosts ? 1 : 0) };
        for (var i = 0; i < FaultDetails.Causes; i++)
            details.CauseNs[i] = i + 1;
        for (var i = 0; i < FaultDetails.SlabStages; i++)
            details.Objects[i] = (ushort)(11 + i);
        return new DetailedFault { Fault = SpoolStory.Fault(timeNs, 0x10000, bits: bits), Details = details };
    }

    private static long[] Causes(FaultBatch rows, int row)
        => [rows.ReclaimNs[row], rows.CompactionNs[row], rows.IoWaitNs[row], rows.LockWaitNs[row], rows.OffCpuNs[row], rows.ZeroingNs[row]];

    private static int[] Objects(FaultBatch rows, int row)
        => [
            rows.SlabFast[row], rows.SlabSheaf[row], rows.SlabLocal[row], rows.SlabPartial[row], rows.SlabRemote[row], rows.SlabBuddy[row],
            rows.BuddyPages[row],
        ];
}
