using System.Text.Json;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Tables;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Analyzer.Tests;

/// <summary>Resident memory as an account: what is born, what is given back, and who is charged.</summary>
public class ResidencyStories
{
    internal const int Main = 0;
    internal const int Fill = 1;
    internal const int Memset = 2; // called by fill
    internal const int Walk = 3;
    internal const int Reserve = 5;
    private const long ZeroPfn = 7;
    internal const ulong Anon = 0x7000_0000_0000;
    internal const ulong File = 0x5000_0000_0000;
    internal const long Page = 4096;
    internal const long Everything = 1L << 52;

    internal static readonly Region[] Regions =
    [
        new() { Id = 1, Pid = 10, Start = Anon, End = Anon + 0x400_0000, Prot = "rw-p", Name = "[anon]", BornNs = 0 },
        new() { Id = 2, Pid = 10, Start = File, End = File + 0x10_0000, Prot = "r--p", Name = "/lib/a.so", Path = "/lib/a.so", Inode = 1, BornNs = 0 },
    ];

    internal static TraceMetadata Metadata => Story.Metadata(Regions) with
    {
        DurationNs = 1000,
        Stacks = StackStory.Table,
        StackRecording = StackStory.Recording,
        PageTable = new PageTableRecording(true, null, 4, "kallsyms", ZeroPfn),
        Releases = Releases(),
    };

    [Fact]
    public void EachPageIsChargedToTheCodeThatTouchedItAndGoesWithTheCallThatGivesItBack()
    {
        Fault[] faults =
        [
            Touch(1, Anon, Memset), Touch(2, Anon + 0x1000, Memset), Touch(3, Anon + 0x2000, Walk), // the peak
            Touch(20, Anon + 0x5000, Walk),
        ];
        var report = Story.Report(Metadata with { Releases = Releases(new Gone(10, "munmap", Anon, 2, Reserve)) }, faults);

        Assert.Equal(
            [("fill (app.c:12)", "memset", 2, 0, 2), ("walk (app.c:20)", null, 1, 2, 2)],
            Resident(report).Select(row => (row.Code, row.Through, row.PeakPages, row.KeptPages, row.BornPages)));
        Assert.Equal((3L, 3L), (report.Memory!.Account.Peak, report.Memory.Account.PeakNs));
        Assert.Equal(("munmap", "reserve (app.c:40)", 1L, 2L, 0L), report.Rows(GivenBackTable.Definition).Select(row =>
            (row.Call, row.Code, row.Ranges, row.Pages, row.AgainPages)).Single());
    }

    [Fact]
    public void ThePeakIsWhenItsLastPageCameWhateverFaultsAfterIt()
    {
        Fault[] faults = [Touch(1, Anon, Fill), Touch(2, Anon + 0x1000, Fill), Touch(7, Anon, Walk), Touch(8, Anon + 0x1000, Walk)]; // found missing
        var account = Story.Report(Metadata, faults).Memory!.Account;

        Assert.Equal((2L, 2L), (account.Peak, account.PeakNs));
        Assert.Equal((2L, 2L), account.Processes.Select(process => (process.Peak, process.PeakNs)).Single());
    }

    [Fact]
    public void WhoeverReservedItHasItToo()
    {
        Fault[] faults = [Touch(1, Anon, Fill) with { Mapper = Reserve }, Touch(2, Anon + 0x1000, Walk) with { Mapper = Reserve }, Touch(3, File, Walk)];
        var rows = Story.Report(Metadata with { Regions = [Regions[0], Regions[1] with { MapperStack = Main }] }, faults).Rows(ReservedTable.Definition);

        Assert.Equal([("reserve (app.c:40)", 2L, 2L), ("main (app.c:30)", 1, 1)], rows.Select(row => (row.Code, row.PeakPages, row.KeptPages)));
    }

    [Fact]
    public void WhatOneFaultMapsIsBornTogether()
    {
        var huge = Anon + 0x20_0000;
        Fault[] faults =
        [
            Touch(1, huge + 0x5000, Fill, order: 9, pfn: 0x40005, level: 1), // 512
            Touch(2, Anon + 0x10_3000, Walk, order: 6, pfn: 0x9003), // a folio of 64 pages
            Touch(3, File + 0x1000, Main, access: FaultAccess.Read) with { Around = 0b0111_0110 }, // 5 pages, its own among them
            Touch(4, File + 0x4000, Main, access: FaultAccess.Read) with { Around = 0b1111_0000 }, // one more
            Touch(5, Anon + 0x0000, Walk, pfn: ZeroPfn, access: FaultAccess.Read), // the zero page is nobody's
            Touch(6, Anon + 0x0000, Walk) with { Entry = (ZeroPfn << 12) | 0x25, Level = 0 }, // copied: a page
        ];
        var report = Story.Report(Metadata, faults);

        Assert.Equal([("fill (app.c:12)", 512), ("walk (app.c:20)", 64 + 1), ("main (app.c:30)", 6)],
            Resident(report).Select(row => (row.Code, row.PeakPages)));
        Assert.Equal([(1, 577), (2, 6)], report.Rows(ResidentRegionTable.Definition).Select(row => (row.Id, row.PeakPages)));
    }

    [Fact]
    public void ACopyIsChargedToWhoWroteAndAPageThatWasTakenIsSaid()
    {
        Fault[] faults =
        [
            Touch(1, File, Main, access: FaultAccess.Read),
            Touch(2, File, Fill, pfn: 0x77) with { Entry = (0x50L << 12) | 0x25, Level = 0 }, // copied: another frame
            Touch(3, File, Walk, pfn: 0x77) with { Entry = (0x77L << 12) | 0x25, Level = 0 }, // made writable: the same
            Touch(4, Anon, Walk),
            Touch(5, Anon, Fill), // nothing was mapped there, and nobody had given it back
        ];
        var report = Story.Report(Metadata, faults);

        Assert.Equal([("fill (app.c:12)", 2, 1), ("main (app.c:30)", 0, 0), ("walk (app.c:20)", 0, 1)],
            Resident(report).Select(row => (row.Code, (int)row.KeptPages, (int)row.PeakPages)).OrderBy(row => row.Code));
        Assert.Equal(1, report.Rows(RssTable.Definition).Single().ReclaimedPages);
        Assert.Contains("1 page had been taken meanwhile without a call (reclaim, swap) when it faulted again", Text(report, "resident"),
            StringComparison.Ordinal);
    }

    [Fact]
    public void AForkCopiesWhatIsPrivateAndAnExitEndsIt()
    {
        var metadata = Metadata with
        {
            Regions = [.. Regions, .. Regions.Select(region => region with { Id = region.Id + 2, Pid = 11, BornNs = 10 })],
            Processes = [new() { Pid = 10, Comm = "app" }, new() { Pid = 11, ParentPid = 10, Comm = "app", StartedNs = 10, ExitedNs = 30 }],
            Releases = Releases(new Gone(30, "exit", 0, Everything, null, 11)),
        };
        Fault[] faults =
        [
            Touch(1, Anon, Fill), Touch(2, Anon + 0x1000, Fill), Touch(3, File, Main, access: FaultAccess.Read),
            Touch(20, Anon, Walk, pfn: 0x99) with { Pid = 11, Region = 3, Entry = (0x50L << 12) | 0x25, Level = 0 },
        ];
        var report = Story.Report(metadata, faults);

        // The file's page is not copied: the child finds it by a fault of its own.
        Assert.Equal(
            [("fill (app.c:12)", 2, 2), ("fill (app.c:12), copied by fork", 2, 1), ("main (app.c:30)", 1, 1), ("walk (app.c:20)", 0, 1)],
            Resident(report).Select(row => (row.Code, (int)row.PeakPages, (int)row.KeptPages)));
        Assert.Equal([(10, 3L, 3L), (11, 2, 2)], report.Rows(RssTable.Definition).Select(row => (row.Pid, row.PeakPages, row.EndPages)));
    }

    /// <summary>vfork: until its execve the child has its parent's memory, which is there once.</summary>
    [Fact]
    public void WhatAChildSharesIsNoCopy()
    {
        var metadata = Metadata with
        {
            Processes = [new() { Pid = 10, Comm = "app" }, new() { Pid = 11, ParentPid = 10, SharesMemory = true, Comm = "app", StartedNs = 10 }],
            Releases = Releases(new Gone(20, "execve", 0, Everything, null, 11)),
        };
        var report = Story.Report(metadata, [Touch(1, Anon, Fill), Touch(2, Anon + 0x1000, Fill), Touch(15, Anon + 0x2000, Walk)]);

        Assert.Equal(3, report.Memory!.Account.Peak);
    }

    [Fact]
    public void ACallThatFillsARangeIsABirth()
    {
        var metadata = Metadata with
        {
            CallFaults =
            [
                new CallFaults(10, 10, "mmap", 9, 1, 3, 0, Anon, Anon + 0x60_0000, Reserve, 5, 5, false), // three huge pages
                new CallFaults(10, 10, "read", 0, 1, 2, 0, Anon + 0x80_0000, Anon + 0x90_0000, Walk, 6, 6, false),
                new CallFaults(10, 10, "mlockall", 151, 1, 40, 0, null, null, Main, 7, 7, false),
            ],
        };
        var report = Story.Report(metadata, [Touch(8, Anon + 0x1000, Fill) with { Entry = 0x1234_5067, Pfn = 0x12345 }]);

        Assert.Equal([("reserve (app.c:40)", 1536), ("main (app.c:30)", 40), ("walk (app.c:20)", 2)],
            Resident(report).Where(row => row.KeptPages > 0).Select(row => (row.Code, (int)row.KeptPages)));
        Assert.Equal(40, report.Rows(RssTable.Definition).Single().UnplacedPages);
    }

    /// <summary>mmap over memory that is there, with MAP_POPULATE.</summary>
    [Fact]
    public void WhatACallFillsAfterItHasReplacedMemoryStays()
    {
        var metadata = Metadata with
        {
            Releases = Releases(new Gone(4, "mmap", Anon, 8, Reserve)),
            CallFaults = [new CallFaults(10, 10, "mmap", 9, 1, 8, 0, Anon, Anon + 0x8000, Reserve, 5, 5, false)],
        };
        var report = Story.Report(metadata, [Touch(1, Anon, Fill)]);

        Assert.Equal([("reserve (app.c:40)", 8L, 8L), ("fill (app.c:12)", 0, 0)], Resident(report).Select(row => (row.Code, row.PeakPages, row.KeptPages)));
    }

    [Fact]
    public void TheZeroPageIsNobodysHoweverItIsMapped()
    {
        var huge = Anon + 0x20_0000;
        var metadata = Metadata with
        {
            Regions = [Regions[0], Regions[1], Regions[0] with { Id = 3, Start = Anon + 0x1000_0000, End = Anon + 0x1010_0000, Prot = "r--p" }],
            CallFaults =
            [
                new CallFaults(10, 10, "madvise populate_read", 28, 1, 16, 0, Anon, Anon + 0x1_0000, Reserve, 5, 5, false),
                new CallFaults(10, 10, "mlock", 149, 1, 16, 0, Anon + 0x1000_0000, Anon + 0x1001_0000, Reserve, 6, 6, false), // read-only memory
                new CallFaults(10, 10, "madvise populate_read", 28, 1, 1, 0, File, File + 0x1_0000, Walk, 7, 7, false), // what a file has is there
            ],
        };
        var report = Story.Report(metadata, [
            Touch(1, huge + 0x5000, Fill, order: 9, pfn: 0x40005, level: 1, access: FaultAccess.Read), // the huge zero page
            Touch(10, huge + 0x6000, Main) with { Entry = (0x40000L << 12) | 0xa5, Level = 1, Order = 9, Pfn = 0x60006 }, // replaced by a huge page
            Touch(11, Anon, Fill)]);

        Assert.Equal([("main (app.c:30)", 512), ("walk (app.c:20)", 16), ("fill (app.c:12)", 1)],
            Resident(report).Where(row => row.KeptPages > 0).Select(row => (row.Code, (int)row.KeptPages)));
    }

    /// <summary>mlockall names no range: it fills what the process has mapped, as far as its faults allow that.</summary>
    [Theory]
    [InlineData(0x10 - 1 + (0x100 / 16), 0x110, 0)]
    [InlineData(20, 1, 20)] // a part of it failed
    public void MlockallFillsAllMappings(int faults, int placed, int unplaced)
    {
        var metadata = Metadata with
        {
            Regions =
            [
                Regions[0] with { End = Anon + 0x1_0000 }, Regions[1],
                Regions[1] with { Id = 3, Start = File + 0x8000, End = File + 0x2_0000, BornNs = 1 }, // over a part of the other
                Regions[0] with { Id = 4, Start = Anon + 0x20_0000, End = Anon + 0x40_0000, Prot = "---p" }, // no access
                Regions[0] with { Id = 5, Start = Anon + 0x50_0000, End = Anon + 0x60_0000, DiedNs = 4 }, // gone
            ],
            CallFaults = [new CallFaults(10, 10, "mlockall", 151, 1, faults, 0, null, null, Main, 7, 7, false)],
        };
        var report = Story.Report(metadata, [Touch(2, Anon, Fill)]);

        Assert.Equal(placed + unplaced, report.Memory!.Account.Resident);
        Assert.Equal(unplaced, report.Rows(RssTable.Definition).Single().UnplacedPages);
        var regions = report.Rows(ResidentRegionTable.Definition).ToDictionary(row => row.Id, row => row.KeptPages);
        Assert.Equal(unplaced == 0 ? [(1, 0x10L), (2, 0xe8), (3, 0x18)] : [(0, 20L), (1, 1)], regions.Select(row => (row.Key, row.Value)).Order());
    }

    /// <summary>The kernel makes a huge page where some of its pages are; where none is there, or it does not lie in the range whole, it does not.</summary>
    [Fact]
    public void ACollapseFillsHugePages()
    {
        const ulong huge = 0x20_0000;
        var metadata = Metadata with { Releases = Releases(new Gone(10, "madvise collapse", Anon + 0x1000, 3 * 512, Reserve)) };
        var report = Story.Report(metadata, [
            Touch(1, Anon + 0x2000, Fill), Touch(2, Anon + huge, Fill), Touch(3, Anon + huge + 0x5000, Fill), Touch(4, Anon + (3 * huge), Fill)]);

        Assert.Equal([("reserve (app.c:40)", 510), ("fill (app.c:12)", 4)], Resident(report).Select(row => (row.Code, (int)row.KeptPages)));
        Assert.Empty(report.Rows(GivenBackTable.Definition));
    }

    [Fact]
    public void MovedPagesStayAndLazilyFreedOnesTooUntilTheKernelTakesThem()
    {
        var metadata = Metadata with
        {
            Releases = Releases(
                new Gone(10, "mremap", Anon, 2, Reserve, To: Anon + 0x10_0000), new Gone(20, "madvise free", Anon + 0x10_0000, 1, Walk),
                new Gone(30, "munmap", Anon, 2, Reserve), new Gone(40, "munmap", Anon + 0x10_1000, 1, Reserve)),
        };
        var report = Story.Report(metadata, [Touch(1, Anon, Fill), Touch(2, Anon + 0x1000, Fill)]);

        Assert.Equal(("fill (app.c:12)", 2L, 1L), Resident(report).Select(row => (row.Code, row.PeakPages, row.KeptPages)).Single());
        Assert.Equal(1, report.Memory!.Account.LazilyFreed);
        Assert.Equal([("madvise free", 1), ("munmap", 1)], report.Rows(GivenBackTable.Definition).Select(row => (row.Call, (int)row.Pages)).Order());
        Assert.Contains("4.0 KiB of it may be taken by the kernel at any time (MADV_FREE)", Text(report, "resident"), StringComparison.Ordinal);
    }

    [Fact]
    public void WhatWasMovedIsInTheRegionWhereItIsNow()
    {
        var elsewhere = Anon + 0x1000_0000;
        var metadata = Metadata with
        {
            Regions = [.. Regions, Regions[0] with { Id = 3, Start = elsewhere, End = elsewhere + 0x4000, BornNs = 10 }],
            Releases = Releases(new Gone(10, "mremap", Anon, 4, Reserve, To: elsewhere)),
        };
        var report = Story.Report(metadata, [Touch(1, Anon, Fill), Touch(2, Anon + 0x1000, Fill), Touch(20, Anon + 0x8000, Walk)]);

        Assert.Equal([(1, 1L), (3, 2)], report.Rows(ResidentRegionTable.Definition).Select(row => (row.Id, row.KeptPages)).Order());
        Assert.Equal([("fill (app.c:12)", 2L, 2L), ("walk (app.c:20)", 1, 1)], Resident(report).Select(row => (row.Code, row.KeptPages, row.BornPages)));
    }

    /// <summary>Those of a fork are all as old as it; one with a hole covers what lies in the hole.</summary>
    [Fact]
    public void ACopyIsInTheRegionThatLiesInAHoleOfAnother()
    {
        var inner = Regions[0] with { Id = 3, Start = Anon + 0x1000, End = Anon + 0x3000 };
        var outer = Regions[0];
        var metadata = Metadata with
        {
            Regions = [outer, Regions[1], inner, inner with { Id = 4, Pid = 11, BornNs = 10 }, outer with { Id = 5, Pid = 11, BornNs = 10 }],
            Processes = [new() { Pid = 10, Comm = "app" }, new() { Pid = 11, ParentPid = 10, Comm = "app", StartedNs = 10 }],
        };
        var report = Story.Report(metadata, [Touch(1, Anon, Fill), Touch(2, Anon + 0x1000, Fill) with { Region = 3 }]);

        Assert.Equal([(1, 1L), (3, 1), (4, 1), (5, 1)], report.Rows(ResidentRegionTable.Definition).Select(row => (row.Id, row.KeptPages)).Order());
    }

    [Fact]
    public void TheKernelsOwnPagesDoNotCountButThoseOfTheVdsoDo()
    {
        var metadata = Metadata with
        {
            Regions = [Regions[0] with { Name = "[vdso]", Prot = "r-xp", End = Anon + 0x2000 }, Regions[1] with { Name = "[vvar]", Path = null, Inode = 0 }],
        };
        var report = Story.Report(metadata, [
            Touch(1, Anon, Fill, access: FaultAccess.Exec), Touch(2, File, Fill, access: FaultAccess.Read)]);

        Assert.Equal([(1, 1L)], report.Rows(ResidentRegionTable.Definition).Select(row => (row.Id, row.KeptPages)));
    }

    [Fact]
    public void PagingOutWithoutSwapTakesOnlyPagesOfFiles()
    {
        Fault[] faults = [Touch(1, Anon, Fill), Touch(2, File, Walk, access: FaultAccess.Read)];
        var metadata = Metadata with { Releases = Releases(new Gone(10, "madvise pageout", Anon, 1), new Gone(11, "madvise pageout", File, 1)) };
        var swapped = new ProcessMemory(10, [5], [0], [0], [0], [Page], null, false);

        Assert.Equal(1, Story.Report(metadata, faults).Memory!.Account.Resident);
        Assert.Equal(0, Story.Report(metadata with { Memory = [swapped] }, faults).Memory!.Account.Resident);
        Assert.Equal(1, Story.Report(metadata with { SwapAreas = [] }, faults).Memory!.Account.Resident);
        Assert.Equal(0, Story.Report(metadata with { SwapAreas = [new SwapArea("/dev/zram0", 1024)] }, faults).Memory!.Account.Resident);
    }

    [Fact]
    public void WhatKhugepagedFillsIsItsOwn()
    {
        var metadata = Metadata with
        {
            Releases = Releases(new Gone(10, "khugepaged", Anon, 512), new Gone(11, "khugepaged", 0, 7), new Gone(20, "munmap", Anon, 256, Reserve)),
        };

        var report = Story.Report(metadata, [Touch(1, Anon, Fill), Touch(2, Anon + 0x1f_f000, Fill)]);

        Assert.Equal([("[khugepaged]", 517, 262), ("fill (app.c:12)", 2, 1)], Resident(report).Select(row => (row.Code, row.PeakPages, row.KeptPages)));
    }

    [Fact]
    public void WhatAUserfaultfdsHandlerFillsIsBornThereUnlessAFaultWaitedForIt()
    {
        var regions = Metadata.Regions.Append(
            new Region { Id = 3, Pid = 10, Start = 0x6000_0000_0000, End = 0x6000_0010_0000, Prot = "rw-s", Name = "/memfd:x", Path = "/memfd:x", BornNs = 0 });
        var metadata = Metadata with
        {
            Regions = [.. regions],
            Releases = Releases(
                new Gone(10, "userfaultfd copy", Anon, 8, Reserve),
                new Gone(20, "userfaultfd zeropage", Anon + 0x8000, 8, Reserve), // the zero page counts as nothing
                new Gone(30, "userfaultfd zeropage", 0x6000_0000_0000, 2, Reserve),
                new Gone(40, "userfaultfd continue", 0x6000_0000_2000, 1, Reserve)),
        };

        var report = Story.Report(metadata, [Touch(9, Anon + 0x1000, Memset) with { DurationNs = 5 }]);

        Assert.Equal(
            [("reserve (app.c:40)", 10, 10), ("fill (app.c:12)", 1, 1)],
            Resident(report).Select(row => (row.Code, row.KeptPages, row.BornPages)));
        Assert.Empty(report.Rows(GivenBackTable.Definition));
    }

    [Fact]
    public void TheLeakLeadsGrowthAndTheBuffersLeadChurn()
    {
        // Every 10 ns: fill keeps a page, walk fills a buffer of four pages that reserve gives back.
        var (faults, releases) = (new List<Fault>(), new List<Gone>());
        for (var i = 0; i < 96; i++)
        {
            var time = 10 + (i * 10L);
            faults.Add(Touch(time, Anon + 0x10_0000 + ((ulong)i * 4096), Fill));
            for (ulong page = 0; page < 4; page++)
                faults.Add(Touch(time + 1, Anon + (page * 4096), Walk) with { DurationNs = 100 });
            releases.Add(new Gone(time + 5, "munmap", Anon, 4, Reserve));
        }

        var metadata = Metadata with { Releases = Releases([.. releases]) };
        var report = Story.Report(metadata, [.. faults]);

        var growth = report.Rows(GrowthTable.Definition);
        Assert.Equal([("fill (app.c:12)", 96L, 96L)], growth.Select(row => (row.Code, row.GrownPages, row.BornPages)));
        Assert.InRange(growth[0].Straightness!.Value, 0.99, 1);
        Assert.InRange(growth[0].PagesPerSecond, 0.9e8, 1.1e8); // a page each 10 ns
        var churn = report.Rows(ChurnTable.Definition).Single();
        Assert.Equal(("reserve (app.c:40)", "walk (app.c:20)", 95 * 4L, 95 * 4L, 95 * 400L),
            (churn.Releaser, churn.Toucher, churn.Pages, churn.Faults, churn.DurationNs));

        // Between two moments: what came before is not growth, and what went is not either.
        var part = Story.Report(metadata, [.. faults], new FaultFilter { FromNs = 500, ToNs = 600 });
        Assert.Equal([("fill (app.c:12)", 10L)], part.Rows(GrowthTable.Definition).Select(row => (row.Code, row.GrownPages)));
        Assert.Equal(10 * 4, part.Rows(ChurnTable.Definition).Single().Pages);
        // 49 before, 10 within; the buffer is there at the peak.
        Assert.Equal([("fill (app.c:12)", 59L, 59L), ("walk (app.c:20)", 4, 0)],
            Resident(part).Select(row => (row.Code, row.PeakPages, row.KeptPages)));
    }

    [Fact]
    public void TheKernelsCountersStandBesideTheAccount()
    {
        var metadata = Metadata with
        {
            Memory = [new ProcessMemory(10, [5, 50], [Page, 2 * Page], [0, 0], [0, Page], [0, 9 * Page], 4 * Page, true)],
            Releases = Releases(new Gone(50, "exit", 0, Everything)),
        };
        var report = Story.Report(metadata, [Touch(1, Anon, Fill), Touch(10, Anon + 0x1000, Fill)]);

        Assert.Equal(
            new RssRow(10, "app", 2, 10, 4 * Page, 2, 3 * Page, 9 * Page, 0, 0),
            report.Rows(RssTable.Definition).Single());
        Assert.Equal([1L, 2L], report.Memory!.Account.Accounted[0]);
    }

    [Fact]
    public void TheReceiptSaysHowFarTheKernelsCountersAre()
    {
        var faults = Enumerable.Range(0, 512).Select(page => Touch(1 + page, Anon + ((ulong)page << 12), Fill)).ToArray(); // 2 MiB
        var exit = Releases(new Gone(900, "exit", 0, Everything));
        var counted = new ProcessMemory(10, [800], [510 * Page], [0], [0], [0], 513 * Page, true);
        string Receipt(TraceMetadata metadata) => ReceiptText.Describe(Story.Report(metadata, faults));

        Assert.EndsWith(
            "; resident memory of app (pid 10): accounted are 2.0 MiB, 4.0 KiB less than the kernel counted, at its peak, "
            + "and 2.0 MiB, 8.0 KiB more than the kernel counted, when its counters were last read",
            Receipt(Metadata with { Memory = [counted], Releases = exit }), StringComparison.Ordinal);
        Assert.EndsWith(
            "accounted are at least 2.0 MiB, as much as the kernel counted, at its peak",
            Receipt(Metadata with
            {
                Memory = [new ProcessMemory(10, [], [], [], [], [], 512 * Page, false)],
                Releases = exit,
                PageTable = null,
            }), StringComparison.Ordinal);
        Assert.EndsWith("accounted are 2.0 MiB (what the kernel counted is unknown) at its peak", Receipt(Metadata), StringComparison.Ordinal);
        // Little memory, or a part of the recording: nothing is compared.
        Assert.DoesNotContain("resident", ReceiptText.Describe(Story.Report(Metadata, faults[..9])), StringComparison.Ordinal);
        Assert.DoesNotContain(
            "resident", ReceiptText.Describe(Story.Report(Metadata, faults, new FaultFilter { FromNs = 1 })), StringComparison.Ordinal);
    }

    [Fact]
    public void WhatWasThereBeforeIsThere()
    {
        var metadata = Metadata with
        {
            Target = "pid 10",
            ResidentBefore = new ResidentRuns([10, 10], [(long)(Anon >> 12), (long)(File >> 12)], [100, 3], 0),
            Releases = Releases(new Gone(10, "madvise dontneed", Anon, 30, Walk)),
        };
        var report = Story.Report(metadata, [Touch(20, Anon, Fill)]);

        Assert.Equal([("[before the recording]", 103L, 73L), ("fill (app.c:12)", 0, 1)],
            Resident(report).Select(row => (row.Code, row.PeakPages, row.KeptPages)));
        // What was given back was no growth before, so it does not lessen what there is.
        Assert.Equal([("fill (app.c:12)", 1L, 1.0)], report.Rows(GrowthTable.Definition).Select(row => (row.Code, row.GrownPages, row.Share)));
    }

    [Fact]
    public void TheFirstScreenSaysHowMuchItWasAndWhoTouchedIt()
    {
        Fault[] faults = [Touch(1, Anon + 0x20_0000, Fill, order: 9, pfn: 0x40000, level: 1), Touch(2, Anon, Walk), Touch(900, Anon + 0x1000, Walk)];
        var metadata = Metadata with
        {
            Memory = [new ProcessMemory(10, [5], [0], [0], [0], [0], 0x20_3000, false)],
            Releases = Releases(new Gone(500, "munmap", Anon + 0x20_0000, 256)),
        };

        var text = string.Join(' ', TextReportTests.Text(Story.Report(metadata, faults)).Split('\n'));

        Assert.Contains(
            "Resident memory reached 2.0 MiB (the kernel counted 2.0 MiB), of which 1.0 MiB stayed to the end; 99.8 % of the peak (2.0 MiB) was touched by "
            + "fill (app.c:12).",
            text,
            StringComparison.Ordinal);
        Assert.Contains(" resident  █████████████████████████▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅ (most 2.0 MiB) ", text, StringComparison.Ordinal);
        // A filter leaves a part of the faults: memory is that of all.
        Assert.DoesNotContain(
            "Resident memory", TextReportTests.Text(Story.Report(metadata, faults, new FaultFilter { Pids = [10] })), StringComparison.Ordinal);
    }

    [Fact]
    public void ASampleAndAnOlderTraceSayWhatTheyCannotTell()
    {
        var sample = Story.Report(Metadata with { Sampling = new Sampling(16, null, false) }, [Touch(1, Anon, Fill) with { Weight = 16 }]);
        Assert.Contains("no account of resident memory: a sample lacks the faults in between", Text(sample, "resident"), StringComparison.Ordinal);

        var older = Story.Report(Metadata with { Releases = null }, [Touch(1, Anon, Fill)]);
        Assert.Contains("this trace does not tell what was given back within a mapping", Text(older, "resident"), StringComparison.Ordinal);
        Assert.Contains("this trace does not tell what was given back", Text(older, "release"), StringComparison.Ordinal);
    }

    [Fact]
    public void AFilterByThreadOrKindDoesNotChangeTheAccountAndSaysSo()
    {
        var report = Story.Report(Metadata, [Touch(1, Anon, Fill), Touch(2, File, Walk, access: FaultAccess.Read)],
            new FaultFilter { Kinds = [FaultKind.FileCache], Regions = ["a.so"] });

        Assert.Equal([("walk (app.c:20)", 1L)], Resident(report).Select(row => (row.Code, row.PeakPages)));
        Assert.Equal(2, report.Memory!.Account.Peak);
        Assert.Contains("filters by thread, name and kind do not apply to resident memory", Text(report, "resident"), StringComparison.Ordinal);
    }

    [Fact]
    public void PagesThatNobodyHasDoNotExhaustMemory()
    {
        var metadata = Metadata with
        {
            ResidentBefore = new ResidentRuns([10], [0], [1L << 50], 0),
            CallFaults = [new CallFaults(10, 10, "mmap", 9, 1, long.MaxValue >> 20, 0, Anon, ulong.MaxValue, null, 5, 5, false)],
            Releases = Releases(new Gone(10, "mremap", Anon, 1L << 40, null, 10, Anon + 0x1000)),
        };
        var report = Story.Report(metadata, [Touch(1, Anon, Fill, order: 60)]);

        Assert.True(report.Memory!.Account.Peak > 1L << 40);
        using var json = JsonDocument.Parse(FormatTests.Json(report));
        Assert.True(json.RootElement.GetProperty("resident").GetProperty("peak_bytes").GetInt64() > 0);
    }

    private static IEnumerable<(string Code, string? Through, long PeakPages, long KeptPages, long BornPages)> Resident(FaultReport report)
        => report.Rows(ResidentTable.Definition).Select(row => (row.Code, row.Through, row.PeakPages, row.KeptPages, row.BornPages));

    // Without the ends of its lines.
    private static string Text(FaultReport report, string table) => string.Join(' ', TextReportTests.Text(report, table).Split('\n'));

    internal static Fault Touch(long timeNs, ulong address, int stack, int order = 0, long pfn = 0x50, int level = 0, FaultAccess access = FaultAccess.Write)
        => new(address, address >= Anon ? 1 : 2)
        {
            TimeNs = timeNs,
            Stack = stack,
            Level = level,
            Entry = 0,
            Pfn = pfn,
            Order = order,
            Access = access,
        };

    internal static ReleaseTable Releases(params Gone[] releases)
    {
        List<string> calls = [.. releases.Select(one => one.Call).Distinct()];
        return new ReleaseTable(
            calls,
            [.. releases.Select((one, i) => one.TimeNs - (i == 0 ? 0 : releases[i - 1].TimeNs))],
            [.. releases.Select(one => one.Pid)],
            [.. releases.Select(one => calls.IndexOf(one.Call))],
            [.. releases.Select(one => (long)(one.Start >> 12))],
            [.. releases.Select(one => one.Pages)],
            [.. releases.Select(one => one.To is { } to ? (long)(to >> 12) : -1)],
            [.. releases.Select(one => one.Stack ?? -1)],
            0,
            0);
    }

    internal sealed record Gone(long TimeNs, string Call, ulong Start, long Pages, int? Stack = null, int Pid = 10, ulong? To = null);
}
