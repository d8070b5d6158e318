using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Replay.Tests;

/// <summary>A handful of recorded faults, and what the kernel counts when they are made again.</summary>
public sealed class ReplayStories
{
    internal const ulong Base = 0x7e00_0000_0000;
    private const long PresentReadOnly = 0x25;
    private const long ZeroPage = (0x77L << 12) | PresentReadOnly;

    [Fact]
    public void FirstWritesFaultOnceEach()
    {
        // One fault a page, in a region of its own: all come back.
        var result = Replaying.Of(Replaying.Metadata(Replaying.Anonymous(1, Base, 64)), [.. Enumerable.Range(0, 64).Select(page => Write(page))]);

        Assert.Equal("anon_write minor 64/64", Replaying.Words(result));
        Assert.Equal(1, result.Fidelity);
        Assert.Equal(1, result.RankCorrelation);
    }

    [Fact]
    public void AReadAndThenAWriteOfAPageAreTwoFaults()
    {
        var result = Replaying.Of(
            Replaying.Metadata(Replaying.Anonymous(1, Base, 4)),
            [Write(0) with { Access = FaultAccess.Read, Pfn = 0x77 }, Write(0) with { Entry = ZeroPage, Pfn = 5 }]);

        Assert.Equal($"zero_read minor 1/1; zero_cow minor 1/{Replaying.WritesThatFaultAfterARead}", Replaying.Words(result));
    }

    [Fact]
    public void ThatTheKernelMapsNoZeroPageIsSaid()
    {
        var result = Replaying.Of(Replaying.Metadata(Replaying.Anonymous(1, Base, 4)), [Write(0) with { Entry = ZeroPage, Pfn = 5 }]);

        Assert.Equal(Native.ZeroPage.IsMappedForReads(), !result.Notes.Any(note => note.Contains("no zero page", StringComparison.Ordinal)));
        Assert.Equal($"zero_cow minor 1/{Replaying.WritesThatFaultAfterARead}", Replaying.Words(result));
    }

    [Fact]
    public void ARefaultFindsThePageGone()
    {
        // Three rounds over 8 pages, each of which the recording found missing: the program gave them back in between.
        var result = Replaying.Of(Replaying.Metadata(Replaying.Anonymous(1, Base, 8)),
            [.. Enumerable.Range(0, 24).Select(i => Write(i % 8) with { TimeNs = i * 1000 })]);

        Assert.Equal("anon_write minor 24/24", Replaying.Words(result));
    }

    [Fact]
    public void WithoutPageTableFactsAWriteAfterAReadStillFaultsAndWhatWasWrittenComesBack()
    {
        var plain = Write(0) with { Level = null, Pfn = null, Order = null };
        var result = Replaying.Of(
            Story.Metadata(Replaying.Anonymous(1, Base, 4)),
            [plain with { Access = FaultAccess.Read }, plain, plain]);

        Assert.Equal($"unknown minor 3/{2 + Replaying.WritesThatFaultAfterARead}", Replaying.Words(result));
        Assert.Contains(result.Notes, note => note.Contains("no page-table facts", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(ReplayOrder.Thread)]
    [InlineData(ReplayOrder.Strict)]
    public void AForkedChildsWritesCopy(ReplayOrder order)
    {
        // The parent writes 16 pages, forks at 100 µs; the child writes 10 of them, the parent then all 16.
        var metadata = Replaying.Metadata(Replaying.Anonymous(1, Base, 16), Replaying.Anonymous(2, Base, 16, pid: 20, born: 100_000)) with
        {
            Processes = [new ProcessEntry { Pid = 10, Comm = "app" }, new ProcessEntry { Pid = 20, ParentPid = 10, Comm = "child", StartedNs = 100_000 }],
        };
        Fault[] faults =
        [
            .. Enumerable.Range(0, 16).Select(page => Write(page) with { TimeNs = page * 1000 }),
            .. Enumerable.Range(0, 10)
                .Select(page => Write(page) with { TimeNs = 110_000 + page, Pid = 20, Tid = 20, Region = 2, Entry = PresentReadOnly | 0x5000, Pfn = 6 }),
            .. Enumerable.Range(0, 16).Select(page => Write(page) with { TimeNs = 120_000 + page, Entry = PresentReadOnly | 0x5000, Pfn = 7 }),
        ];

        var result = Replaying.Of(metadata, faults, Replaying.AtOnce with { Order = order });

        Assert.Equal("cow_fork minor 26/26; anon_write minor 16/16", Replaying.Words(result));
    }

    [Fact]
    public void ThreadsShareARegionAndEachFaultIsStillThere()
    {
        // Four threads take turns over fresh pages; the last ones then go over the first's pages, which were given back.
        Fault[] faults = [.. Enumerable.Range(0, 4096).Select(i => Write(i % 2048) with { TimeNs = i * 100, Tid = 10 + (i % 4) + (i < 2048 ? 0 : 4) })];

        var result = Replaying.Of(Replaying.Metadata(Replaying.Anonymous(1, Base, 2048)), faults);

        Assert.Equal("anon_write minor 4096/4096", Replaying.Words(result));
        Assert.Equal(8, result.Threads);
    }

    [Fact]
    public void StrictOrderIsOneOrderOfAllThreads()
    {
        Fault[] faults = [.. Enumerable.Range(0, 512).Select(i => Write(i) with { TimeNs = i * 100, Tid = 10 + (i % 3) })];

        var result = Replaying.Of(Replaying.Metadata(Replaying.Anonymous(1, Base, 512)), faults, Replaying.AtOnce with { Order = ReplayOrder.Strict });

        Assert.Equal(1, result.RankCorrelation);
        Assert.Equal(1, result.Fidelity);
    }

    [Fact]
    public void AFileOnceFromTheDiskAndOnceFromMemory()
    {
        // Pages 0 and 40 had to be read, page 8 was in memory; page 9 is then written to, privately.
        var region = new Region
        {
            Id = 1,
            Pid = 10,
            Start = Base,
            End = Base + (64 * 4096),
            Prot = "rw-p",
            Name = "/lib/a",
            Path = "/lib/a",
            FileOffset = 8192
        };
        Fault[] faults =
        [
            Write(0) with { Access = FaultAccess.Read, Major = true },
            Write(40) with { Access = FaultAccess.Read, Major = true, TimeNs = 1 },
            Write(8) with { Access = FaultAccess.Read, TimeNs = 2 },
            Write(9) with { TimeNs = 3 },
        ];

        var result = Replaying.Of(Replaying.Metadata(region), faults);

        Assert.Equal("file_disk major 2/2; file_cache minor 1/1; cow_file minor 1/1", Replaying.Words(result));
        Assert.Equal(result.Notes.Count == 0 ? 2 : 0, result.Buckets.Sum(bucket => bucket.Major)); // a note: the folder is in memory
    }

    [Fact]
    public void NeighboursThatWereNotMappedAroundFaultAgain()
    {
        // All in one window of 16 pages: the recording shows that the second and third were not in memory at the first.
        var region = new Region { Id = 1, Pid = 10, Start = Base, End = Base + (64 * 4096), Prot = "r--p", Name = "/lib/a", Path = "/lib/a" };

        var result = Replaying.Of(Replaying.Metadata(region),
            [.. new[] { 3, 4, 5 }.Select(page => Write(page) with { Access = FaultAccess.Read, TimeNs = page })]);

        Assert.Equal("file_cache minor 3/3", Replaying.Words(result));
    }

    [Fact]
    public void SharedMemoryIsOnePageForBothProcesses()
    {
        Region Shared(int id, int pid)
            => new()
            {
                Id = id,
                Pid = pid,
                Start = Base,
                End = Base + 0x8000,
                Prot = "rw-s",
                Name = "/dev/shm/x",
                Path = "/dev/shm/x",
                Device = "00:17",
                Inode = 3
            };
        var metadata = Replaying.Metadata(Shared(1, 10), Shared(2, 20)) with
        {
            Processes = [new ProcessEntry { Pid = 10, Comm = "a" }, new ProcessEntry { Pid = 20, Comm = "b" }],
        };

        var result = Replaying.Of(metadata, [Write(0), Write(0) with { Pid = 20, Tid = 20, Region = 2, TimeNs = 5 }]);

        Assert.Equal("shmem minor 2/2", Replaying.Words(result));
    }

    [Fact]
    public void ASignalComesBackAsAFailedTouch()
    {
        var result = Replaying.Of(Replaying.Metadata(Replaying.Anonymous(1, Base, 4)),
            [Write(0), new Fault(0x1234_5000, Region: 0, Signal: 11) { TimeNs = 9 }]);

        Assert.Equal("anon_write minor 1/1; failed failed 1/1", Replaying.Words(result));
    }

    [Fact]
    public void TheKernelTouchesWhereItDid()
    {
        var result = Replaying.Of(
            Replaying.Metadata(Replaying.Anonymous(1, Base, 4)),
            [Write(0) with { KernelAccess = true }, Write(1) with { KernelAccess = true, Access = FaultAccess.Read, Pfn = 0x77, TimeNs = 1 }]);

        Assert.Equal("kernel_access minor 2/2", Replaying.Words(result));
    }

    [Fact]
    public void OneAddressHoldsOneThingAfterAnother()
    {
        var metadata = Replaying.Metadata(
            Replaying.Anonymous(1, Base, 4, died: 50),
            new Region { Id = 2, Pid = 10, Start = Base, End = Base + 0x4000, Prot = "rw-p", Name = "/a", Path = "/a", BornNs = 60, DiedNs = 90 },
            Replaying.Anonymous(3, Base, 4, born: 100));
        Fault[] faults = [.. Enumerable.Range(0, 12).Select(i => Write(i % 4) with { TimeNs = (i / 4 * 60) + i, Region = 1 + (i / 4) })];

        Assert.Equal("anon_write minor 8/8; cow_file minor 4/4", Replaying.Words(Replaying.Of(metadata, faults)));
    }

    [Fact]
    public void PacedFaultsKeepTheirTimes()
    {
        // 100 faults 200 µs apart take 20 ms, and at twice the pace 10; less by what the first is late, and then the next ones are too.
        Fault[] faults = [.. Enumerable.Range(0, 101).Select(page => Write(page) with { TimeNs = page * 200_000L })];
        var metadata = Replaying.Metadata(Replaying.Anonymous(1, Base, 128));

        foreach (var speed in (double[])[1, 2])
        {
            var result = Replaying.Of(metadata, faults, Replaying.AtOnce with { Speed = speed });
            Assert.InRange(result.ElapsedNs, 15_000_000 / speed - 2 * result.LateP99Ns!.Value, 2_000_000_000);
            Assert.NotNull(result.GapError);
            Assert.True(result.LateP50Ns >= 0);
        }
    }

    [Fact]
    public void OnePageInFourIsAboutAQuarterAndWholePages()
    {
        // Every page faults twice; those that are kept keep both.
        Fault[] faults = [.. Enumerable.Range(0, 4000).Select(i => Write(i % 2000) with { TimeNs = i })];

        var result = Replaying.Of(Replaying.Metadata(Replaying.Anonymous(1, Base, 2000)), faults, Replaying.AtOnce with { Scale = 4 });

        Assert.InRange(result.Recorded, 700, 1300);
        Assert.Equal(0, result.Recorded % 2);
        Assert.Equal(1, result.Fidelity);
        Assert.Equal(4000 - result.Recorded, result.Skipped.Single(skip => skip.Key == "scaled").Faults);
    }

    [Fact]
    public void AFilterLeavesTheRest()
    {
        var metadata = Replaying.Metadata(Replaying.Anonymous(1, Base, 4), Replaying.Anonymous(2, Base + 0x10000, 4));

        var result = Replaying.Of(metadata, [Write(0), Write(16) with { Region = 2 }], Replaying.AtOnce with { Filter = new FaultFilter { Regions = ["2"] } });

        Assert.Equal(2, Assert.Single(result.Buckets).RegionId);
    }

    internal static Fault Write(int page) => new(Base + ((ulong)page * 4096)) { Level = 0, Entry = 0, Pfn = 100 + page, Order = 0, TimeNs = page };
}
