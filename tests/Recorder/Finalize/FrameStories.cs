using Faultrec.Recorder.Native;
using Faultrec.Recorder.Tests.Support;
using Faultrec.Traces.Columns;
using Xunit;

namespace Faultrec.Recorder.Tests.Finalize;

/// <summary>What the walks of a fault's page table become in its row.</summary>
public sealed class FrameStories
{
    [Theory]
    [InlineData(4, 0, 0, 0ul, 0x8000_0000_1234_5067ul, 0, 0x12345L, 0)] // a page where none was
    [InlineData(4, 1, 0, 0ul, 0x1234_5067ul, 1, 0x12345L, 0)] // its table was missing, too
    [InlineData(4, 3, 0, 0ul, 0x1234_5067ul, 4, 0x12345L, 0)] // four levels: the pgd
    [InlineData(5, 3, 0, 0ul, 0x1234_5067ul, 3, 0x12345L, 0)] // five: the p4d
    [InlineData(5, 4, 0, 0ul, 0x1234_5067ul, 4, 0x12345L, 0)]
    [InlineData(4, 1, 1, 0ul, 0x4000_10e7ul, 1, 0x40000L + 0x5, 9)] // a huge page: bit 12 is no frame bit (PAT)
    [InlineData(4, 2, 2, 0ul, 0x8000_00e7ul, 2, 0x80000L + 0x205, 18)]
    [InlineData(4, 0, 0, 0x5067ul, 0ul, 0, -1L, -1)] // gone again
    public void TheFrameIsThatOfTheAddress(int pagingLevels, byte before, byte after, ulong pteBefore, ulong pteAfter, int level, long pfn, int order)
    {
        using var story = new SpoolStory(pagingLevels);
        story.Pass(0)
            .Faults(0,
                SpoolStory.Fault(10, 0x7f00_0020_5123, bits: FaultBits.HasWalk) with
                {
                    Levels = (byte)(before | after << 4),
                    PteBefore = pteBefore,
                    PteAfter = pteAfter
                })
            .End(100);

        var rows = story.Finalize().Rows;

        Assert.Equal((level, (long)pteBefore, pfn, order), ((int)rows.PtLevel[0], rows.PteBefore[0], rows.Pfn[0], (int)rows.PageOrder[0]));
    }

    [Theory]
    [InlineData(0b0000_0000_0010_0000, 0, FaultBatch.Null, 0)] // only its own page
    [InlineData(0b0000_0111_1111_0000, 0, 0b0000_0111_1111_0000, 0)]
    [InlineData(0xffff, 0, 0xffff, 0)]
    [InlineData(0x7fff_0000, 0, 0x7fff_0000, 0)] // behind the multiple of 16 pages
    [InlineData(0x7fff_ffff, 6, 0x7fff_ffff, 6)] // a folio of 256 KiB
    [InlineData(0xffff, 6, 0xffff, 0)] // or a part of one
    [InlineData(0b0000_0000_1111_0000, 2, 0b0000_0000_1111_0000, 2)] // of 16 KiB
    [InlineData(0b0000_0000_0111_1000, 2, 0b0000_0000_0111_1000, 0)] // not at a multiple of them
    [InlineData(0b0000_0000_1111_1111, 3, 0b0000_0000_1111_1111, 3)]
    [InlineData(0xffff, 9, 0xffff, 0)] // a huge page of which only these are mapped by entries of their own
    public void WhatWasMappedAroundIsNoEntry(int pages, int folioOrder, int around, int order)
    {
        using var story = new SpoolStory(4);
        story.Pass(0)
            .Faults(0,
                SpoolStory.Fault(10, 0x7f00_0020_5123, bits: FaultBits.HasWalk) with
                {
                    Levels = FaultRecord.WalkAround,
                    PteBefore = (uint)pages | ((ulong)folioOrder << FaultRecord.AroundOrderShift),
                    PteAfter = 0x1234_5067
                })
            .End(100);

        var rows = story.Finalize().Rows;

        Assert.Equal((0, 0L, 0x12345L, order, around), ((int)rows.PtLevel[0], rows.PteBefore[0], rows.Pfn[0], (int)rows.PageOrder[0], rows.MappedAround[0]));
    }

    [Theory]
    [InlineData(0, 2, 4)] // page 5 of the window
    [InlineData(0b1000_0000_0000_0000, 2, 3)]
    [InlineData(0b0000_0001_0000_1000, 2, 2)]
    [InlineData(0b0000_0000_1000_0000, 2, 1)]
    [InlineData(0b0000_0000_0001_0000, 2, 0)]
    [InlineData(0, 0, FaultBatch.Null)] // a read
    [InlineData(0, 2, FaultBatch.Null, 1)] // no page table
    [InlineData(0, 2, FaultBatch.Null, 0, 0b0110_0000)] // more than its own page
    public void WhatWasEmptyAroundAPageThatAWriteMappedAlone(
        int used, int errorCode, int order, int levelBefore = 0, int mapped = 0b0010_0000)
    {
        using var story = new SpoolStory(4);
        story.Pass(0)
            .Faults(0,
                SpoolStory.Fault(10, 0x7f00_0020_5123, bits: FaultBits.HasWalk | FaultBits.HasErrorCode) with
                {
                    ErrorCode = (ushort)errorCode,
                    Levels = (byte)(FaultRecord.WalkAround | levelBefore),
                    PteBefore = (uint)mapped | ((ulong)used << FaultRecord.AroundUsedShift),
                    PteAfter = 0x1234_5067
                })
            .End(100);

        Assert.Equal(order, (int)story.Finalize().Rows.EmptyOrder[0]);
    }

    [Fact]
    public void WithoutAWalkNothingIsSaid()
    {
        using var story = new SpoolStory(4);
        story.Pass(0).Faults(0, SpoolStory.Fault(10, 0x5000) with { PteBefore = 0x1067, PteAfter = 0x1067 }).End(100);

        var rows = story.Finalize().Rows;

        Assert.Equal((-1, FaultBatch.NullPte, -1L, -1), ((int)rows.PtLevel[0], rows.PteBefore[0], rows.Pfn[0], (int)rows.PageOrder[0]));
    }

    [Fact]
    public void AFaultThatFailedHasWhatItFound()
    {
        using var story = new SpoolStory(4);
        var told = (long)(FaultBits.HasErrorCode | FaultBits.HasWalk) | (1 << 8);
        story.Pass(0)
            .Event(80, EventType.FaultFailed, SpoolStory.Command, SpoolStory.Command, SpoolStory.StartNs + 70, 0x8, 0x401000, (4L << 32) | 11, told, 0x123)
            .End(100);

        var rows = story.Finalize().Rows;

        Assert.Equal((11, 1, 0x123L, -1L, -1), (rows.Signal[0], (int)rows.PtLevel[0], rows.PteBefore[0], rows.Pfn[0], (int)rows.PageOrder[0]));
    }
}
