using Faultrec.Traces.Ledger;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Recorder.Tests.Finalize;

/// <summary>What a program does to its address space, and what is mapped where afterwards. Addresses in pages.</summary>
public sealed class AddressSpaceStories
{
    private const ulong Page = 4096;

    private readonly List<RegionEntry> _regions = [];
    private readonly AddressSpace _space;
    private long _nowNs;

    public AddressSpaceStories() => _space = new AddressSpace(1, PageGeometry.X64, _regions.Add);

    [Fact]
    public void MappingThatGrowsStaysOneRegion()
    {
        Map(10, 20, Anon);
        Map(10, 30, Anon); // the kernel merged a second mmap into the first: its record gives the whole
        Map(5, 30, Anon);
        AssertPieces("5-30 #0");
        Assert.Equal((5 * Page, 30 * Page), (_regions[0].Start, _regions[0].End));
        Assert.Null(_regions[0].DiedNs);
    }

    [Fact]
    public void MappingThatClosesAGapContinuesTheOldest()
    {
        Map(20, 30, Anon);
        Map(0, 10, Anon);
        Map(0, 30, Anon);
        AssertPieces("0-30 #0");
        Assert.Equal(3, _regions[1].DiedNs);
        Assert.Equal(1, _regions[0].LivePieces);
    }

    [Fact]
    public void NeighboursAreNotMerged()
    {
        Map(0, 10, Anon);
        Map(10, 20, Anon);
        AssertPieces("0-10 #0", "10-20 #1");
    }

    [Fact]
    public void MprotectInTheMiddleSplitsAndBackAgainJoins()
    {
        Map(0, 30, Anon);
        Map(10, 20, ReadOnly);
        AssertPieces("0-10 #0", "10-20 #1", "20-30 #0");
        Assert.Equal(2, _regions[0].LivePieces);

        Map(0, 30, Anon); // writable again: the kernel merges all three
        AssertPieces("0-30 #0");
        Assert.Equal(1, _regions[0].LivePieces);
        Assert.Equal(3, _regions[1].DiedNs);
        Assert.Null(_regions[0].DiedNs);
    }

    [Theory]
    [InlineData(0, 10, "10-30 #0")]
    [InlineData(10, 20, "0-10 #0", "20-30 #0")]
    [InlineData(20, 30, "0-20 #0")]
    [InlineData(20, 99, "0-20 #0")]
    [InlineData(30, 40, "0-30 #0")]
    public void MunmapCutsHeadMiddleAndTail(int from, int to, params string[] left)
    {
        Map(0, 30, Anon);
        Unmap(from, to);
        AssertPieces(left);
        Assert.Equal(left.Length, _regions[0].LivePieces);
        Assert.Null(_regions[0].DiedNs);
        Assert.Equal((0UL, 30 * Page), (_regions[0].Start, _regions[0].End)); // the widest it was
    }

    [Fact]
    public void RegionDiesWithItsLastPiece()
    {
        Map(0, 30, Anon);
        Unmap(10, 20);
        Unmap(0, 10);
        Assert.Null(_regions[0].DiedNs);
        Unmap(20, 30);
        Assert.Equal(4, _regions[0].DiedNs);
        Assert.Empty(_space.Pieces);
    }

    [Fact]
    public void MunmapOverSeveralMappingsTakesPartsOfTheOutermost()
    {
        Map(0, 10, Anon);
        Map(20, 30, Lib(0));
        Map(40, 50, Anon);
        Unmap(5, 45);
        AssertPieces("0-5 #0", "45-50 #2");
        Assert.Equal([null, 4, null], _regions.Select(region => region.DiedNs));
    }

    [Fact]
    public void MunmapLengthIsRoundedUpToPages()
    {
        Map(0, 10, Anon);
        _space.Unmap(0, (3 * Page) + 1, ++_nowNs);
        AssertPieces("4-10 #0");
    }

    [Fact]
    public void CutFileMappingKeepsItsPlaceInTheFile()
    {
        Map(100, 130, Lib(7));
        Unmap(110, 120);
        Assert.Equal([7 * Page, 27 * Page], _space.Pieces.Select(piece => piece.FileOffset));
    }

    [Fact]
    public void MapFixedOverAnotherFileIsAnotherRegion()
    {
        Map(0, 30, Lib(0)); // ld.so maps the whole file, then each segment over it
        Map(10, 20, Lib(10) with { Identity = Text });
        Map(20, 30, Anon);
        AssertPieces("0-10 #0", "10-20 #1", "20-30 #2");
    }

    [Fact]
    public void SameFileAtAnotherOffsetIsAnotherRegion()
    {
        Map(0, 10, Lib(0));
        Map(0, 10, Lib(5));
        AssertPieces("0-10 #1");
        Assert.Equal(2, _regions[0].DiedNs);
    }

    [Fact]
    public void MremapMovesTheMappingWithItsIdentity()
    {
        Map(0, 10, Lib(3));
        Remap(0, 10, 50, 10);
        AssertPieces("50-60 #1");
        Assert.Equal(2, _regions[0].DiedNs);
        Assert.Equal(("lib.so", 3 * Page), (_regions[1].Identity.Name, _regions[1].FileOffset));
    }

    [Theory]
    [InlineData(10, 10, 20, "0-20 #0")] // grown in place
    [InlineData(10, 10, 4, "0-4 #0")]
    [InlineData(30, 10, 4, "0-4 #0", "10-30 #0")]
    public void MremapInPlaceGrowsAndShrinks(int mapped, int oldPages, int newPages, params string[] left)
    {
        Map(0, mapped, Anon);
        Remap(0, oldPages, 0, newPages);
        AssertPieces(left);
        Assert.Null(_regions[0].DiedNs);
    }

    [Fact]
    public void MremapMovesAPartAndGrowsIt()
    {
        Map(0, 10, Lib(0));
        Remap(6, 4, 50, 8);
        AssertPieces("0-6 #0", "50-58 #1");
        Assert.Equal(6 * Page, _regions[1].FileOffset);
    }

    [Fact]
    public void MremapMovesAndShrinks()
    {
        Map(0, 10, Anon);
        Remap(0, 10, 50, 3);
        AssertPieces("50-53 #1");
    }

    [Fact]
    public void MremapDontunmapLeavesTheOldMapping()
    {
        Map(0, 10, Anon);
        Remap(0, 10, 50, 10, keepOld: true);
        AssertPieces("0-10 #0", "50-60 #1");
    }

    [Fact]
    public void MremapOfSharedMemoryWithOldLengthZeroMapsItAgain()
    {
        Map(0, 10, Lib(0));
        Remap(2, 0, 50, 8);
        AssertPieces("0-10 #0", "50-58 #1");
        Assert.Equal(2 * Page, _regions[1].FileOffset);
    }

    [Fact]
    public void MremapFixedOverALikeMappingEndsThatOne()
    {
        Map(0, 10, Anon);
        Map(50, 60, Anon);
        Remap(0, 10, 50, 10);
        AssertPieces("50-60 #2");
        Assert.Equal([3, 3, null], _regions.Select(region => region.DiedNs));
    }

    /// <summary>Linux 6.17: one call moves neighbours with the gaps between them.</summary>
    [Fact]
    public void MremapMovesSeveralMappings()
    {
        Map(0, 10, Anon);
        Map(12, 20, Lib(0));
        Remap(0, 20, 50, 20);
        AssertPieces("50-60 #2", "62-70 #3");
        Assert.Equal("lib.so", _regions[3].Identity.Name);
    }

    [Fact]
    public void FirstGrowthOfTheHeapIsNamedByBrk()
    {
        Map(10, 43, Anon); // the kernel writes its record before mm->brk moves
        Break(43);
        Assert.Equal("[heap]", Name(20));
        Map(10, 76, Heap); // from now on it knows
        Break(76);
        AssertPieces("10-76 #0");
        Assert.Equal(0UL, _regions[0].FileOffset);
    }

    [Fact]
    public void BrkThatReturnsMemoryShrinksTheHeap()
    {
        Map(10, 43, Heap);
        Map(60, 70, Anon);
        _space.Break((20 * Page) - 100, ++_nowNs);
        AssertPieces("10-20 #0", "60-70 #1");
        Break(10);
        AssertPieces("60-70 #1");
        Assert.Equal(4, _regions[0].DiedNs);
    }

    [Fact]
    public void BrkBelowAProtectedPartOfTheHeapTakesThatToo()
    {
        Map(10, 40, Heap);
        Map(20, 30, Heap with { Identity = Heap.Identity with { Prot = "r--p" } });
        Break(15);
        AssertPieces("10-15 #0");
    }

    [Fact]
    public void StackIsFoundBelowItsKnownStart()
    {
        Map(100_000, 100_010, Stack);
        Assert.Same(_regions[0], _space.Lookup(99_990 * Page)?.Region); // grows in this very fault
        Map(99_989, 100_010, Stack);
        AssertPieces("99989-100010 #0");
        Assert.Null(_space.Lookup((99_989 * Page) - (64UL << 20) - 1));
    }

    /// <summary>The probe sits at the exception: the fault, then the record of the growth that it caused.</summary>
    [Fact]
    public void AFaultBelowTheStackGrowsItOnce()
    {
        Map(100_000, 100_010, Stack);
        Assert.False(_space.TakeGrowth(100_005 * Page));
        Assert.True(_space.TakeGrowth((99_990 * Page) + 8));
        Map(99_990, 100_010, Stack);
        Assert.False(_space.TakeGrowth(99_990 * Page)); // again, after it was paged out
        Assert.False(_space.TakeGrowth(99_995 * Page)); // jumped over
        Assert.True(_space.TakeGrowth(99_989 * Page));
    }

    /// <summary>The probe sits at handle_mm_fault: the growth, then the fault.</summary>
    [Fact]
    public void GrowthThatIsToldFirstBelongsToTheFaultOnItsLowestPage()
    {
        Map(100_000, 100_010, Stack);
        Map(99_990, 100_010, Stack);
        Assert.False(_space.TakeGrowth(99_995 * Page)); // another thread's, of a page between
        Assert.True(_space.TakeGrowth((99_990 * Page) + 8));
        Assert.False(_space.TakeGrowth((99_990 * Page) + 8));
    }

    [Fact]
    public void OnlyStacksGrow()
    {
        Map(1000, 1010, Anon);
        Assert.Null(_space.Lookup(999 * Page));
        Assert.False(_space.TakeGrowth(999 * Page));
    }

    [Fact]
    public void LookupIsInclusiveAtTheStartAndExclusiveAtTheEnd()
    {
        Map(10, 20, Anon);
        Assert.NotNull(_space.Lookup(10 * Page));
        Assert.NotNull(_space.Lookup((20 * Page) - 1));
        Assert.Null(_space.Lookup(20 * Page));
        Assert.Null(_space.Lookup((10 * Page) - 1));
    }

    [Fact]
    public void FaultRightAfterMunmapFindsWhatWasThere()
    {
        Map(0, 10, Anon);
        Unmap(0, 10);
        Assert.Same(_regions[0], _space.Lookup(5 * Page)?.Region);
        Map(0, 10, Lib(0)); // and reused at once
        Assert.Same(_regions[1], _space.Lookup(5 * Page)?.Region);
        Unmap(0, 10);
        Assert.Same(_regions[1], _space.Lookup(5 * Page)?.Region); // the last that was here
    }

    [Fact]
    public void DeadAreForgottenInTheEnd()
    {
        Map(0, 10, Anon);
        Unmap(0, 10);
        for (var i = 0; i < 64; i++)
        {
            Map(100, 101, Anon);
            Unmap(100, 101);
        }

        Assert.Null(_space.Lookup(5 * Page));
        Assert.Same(_regions[^1], _space.Lookup(100 * Page)?.Region);
    }

    [Fact]
    public void ForkCopiesIntoRegionsOfTheChild()
    {
        Map(0, 30, Anon);
        Map(10, 20, ReadOnly); // two pieces of one region
        Map(50, 60, Lib(4));
        var children = new List<RegionEntry>();
        var child = new AddressSpace(2, PageGeometry.X64, children.Add);
        _space.CopyTo(child, 9);
        Assert.Equal(_space.Pieces.Select(piece => (piece.Start, piece.End, piece.FileOffset)),
            child.Pieces.Select(piece => (piece.Start, piece.End, piece.FileOffset)));
        Assert.Equal(3, children.Count);
        Assert.All(children, region => Assert.Equal((2, 9L), (region.Pid, region.BornNs)));
        Assert.Same(child.Pieces[0].Region, child.Pieces[2].Region);
        Assert.Equal((0UL, 30 * Page, 2), (children[0].Start, children[0].End, children[0].LivePieces));

        child.Unmap(0, 60 * Page, 10);
        Assert.All(children, region => Assert.Equal(10, region.DiedNs));
        AssertPieces("0-10 #0", "10-20 #1", "20-30 #0", "50-60 #2");
    }

    [Fact]
    public void ExecClearsEverything()
    {
        Map(0, 10, Anon);
        Map(20, 30, Lib(0));
        _space.Clear(7);
        Assert.Empty(_space.Pieces);
        Assert.All(_regions, region => Assert.Equal(7, region.DiedNs));
        Assert.Null(_space.Lookup(5 * Page)); // another program now: its addresses mean nothing here
    }

    [Fact]
    public void ShmdtDetachesTheMappingThatBeginsThere()
    {
        Map(0, 10, Lib(0));
        Map(20, 30, Anon);
        _space.Detach(0, 5);
        AssertPieces("20-30 #1");
    }

    [Fact]
    public void EmptyMappingAndUnknownAddressesChangeNothing()
    {
        Map(10, 20, Anon);
        Map(15, 15, Lib(0));
        Remap(30, 5, 40, 5);
        _space.Detach(99 * Page, 3);
        _space.Break(0, 4);
        AssertPieces("10-20 #0");
        Assert.Single(_regions);
    }

    [Fact]
    public void WhatTheKernelMergesKeepsWhoReservedIt()
    {
        Map(20, 30, Anon);
        Reserve(20, 30, 1);
        Map(10, 30, Anon); // the second mmap lies below the first
        Reserve(10, 20, 2);
        AssertMappers("10-20 2", "20-30 1");
        Assert.Null(_regions[0].MapperStack); // no one stack made all of it

        Unmap(15, 25);
        AssertMappers("10-15 2", "25-30 1");
        Map(10, 30, Anon);
        Reserve(15, 25, 3);
        AssertMappers("10-15 2", "15-25 3", "25-30 1");
    }

    [Fact]
    public void NeighboursOfOneStackAreOneRange()
    {
        for (var page = 0; page < 100; page++)
        {
            Map(0, page + 1, Anon);
            Reserve(page, page + 1, 7);
        }

        Assert.Equal(7, _space.Mappers.At(50 * Page));
        AssertMappers("0-100 7");
        Assert.Equal(7, _regions[0].MapperStack);
    }

    [Fact]
    public void EachPartOfTheHeapIsOfWhoGrewIt()
    {
        _space.NoteBreak(10 * Page); // brk(0): malloc asks where it is
        Map(10, 43, Anon);
        _space.Break(43 * Page, ++_nowNs, 1);
        Map(10, 50, Heap);
        _space.Break((50 * Page) - 100, ++_nowNs, 2);
        AssertMappers("10-43 1", "43-50 2");

        _space.Break(45 * Page, ++_nowNs, 3); // smaller: nobody reserved anything
        AssertMappers("10-43 1", "43-45 2");
        Map(10, 60, Heap);
        _space.Break(60 * Page, ++_nowNs, null); // its stack was lost
        AssertMappers("10-43 1", "43-45 2");
        Assert.Null(_space.Mappers.At(50 * Page));
    }

    [Fact]
    public void AHeapFromBeforeTheRecordingIsOfNobodyThatIsKnown()
    {
        _space.Map(10 * Page, 20 * Page, 0, Heap.Identity, 0, null);
        Map(10, 30, Heap);
        _space.Break(30 * Page, ++_nowNs, 4);
        AssertMappers("20-30 4");
        Assert.Null(_regions[0].MapperStack);
    }

    [Fact]
    public void MremapThatMovesMakesTheNewPlaceAndOneThatGrowsWhatItGained()
    {
        Map(0, 10, Anon);
        Reserve(0, 10, 1);
        _space.Remap(0, 10 * Page, 0, 15 * Page, false, ++_nowNs, 2);
        AssertMappers("0-10 1", "10-15 2");
        _space.Remap(0, 15 * Page, 50 * Page, 20 * Page, false, ++_nowNs, 3);
        AssertMappers("50-70 3");
        _space.Remap(50 * Page, 20 * Page, 50 * Page, 5 * Page, false, ++_nowNs, 4);
        AssertMappers("50-55 3");
    }

    [Fact]
    public void MemoryWithoutAccessIsOfWhoTakesItIntoUse()
    {
        Map(0, 100, Anon);
        _space.SetMapper(0, 100 * Page, 1, isInaccessible: true);
        _space.Mappers.TakeIntoUse(0, 10 * Page, 2);
        _space.Mappers.TakeIntoUse(5 * Page, 20 * Page, 3); // the first five of these are in use already
        AssertMappers("0-10 2", "10-20 3", "20-100 1");
    }

    [Fact]
    public void ForkCopiesWhoReservedWhatAndExecveForgetsIt()
    {
        Map(0, 10, Anon);
        Reserve(0, 10, 1);
        var child = new AddressSpace(2, PageGeometry.X64, _regions.Add);
        _space.CopyTo(child, ++_nowNs);
        _space.Execute(++_nowNs);
        Assert.Equal((1, null), (child.Mappers.At(0), _space.Mappers.At(0)));
        Assert.Equal(1, _regions[1].MapperStack);
    }

    [Fact]
    public void TooManyReservationsAreCountedAndNotRemembered()
    {
        const int most = 65_536;
        Map(0, most + 10, Anon);
        for (var page = 0; page < most + 10; page++)
            Reserve(page, page + 1, page);
        Assert.Equal((10, null, most - 1), (_space.Mappers.Forgotten, _space.Mappers.At((most + 5) * Page), _space.Mappers.At((most - 1) * Page)));
    }

    /// <summary>arm64 with pages of 64 KiB.</summary>
    [Fact]
    public void StackGrowsByThePagesOfItsMachine()
    {
        const ulong page = 64 << 10;
        var space = new AddressSpace(1, new PageGeometry((int)page), _regions.Add);
        space.Map(10 * page, 12 * page, 0, Stack.Identity, 2, 1);

        Assert.Equal(8 * page, space.Lookup(9 * page - 1)?.Start);
        Assert.True(space.TakeGrowth(8 * page + 5));
        space.SetMapper(10 * page, 11 * page - 5, 7);
        Assert.Equal((10 * page, 11 * page), space.Mappers.All.Select(range => (range.Start, range.End)).Single());
    }

    private static Mapped Anon => new(new MappingIdentity("rw-p", "[anon]", null, 0, null), 0);

    private static Mapped ReadOnly => new(Anon.Identity with { Prot = "r--p" }, 0);

    private static Mapped Heap => new(Anon.Identity with { Name = "[heap]" }, 0);

    private static Mapped Stack => new(Anon.Identity with { Name = "[stack]" }, 0);

    private static MappingIdentity Text => Lib(0).Identity with { Prot = "r-xp" };

    private static Mapped Lib(ulong filePage) => new(new MappingIdentity("r--p", "lib.so", "lib.so", 5, "08:01"), filePage * Page);

    private void Map(int start, int end, Mapped what)
        => _space.Map((ulong)start * Page, (ulong)end * Page, what.FileOffset, what.Identity, 2, ++_nowNs);

    private void Unmap(int start, int end) => _space.Unmap((ulong)start * Page, (ulong)end * Page, ++_nowNs);

    private void Remap(int oldStart, int oldPages, int newStart, int newPages, bool keepOld = false)
        => _space.Remap((ulong)oldStart * Page, (ulong)oldPages * Page, (ulong)newStart * Page, (ulong)newPages * Page, keepOld, ++_nowNs);

    private void Reserve(int start, int end, int stack) => _space.SetMapper((ulong)start * Page, (ulong)end * Page, stack);

    private void Break(int page) => _space.Break((ulong)page * Page, ++_nowNs);

    private string? Name(int page) => _space.Lookup((ulong)page * Page)?.Region.Identity.Name;

    /// <param name="expected">"start-end #n": n counts the regions in the order in which they came.</param>
    private void AssertPieces(params string[] expected)
        => Assert.Equal(expected, _space.Pieces.Select(piece => $"{piece.Start / Page}-{piece.End / Page} #{_regions.IndexOf(piece.Region)}"));

    /// <param name="expected">"start-end n": n is the stack.</param>
    private void AssertMappers(params string[] expected)
        => Assert.Equal(expected, _space.Mappers.All.Select(range => $"{range.Start / Page}-{range.End / Page} {range.Stack}"));

    private sealed record Mapped(MappingIdentity Identity, ulong FileOffset);
}
