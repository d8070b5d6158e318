using Faultrec.Traces;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Replay.Tests;

/// <summary>Traces that claim what no machine has: counted or refused in one line, and nothing of this machine's is touched.</summary>
public sealed class HostileTraceTests
{
    private const ulong Base = 0x7e00_0000_0000;

    [Theory]
    [InlineData(0xffff_8000_0000_0000, 0xffff_8000_0001_0000)] // the kernel's half
    [InlineData(0x7e00_0000_0000, 0xffff_ffff_ffff_f000)] // to the end of everything
    [InlineData(0x7e00_0000_4000, 0x7e00_0000_4000)] // empty
    [InlineData(0x7e00_0000_0123, 0x7e00_0000_4000)] // no page's start
    public void ARegionThatCannotBeIsLeftOutAndCounted(ulong start, ulong end)
    {
        var metadata = Replaying.Metadata(Replaying.Anonymous(1, Base + 0x100000, 4),
            new Region { Id = 2, Pid = 10, Start = start, End = end, Prot = "rw-p", Name = "[anon]" });

        var result = Replaying.Of(metadata, [ReplayStories.Write(256), new Fault(start, Region: 2) { TimeNs = 300 }]);

        Assert.Equal("anon_write minor 1/1", Replaying.Words(result));
        Assert.Equal(1, Assert.Single(result.Skipped).Faults);
        Assert.Equal(0.5, result.Fidelity);
    }

    [Fact]
    public void ARegionThatEndsBeforeItStartsIsRefusedWithItsTrace()
    {
        var backwards = new Region { Id = 2, Pid = 10, Start = Base + 0x4000, End = Base, Prot = "rw-p", Name = "[anon]" };

        var refusal = Assert.Throws<FaultrecException>(() => Replaying.Of(Replaying.Metadata(Replaying.Anonymous(1, Base + 0x100000, 4), backwards),
            [ReplayStories.Write(256)]));

        Assert.Equal(ExitCode.BadInput, refusal.ExitCode);
        Assert.Contains("faultrec.regions", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AFaultOutsideItsRegionIsLeftOutAndCounted()
    {
        var result = Replaying.Of(Replaying.Metadata(Replaying.Anonymous(1, Base, 4)), [ReplayStories.Write(0), ReplayStories.Write(77)]);

        Assert.Equal("bad_address", Assert.Single(result.Skipped).Key);
        Assert.Equal("anon_write minor 1/1", Replaying.Words(result));
    }

    [Fact]
    public void RegionsOverEachOtherTakeTurns()
    {
        // Both claim the same 16 pages at the same time; every fault is a fault all the same.
        var metadata = Replaying.Metadata(Replaying.Anonymous(1, Base, 16), Replaying.Anonymous(2, Base, 16));

        var result = Replaying.Of(metadata, [.. Enumerable.Range(0, 64).Select(i => ReplayStories.Write(i % 16) with { TimeNs = i, Region = 1 + (i % 2) })]);

        Assert.Equal("anon_write minor 64/64", Replaying.Words(result));
    }

    [Fact]
    public void RealFilesAreReadOnlyWhenAskedForAndWhatIsNoFileNever()
    {
        var folder = Directory.CreateTempSubdirectory("faultrec-real-").FullName;
        try
        {
            var path = Path.Combine(folder, "data");
            var bytes = new byte[16 * 4096];
            new Random(1).NextBytes(bytes);
            File.WriteAllBytes(path, bytes);
            Region Of(int id, string file, string prot)
                => new() { Id = id, Pid = 10, Start = (ulong)id << 30, End = ((ulong)id << 30) + (16 * 4096), Prot = prot, Name = file, Path = file };
            var metadata = Replaying.Metadata(Of(1, path, "rw-p"), Of(2, "/dev/zero-not-there", "r--p"), Of(3, "/dev/tty", "r--p"), Of(4, path + "2", "rw-s"));
            Fault[] faults =
            [
                .. Enumerable.Range(0, 16).Select(page => ReplayStories.Write(page) with { Address = (1UL << 30) + ((ulong)page << 12) }),
                ReplayStories.Write(0) with { Address = 2UL << 30, Region = 2, Access = FaultAccess.Read, TimeNs = 100 },
                ReplayStories.Write(0) with { Address = 3UL << 30, Region = 3, Access = FaultAccess.Read, TimeNs = 101 },
                ReplayStories.Write(0) with { Address = 4UL << 30, Region = 4, TimeNs = 102 },
            ];
            File.WriteAllBytes(path + "2", bytes);

            var result = Replaying.Of(metadata, faults, Replaying.AtOnce with { UsesRealFiles = true });

            Assert.Equal(1, result.Fidelity);
            Assert.Contains(result.Notes,
                note => note.StartsWith("1 recorded file mapped and read directly; 3 stand-ins for files", StringComparison.Ordinal));
            Assert.Equal(bytes, File.ReadAllBytes(path));
            Assert.Equal(bytes, File.ReadAllBytes(path + "2"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void WhereTheEngineLiesARegionMovesByWholeHugePages()
    {
        var region = ReplayedRegion.Of(Replaying.Anonymous(1, 0x2a00_0000_0000, 64), ReplayChange.None, isForkCopy: false)!;
        Assert.NotEqual(0UL, region.Shift);
        Assert.Equal(0UL, region.Shift % (2UL << 20));

        // The engine's image, its arena, and the pages below what mmap_min_addr allows.
        var metadata = Replaying.Metadata(Replaying.Anonymous(1, 0x2a00_0000_0000, 64), Replaying.Anonymous(2, 0x2a10_0000_0000, 64),
            Replaying.Anonymous(3, 0, 8));
        var result = Replaying.Of(
            metadata,
            [
                .. Enumerable.Range(0, 64).Select(page => At(1, 0x2a00_0000_0000, page)),
                .. Enumerable.Range(0, 64).Select(page => At(2, 0x2a10_0000_0000, page)),
                .. Enumerable.Range(0, 8).Select(page => At(3, 0, page)),
            ]);

        Assert.Equal("anon_write minor 136/136", Replaying.Words(result));

        static Fault At(int region, ulong start, int page) => new(start + ((ulong)page * 4096), Region: region) { Level = 0, Pfn = 5, Order = 0 };
    }

    [Theory]
    [InlineData(0x2a00_0000_0100)]
    [InlineData(0x2a10_0000_1000)]
    public void AFailedFaultAtTheEnginesOwnMemoryIsNotTried(ulong address)
    {
        var result = Replaying.Of(Replaying.Metadata(Replaying.Anonymous(1, Base, 4)), [ReplayStories.Write(0), new Fault(address, Region: 0, Signal: 11)]);

        Assert.Equal("would_succeed", Assert.Single(result.Skipped).Key);
    }

    [Fact]
    public void AFileOfAbsurdSizeHasNoPlace()
    {
        var absurd = new Region
        {
            Id = 2,
            Pid = 10,
            Start = Base + 0x100000,
            End = Base + 0x104000,
            Prot = "r--p",
            Name = "/a",
            Path = "/a",
            FileOffset = 0x7fff_ffff_ffff_f000
        };

        var result = Replaying.Of(Replaying.Metadata(Replaying.Anonymous(1, Base, 4), absurd),
            [ReplayStories.Write(0), ReplayStories.Write(256) with { Region = 2 }]);

        Assert.Equal("bad_region", Assert.Single(result.Skipped).Key);
    }

    [Fact]
    public void NoPathOfATraceIsOpened()
    {
        // The path names a file of ours; were it opened, its time of access or content would change.
        var path = Path.GetTempFileName();
        File.WriteAllText(path, "mine");
        var region = new Region { Id = 1, Pid = 10, Start = Base, End = Base + 0x4000, Prot = "rw-s", Name = path, Path = path };

        var result = Replaying.Of(Replaying.Metadata(region), [ReplayStories.Write(0)]);

        Assert.Equal(1, result.Replayed);
        Assert.Equal("mine", File.ReadAllText(path));
        File.Delete(path);
    }

    [Fact]
    public void MoreMemoryThanThereIsIsRefusedWithTheFigures()
    {
        // Sixteen million huge pages: 32 TiB.
        var region = Replaying.Anonymous(1, 0x1000_0000_0000, 1UL << 33);
        var metadata = Replaying.Metadata(region);
        using var file = new TemporaryTrace(metadata, Groups());

        var refusal = Assert.Throws<FaultrecException>(() => Replaying.File(file.Path));

        Assert.Equal(ExitCode.NotPermitted, refusal.ExitCode);
        Assert.Contains("fill 78.1 GiB at their peak", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("--scale", refusal.Message, StringComparison.Ordinal);

        static IEnumerable<FaultBatch> Groups()
        {
            yield return Story.Batch([.. Enumerable.Range(0, 40_000)
                .Select(i => new Fault(0x1000_0000_0000 + ((ulong)i << 21)) { Level = 1, Pfn = 512, Order = 9, TimeNs = i })]);
        }
    }

    [Fact]
    public void MoreThreadsThanThereAreSlotsIsRefused()
    {
        Fault[] faults = [.. Enumerable.Range(0, 1100).Select(i => ReplayStories.Write(i) with { Tid = 1000 + i })];

        var refusal = Assert.Throws<FaultrecException>(() => Replaying.Of(Replaying.Metadata(Replaying.Anonymous(1, Base, 2048)), faults));

        Assert.Contains("more than 1023 threads at a time", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ATraceWithoutAFaultThatCanBeReplayedIsRefused()
    {
        var refusal = Assert.Throws<FaultrecException>(() => Replaying.Of(Replaying.Metadata(), [new Fault(Base, Region: 0)]));

        Assert.Equal(ExitCode.BadInput, refusal.ExitCode);
    }

    [Fact]
    public void ACycleOfParentsEnds()
    {
        var metadata = Replaying.Metadata(Replaying.Anonymous(1, Base, 4), Replaying.Anonymous(2, Base, 4, pid: 20)) with
        {
            Processes =
            [
                new ProcessEntry { Pid = 10, ParentPid = 20, Comm = "a", StartedNs = 0 },
                new ProcessEntry { Pid = 20, ParentPid = 10, Comm = "b", StartedNs = 0 },
            ],
        };

        var result = Replaying.Of(metadata, [ReplayStories.Write(0), ReplayStories.Write(1) with { Pid = 20, Tid = 20, Region = 2 }]);

        Assert.Equal(1, result.Fidelity);
    }
}
