using System.Text.Json;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Compare;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Simulate;
using Faultrec.Analyzer.Tables;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Analyzer.Tests;

/// <summary>One fault of each kind, with the facts that prove it and with neighbouring facts that prove another.</summary>
public class KindStories
{
    private const ulong Anon = 0x4000_0000;
    private const ulong Heap = 0x5000_0000;
    private const ulong File = 0x6000_0000;
    private const ulong SharedFile = 0x7000_0000;
    private const ulong Shmem = 0x8000_0000;
    private const ulong Hugetlb = 0x9000_0000;
    private const ulong Vdso = 0xa000_0000;
    private const ulong Memfd = 0xb000_0000;
    private const ulong Stack = 0xc000_0000;

    private const long ZeroPfn = 0x777;
    private const long Present = 0x25; // present, user, accessed
    private const long Writable = Present | 2;
    private const long Dirty = 1 << 6;
    private const long SavedDirty = 1L << 58;
    private const long Huge = 1 << 7;
    private const long ProtNone = 0x120;
    private const long UffdWp = 1 << 10;

    private static readonly Region[] Regions =
    [
        new() { Id = 1, Pid = 10, Start = Anon, End = Anon + (16 << 20), Prot = "rw-p", Name = "[anon]" },
        new() { Id = 2, Pid = 10, Start = Heap, End = Heap + (16 << 20), Prot = "rw-p", Name = "[heap]" },
        new() { Id = 3, Pid = 10, Start = File, End = File + (16 << 20), Prot = "rw-p", Name = "/lib/a.so", Path = "/lib/a.so", Device = "fe:01" },
        new() { Id = 4, Pid = 10, Start = SharedFile, End = SharedFile + (16 << 20), Prot = "rw-s", Name = "/var/db", Path = "/var/db", Device = "fe:01" },
        new() { Id = 5, Pid = 10, Start = Shmem, End = Shmem + (16 << 20), Prot = "rw-s", Name = "/dev/zero (deleted)", Path = "/dev/zero (deleted)",
            Device = "00:01" },
        new() { Id = 6, Pid = 10, Start = Hugetlb, End = Hugetlb + (16 << 20), Prot = "rw-p", Name = "/anon_hugepage (deleted)",
            Path = "/anon_hugepage (deleted)", Device = "00:0f" },
        new() { Id = 7, Pid = 10, Start = Vdso, End = Vdso + 0x2000, Prot = "r-xp", Name = "[vdso]" },
        new() { Id = 8, Pid = 10, Start = Memfd, End = Memfd + (16 << 20), Prot = "rw-p", Name = "/memfd:x (deleted)", Path = "/memfd:x (deleted)",
            Device = "00:01" },
        new() { Id = 9, Pid = 10, Start = Stack, End = Stack + (16 << 20), Prot = "rw-p", Name = "[stack]" },
    ];

    private static readonly TraceMetadata Metadata = Story.Metadata(Regions) with
    {
        PageTable = new PageTableRecording(true, null, 4, "kallsyms", ZeroPfn),
        ThpMode = "madvise",
        SwapTypes = new Dictionary<string, string> { ["30"] = "migration", ["29"] = "hwpoison", ["31"] = "marker" },
    };

    [Theory]
    [InlineData("anon_write", FaultAccess.Write, 0x42L)]
    [InlineData("zero_read", FaultAccess.Read, ZeroPfn)]
    [InlineData("zero_read", FaultAccess.Exec, ZeroPfn)]
    // Another thread was first, or a userfaultfd handler that the trace does not know: not proved.
    [InlineData("unknown", FaultAccess.Read, 0x42L)]
    [InlineData("unknown", FaultAccess.Unknown, 0x42L)]
    public void FirstTouchOfAnonymousMemory(string kind, FaultAccess access, long pfn)
        => Is(kind, Missing(Anon, 1) with { Access = access, Pfn = pfn });

    [Fact]
    public void WhatTheKernelTouchesFirstForTheProgram()
    {
        Is("kernel_access", Missing(Anon, 1) with { KernelAccess = true });
        Is("kernel_access", Missing(Anon, 1) with { KernelAccess = true, Access = FaultAccess.Read, Pfn = ZeroPfn });
        Is("file_cache", Missing(File, 3) with { KernelAccess = true, Access = FaultAccess.Read });
    }

    [Fact]
    public void AWriteToTheZeroPageCopiesIt() => Is("zero_cow", Mapped(Anon, 1, Present, ZeroPfn, after: 0x42));

    [Theory]
    [InlineData("cow_fork", Anon, 1, Present)]
    [InlineData("cow_fork", Anon, 1, Present | Dirty)]
    [InlineData("cow_fork", File, 3, Present | Dirty)]
    [InlineData("cow_fork", File, 3, Present | SavedDirty)]
    [InlineData("cow_file", File, 3, Present)]
    public void AWriteThatCopies(string kind, ulong address, int region, long bits) => Is(kind, Mapped(address, region, bits, 0x41, after: 0x42));

    /// <summary>KSM's pages and a fork's look the same in the page table.</summary>
    [Fact]
    public void ACopyNamesAForkOnlyWhereThereCanHaveBeenOne()
    {
        var copy = Mapped(Anon, 1, Present, 0x41, after: 0x42) with { TimeNs = 100 };
        Is("ksm", copy with { Merged = true });
        // The region is from before the recording, and so may be what a fork has left.
        Is("cow_fork", copy);
        var own = Metadata with { Regions = [Regions[0] with { BornNs = 5 }] };
        Assert.Equal("cow_shared", Kind(own, copy));
        Assert.Equal("ksm", Kind(own, copy with { Merged = true }));
        Assert.Equal("cow_fork", Kind(own with { Processes = [.. own.Processes, Child(50)] }, copy));
        // A fork before the region was there, or after the fault.
        Assert.Equal("cow_shared", Kind(own with { Processes = [.. own.Processes, Child(4)] }, copy));
        Assert.Equal("cow_shared", Kind(own with { Processes = [.. own.Processes, Child(150)] }, copy));
        // The copy that the child has.
        var ofChild = own with { Regions = [Regions[0] with { Pid = 11, BornNs = 50 }], Processes = [.. own.Processes, Child(50)] };
        Assert.Equal("cow_fork", Kind(ofChild, copy with { Pid = 11 }));
        // Where processes without faults are left out, or records were lost, nobody knows.
        Assert.Equal("cow_fork", Kind(own with { Target = "all" }, copy));
        Assert.Equal("cow_fork", Kind(own with { Receipt = own.Receipt with { LostSideband = 1 } }, copy));

        static ProcessEntry Child(long startedNs) => new() { Pid = 11, ParentPid = 10, Comm = "child", StartedNs = startedNs };
    }

    [Fact]
    public void AHugetlbPageIsCopiedOrMadeWritable()
    {
        var write = Mapped(Hugetlb, 6, Present | Huge, 0x200, after: 0x400) with { Level = 1, Order = 9 };
        Is("hugetlb_cow", write);
        Is("reuse", write with { Pfn = 0x205 });
        Is("hugetlb", write with { Access = FaultAccess.Read });
        Is("hugetlb", write with { Pfn = null, Order = null });
        Is("hugetlb", Missing(Hugetlb, 6) with { Level = 1, Order = 9 });
    }

    [Fact]
    public void APageThatCannotBeHadIsNoAccessViolation()
    {
        Is("bus_error", Missing(File, 3) with { Signal = 7 });
        Is("bus_error", new Fault(File, 3, Signal: 7));
        Is("failed", new Fault(File, 3, Signal: 11));
        // get_user_pages meets it in a system call: no signal, but the result says it.
        var named = Metadata with { FaultResultNames = new Dictionary<string, long> { ["VM_FAULT_SIGBUS"] = 2, ["VM_FAULT_SIGSEGV"] = 64 } };
        Assert.Equal("bus_error", Kind(named, new Fault(File, 3) { FaultResult = 2 }));
        Assert.Equal("failed", Kind(named, new Fault(File, 3) { FaultResult = 64 }));
        Assert.Null(FaultKind.BusError.TraceEventName());
        var report = Story.Report(Metadata, [new Fault(File, 3, Signal: 7)], new FaultFilter { Severities = [Severity.Failed] });
        Assert.Equal("bus_error", Assert.Single(report.Kinds).Kind.Name());
    }

    [Fact]
    public void SignalsThatAProgramHandlesAreToldFromOneThatEndsIt()
    {
        Fault[] faults = [new(0x8, 0, Signal: 11) { TimeNs = 10 }, new(0x8, 0, Signal: 11) { TimeNs = 20 }];

        Assert.Contains("2 faults failed: the kernel could not serve them. ", Said(null, null), StringComparison.Ordinal);
        Assert.Contains("2 faults failed: the kernel could not serve them; no process ended by it.", Said(0, null), StringComparison.Ordinal);
        Assert.Contains("2 faults failed: the kernel could not serve them, and SIGSEGV ended app (pid 10); 1 ended nothing.", Said(11, 20),
            StringComparison.Ordinal);

        string Said(int? signal, long? fatalNs)
        {
            var process = new ProcessEntry { Pid = 10, Comm = "app", ExitedNs = 30, ExitSignal = signal, FatalFaultNs = fatalNs };
            return Finding.Describe(Story.Report(Metadata with { Processes = [process] }, faults));
        }
    }

    [Fact]
    public void TheFirstWriteToAPrivateFilePageCopiesItWhetherItWasMappedOrNot()
    {
        Is("cow_file", Missing(File, 3));
        Is("cow_file", Missing(Memfd, 8));
        Is("cow_file", Missing(File, 3) with { Major = true });
    }

    [Fact]
    public void AWriteThatKeepsItsFrame()
    {
        Is("reuse", Mapped(Anon, 1, Present, 0x41, after: 0x41));
        Is("reuse", Mapped(File, 3, Present | Dirty, 0x41, after: 0x41));
        Is("reuse", Mapped(Shmem, 5, Present, 0x41, after: 0x41));
        Is("shared_mkwrite", Mapped(SharedFile, 4, Present, 0x41, after: 0x41));
        // A shared page is never copied: something else happened between the two looks.
        Is("unknown", Mapped(SharedFile, 4, Present, 0x41, after: 0x42));
    }

    [Fact]
    public void APageThatWasThere()
    {
        Is("spurious", Mapped(Anon, 1, Writable, 0x41, after: 0x41));
        Is("spurious", Mapped(File, 3, Present, 0x41, after: 0x41) with { Access = FaultAccess.Read });
        Is("spurious", Mapped(File, 3, Present, 0x41, after: 0x41) with { Access = FaultAccess.Exec });
        // Bit 63 forbids execution: something changed meanwhile.
        Is("unknown", Mapped(File, 3, Present | long.MinValue, 0x41, after: 0x41) with { Access = FaultAccess.Exec });
        Is("unknown", Mapped(File, 3, Present, 0x41, after: 0x41) with { Access = FaultAccess.Unknown });
    }

    [Fact]
    public void APageThatGetUserPagesWantsForItselfIsCopiedByARead()
        => Is("cow_fork", Mapped(Anon, 1, Present, 0x41, after: 0x42) with { Access = FaultAccess.Read, Gup = true });

    [Theory]
    [InlineData("file_cache", File, 3, false)]
    [InlineData("file_disk", File, 3, true)]
    [InlineData("file_cache", SharedFile, 4, false)]
    [InlineData("shmem", Shmem, 5, false)]
    [InlineData("shmem", Shmem, 5, true)]
    [InlineData("shmem", Memfd, 8, false)]
    [InlineData("file_cache", Vdso, 7, false)]
    public void AReadOfAPageThatIsNotMapped(string kind, ulong address, int region, bool major)
        => Is(kind, Missing(address, region) with { Access = FaultAccess.Read, Major = major });

    [Theory]
    [InlineData("rw-s", "/dev/shm/x", "00:1c", "shmem")]
    [InlineData("rw-s", "/dev/shm/x", "fe:01", "file_cache")]
    [InlineData("rw-s", "/SYSV00000000 (deleted)", "00:01", "shmem")]
    [InlineData("rw-s", "/tmp/SYSV00000000", "fe:01", "file_cache")]
    [InlineData("rw-s", "/tmp/on-a-tmpfs-perhaps", "00:22", "file_cache")]
    [InlineData("rw-s", "/dev/zero", "00:05", "shmem")]
    [InlineData("rw-p", "/dev/zero", "00:05", "anon_write")]
    [InlineData("rw-s", null, null, "shmem")]
    public void WhatIsBehindAMappingIsToldByItsName(string prot, string? path, string? device, string kind)
    {
        var region = Regions[0] with { Prot = prot, Name = path ?? "[anon]", Path = path, Device = device };
        Assert.Equal(kind, Kind(Metadata with { Regions = [region] }, Missing(Anon, 1)));
    }

    [Fact]
    public void AFlagOfTheMappingTellsHugetlbWhateverItsFile()
    {
        var region = Regions[0] with { Path = "/mnt/huge/x", Name = "/mnt/huge/x", Flags = 0x40001, Prot = "rw-s" };
        Assert.Equal("hugetlb", Kind(Metadata with { Regions = [region] }, Missing(Anon, 1) with { Level = 1, Order = 9 }));
        Is("hugetlb", Missing(Hugetlb, 6) with { Level = 1, Order = 9 });
    }

    [Fact]
    public void SwapEntriesAreToldApartByTheirType()
    {
        Is("swap_device", Swapped(Anon, 1, type: 0) with { Major = true });
        Is("swap_cache", Swapped(Anon, 1, type: 0));
        Is("swap_cache", Swapped(Anon, 1, type: 2) with { Access = FaultAccess.Read });
        Is("migration_wait", Swapped(Anon, 1, type: 30));
        Is("migration_wait", Swapped(Anon, 1, type: 30) with { Level = 1, Order = 9 });
        Is("unknown", Swapped(Anon, 1, type: 29));
        // Without the names a type can be anything.
        Assert.Equal("unknown", Kind(Metadata with { SwapTypes = new Dictionary<string, string>() }, Swapped(Anon, 1, type: 0) with { Major = true }));
    }

    [Fact]
    public void AnInaccessiblePageOfAnAccessibleMappingIsANumaHint()
    {
        Is("numa_hint", Mapped(Anon, 1, ProtNone, 0x41, after: 0x41) with { Access = FaultAccess.Read });
        Is("numa_hint", Mapped(Anon, 1, ProtNone | Huge, 0x400, after: 0x400) with { Level = 1, Order = 9 });
        Assert.Equal("unknown", Kind(Metadata with { Regions = [Regions[0] with { Prot = "---p" }] }, Mapped(Anon, 1, ProtNone, 0x41, after: 0x41)));
    }

    [Fact]
    public void AHugePageWhereNothingWas()
    {
        Is("huge", Missing(Anon, 1) with { Level = 1, Order = 9, Pfn = 0x200 });
        Is("huge", Missing(SharedFile, 4) with { Level = 2, Order = 9, Pfn = 0x200, Access = FaultAccess.Read });
        // Whether it became one is not known.
        Is("unknown", Missing(Anon, 1) with { Level = 1, Order = null, Pfn = null });
    }

    [Fact]
    public void ASmallPageWhereAHugeOneWasWanted()
    {
        var small = Missing(Anon + (2 << 20), 1) with { Level = 1, TimeNs = 100 };
        Assert.Equal("anon_write", Kind(Metadata, small));
        Assert.Equal("huge_fallback", Kind(Metadata with { ThpMode = "always" }, small));
        Assert.Equal("anon_write", Kind(Metadata with { ThpMode = "never", Advice = [Advice("hugepage", 50)] }, small));
        Assert.Equal("huge_fallback", Kind(Metadata with { Advice = [Advice("hugepage", 50)] }, small));
        // Advised later, or taken back before.
        Assert.Equal("anon_write", Kind(Metadata with { Advice = [Advice("hugepage", 150)] }, small));
        Assert.Equal("anon_write", Kind(Metadata with { Advice = [Advice("hugepage", 50), Advice("nohugepage", 60)] }, small));
        Assert.Equal("anon_write", Kind(Metadata with { ThpMode = "always", Advice = [Advice("nohugepage", 60)] }, small));
        Assert.Equal("huge_fallback", Kind(Metadata with { Advice = [Advice("nohugepage", 40), Advice("hugepage", 50)] }, small));
        // Since 6.8 each size has a setting of its own, which may be to do as the one for all says.
        Assert.Equal("huge_fallback", Kind(Metadata with { ThpMode = "always", FolioSizes = Sizes("inherit") }, small));
        Assert.Equal("anon_write", Kind(Metadata with { ThpMode = "always", FolioSizes = Sizes("never") }, small));
        Assert.Equal("anon_write", Kind(Metadata with { ThpMode = "always", FolioSizes = Sizes("madvise") }, small));
        Assert.Equal("huge_fallback", Kind(Metadata with { ThpMode = "never", FolioSizes = Sizes("always") }, small));
        Assert.Equal("huge_fallback", Kind(Metadata with { ThpMode = "never", FolioSizes = Sizes("madvise"), Advice = [Advice("hugepage", 50)] }, small));
        Assert.Equal("anon_write", Kind(Metadata with { ThpMode = "never", FolioSizes = Sizes("inherit"), Advice = [Advice("hugepage", 50)] }, small));
        // prctl(PR_SET_THP_DISABLE)
        var refusing = new ProcessMemory(10, [], [], [], [], [], null, false) { RefusesHugePages = true };
        Assert.Equal("anon_write", Kind(Metadata with { ThpMode = "always", Memory = [refusing] }, small));
        Assert.Equal("huge_fallback", Kind(Metadata with { ThpMode = "always", Memory = [refusing with { Pid = 11 }] }, small));
        // Another process, another range, a mapping that is not yet.
        Assert.Equal("anon_write", Kind(Metadata with { Advice = [Advice("hugepage", 50) with { Pid = 11 }] }, small));
        Assert.Equal("anon_write", Kind(Metadata with { Advice = [Advice("hugepage", 50) with { Start = Anon + (4 << 20) }] }, small));
        Assert.Equal("anon_write", Kind(Metadata with { Regions = [Regions[0] with { BornNs = 70 }], Advice = [Advice("hugepage", 50)] }, small));
        // A page table was there: only one page was asked for. The 2 MiB do not fit. A heap's range then is not known.
        var always = Metadata with { ThpMode = "always" };
        Assert.Equal("anon_write", Kind(always, small with { Level = 0 }));
        Assert.Equal("anon_write", Kind(always with { Regions = [Regions[0] with { End = Anon + (3 << 20) }] }, small));
        Assert.Equal("anon_write",
            Kind(always with { Regions = [Regions[0] with { Start = Anon + (2 << 20) + 0x1000 }] }, small with { Address = Anon + (2 << 20) + 0x1000 }));
        Assert.Equal("anon_write", Kind(always, small with { Address = Heap + (2 << 20), Region = 2 }));
        Assert.Equal("file_cache", Kind(always, small with { Address = File + (2 << 20), Region = 3, Access = FaultAccess.Read }));
    }

    [Fact]
    public void AFolioBetweenAPageAndAHugePage()
    {
        Is("mthp", Missing(Anon + 0x3000, 1) with { Order = 4, Pfn = 0x203 });
        Is("mthp", Missing(Anon, 1) with { Level = 1, Order = 2, Pfn = 0x204, KernelAccess = true });
        Is("mthp", Missing(Shmem, 5) with { Order = 8, Pfn = 0x300 });
        // A huge page was tried first.
        Assert.Equal("huge_fallback", Kind(Metadata with { ThpMode = "always" }, Missing(Anon, 1) with { Level = 1, Order = 4, Pfn = 0x200 }));
    }

    [Fact]
    public void OnePageWhereAFolioWasWanted()
    {
        FolioSize[] sizes = [new FolioSize(16, "madvise", null), new FolioSize(64, "always", null), new FolioSize(2048, "inherit", null)];
        var wanted = Metadata with { FolioSizes = sizes };
        var alone = Missing(Anon + 0x13000, 1) with { TimeNs = 100, Empty = 4 };
        Assert.Equal("mthp_fallback", Kind(wanted, alone));
        Assert.Equal("mthp_fallback", Kind(wanted, alone with { Level = 1, Empty = null }));
        Is("anon_write", alone);
        // Not looked at; some of the 16 pages were there; a read gets the zero page; the mapping begins behind the first of them.
        Assert.Equal("anon_write", Kind(wanted, alone with { Empty = null }));
        Assert.Equal("anon_write", Kind(wanted, alone with { Empty = 3 }));
        Assert.Equal("zero_read", Kind(wanted, alone with { Access = FaultAccess.Read, Pfn = ZeroPfn }));
        Assert.Equal("anon_write", Kind(wanted with { Regions = [Regions[0] with { Start = Anon + 0x11000 }] }, alone));
        Assert.Equal("anon_write", Kind(wanted, alone with { Address = Heap + 0x13000, Region = 2 }));
        // Smaller ones are wanted only where it was advised, none where it was advised against, or a handler is to serve each page.
        Assert.Equal("mthp_fallback", Kind(wanted with { Advice = [Advice("hugepage", 50)] }, alone with { Empty = 2 }));
        Assert.Equal("anon_write", Kind(wanted with { Advice = [Advice("hugepage", 50)] }, alone with { Empty = 1 }));
        Assert.Equal("anon_write", Kind(wanted with { Advice = [Advice("nohugepage", 50)] }, alone));
        Assert.Equal("anon_write", Kind(wanted with { Advice = [Advice("userfaultfd_wp", 50)] }, alone));
        // A huge page was tried first.
        Assert.Equal("huge_fallback", Kind(wanted with { ThpMode = "always" }, alone with { Level = 1, Empty = null }));
    }

    [Fact]
    public void AForkCopiesWhatTheParentAdvisedBeforeIt()
    {
        var child = Regions[0] with { Id = 2, Pid = 11, BornNs = 80 };
        var metadata = Metadata with
        {
            Regions = [Regions[0], child],
            Processes = [new ProcessEntry { Pid = 10, Comm = "app" }, new ProcessEntry { Pid = 11, ParentPid = 10, Comm = "app", StartedNs = 80 }],
        };
        var small = Missing(Anon + (2 << 20), 2) with { Level = 1, TimeNs = 100, Pid = 11 };

        Assert.Equal("huge_fallback", Kind(metadata with { Advice = [Advice("hugepage", 50)] }, small));
        Assert.Equal("anon_write", Kind(metadata with { Advice = [Advice("hugepage", 90)] }, small));
        // A new mapping of the child at the same place, and a registration that a fork does not copy.
        Assert.Equal("anon_write", Kind(metadata with { Regions = [Regions[0], child with { BornNs = 81 }], Advice = [Advice("hugepage", 50)] }, small));
        Assert.Equal("anon_write", Kind(metadata with { Advice = [Advice("userfaultfd_missing", 50)] }, small));
    }

    [Fact]
    public void AHugeMappingThatBecameSmallPages()
    {
        Is("huge_split", Mapped(Anon, 1, Present | Huge, 0x200, after: 0x42) with { Level = 1 });
        Is("huge_split", Mapped(Anon, 1, Present | Huge, 0x200, after: 0x200) with { Level = 1, Access = FaultAccess.Read });
        // It stayed one: reused, or the huge zero page replaced (bit 12 of a huge entry is no frame's).
        Is("reuse", Mapped(Anon + 0x3000, 1, Present | Huge | 0x1000, 0x200, after: 0x203) with { Level = 1, Order = 9 });
        Is("zero_cow", Mapped(Anon + 0x3000, 1, Present | Huge, 0x200, after: 0x403) with { Level = 1, Order = 9 });
    }

    [Fact]
    public void UserfaultfdServesWhatIsRegistered()
    {
        var missing = Metadata with { Advice = [Advice("userfaultfd_missing", 50), Advice("userfaultfd_none", 150)] };
        Assert.Equal("userfaultfd", Kind(missing, Missing(Anon, 1) with { TimeNs = 100 }));
        Assert.Equal("anon_write", Kind(missing, Missing(Anon, 1) with { TimeNs = 10 }));
        Assert.Equal("anon_write", Kind(missing, Missing(Anon, 1) with { TimeNs = 200 }));
        Assert.Equal("swap_cache", Kind(missing, Swapped(Anon, 1, type: 0) with { TimeNs = 100 }));
        var protect = Metadata with { Advice = [Advice("userfaultfd_wp", 50)] };
        Assert.Equal("userfaultfd", Kind(protect, Mapped(Anon, 1, Present | UffdWp, 0x41, after: 0x41) with { TimeNs = 100 }));
        Assert.Equal("reuse", Kind(protect, Mapped(Anon, 1, Present, 0x41, after: 0x41) with { TimeNs = 100 }));
        Assert.Equal("anon_write", Kind(protect, Missing(Anon, 1) with { TimeNs = 100 }));
        Assert.Equal("userfaultfd", Kind(protect, Swapped(Anon, 1, type: 31) with { TimeNs = 100 }));
        Assert.Equal("unknown", Kind(Metadata, Swapped(Anon, 1, type: 31)));
    }

    [Fact]
    public void WhatNeedsNoPageTableIsKnownWithoutOne()
    {
        Is("stack_growth", new Fault(Stack, 9) { Grew = true });
        Is("stack_growth", Missing(Stack, 9) with { Grew = true });
        Is("failed", new Fault(Stack, 9, Signal: 11) { Grew = true });
        Is("bus_error", Missing(Anon, 1) with { Signal = 7 });
        Is("hugetlb", new Fault(Hugetlb, 6));
        Is("unknown", new Fault(Anon, 1));
        Is("unknown", Missing(0x1000, 0));
    }

    [Fact]
    public void FactsOfAnotherArchitectureOrOfNoRecordingProveNothing()
    {
        Assert.Equal("unknown", Kind(Metadata with { Arch = "aarch64" }, Missing(Anon, 1)));
        Assert.Equal("unknown", Kind(Metadata with { PageTable = null }, Missing(Anon, 1)));
        Assert.Equal("unknown", Kind(Metadata with { PageTable = new PageTableRecording(false, "no permission", 0, null, null) }, Missing(Anon, 1)));
        // The zero page's frame is not known.
        Assert.Equal("unknown",
            Kind(Metadata with { PageTable = new PageTableRecording(true, null, 4, "kallsyms", null) },
            Missing(Anon, 1) with { Access = FaultAccess.Read, Pfn = ZeroPfn }));
    }

    [Fact]
    public void TheTableCountsKindsAndSaysWhatTheyAre()
    {
        var report = Story.Report(Metadata,
            [Missing(Anon, 1), Missing(Anon + 0x1000, 1) with { DurationNs = 3000 }, Missing(Anon + 0x2000, 1),
            Missing(File, 3, 90_000) with { Major = true, Access = FaultAccess.Read, KernelAccess = true }]);

        Assert.Contains(
            """
            75 % of the faults (3) are in [anon] 0x40000000-0x41000000 (16.0 MiB) of app (pid 10), each on a
            page of its own. 75 % are first writes to fresh anonymous memory. 1 was major
            """,
            TextReportTests.Text(report),
            StringComparison.Ordinal);
        Assert.EndsWith(
            """

            kinds
              kind       faults share major     p50     p99    time they are
              anon_write      3  75 %     0 1.00 µs 3.00 µs 5.00 µs first touches of new memory
              file_disk       1  25 %     1 90.0 µs 90.0 µs 90.0 µs reads from a disk

            """,
            TextReportTests.Text(report, "kind"),
            StringComparison.Ordinal);
        Assert.Equal(
            """
            kind,traceevent,faults,share,minor,major,failed,by_kernel,latency_p50_ns,latency_p90_ns,latency_p99_ns,latency_max_ns,latency_sum_ns,family
            anon_write,demand zero,3,0.75,3,0,0,0,1000,3000,3000,3000,5000,first touches of new memory
            file_disk,hard,1,0.25,0,1,0,1,90000,90000,90000,90000,90000,reads from a disk

            """.ReplaceLineEndings("\r\n"),
            FormatTests.Csv(report, "kind"));
        using var json = JsonDocument.Parse(FormatTests.Json(report));
        Assert.Equal("hard", json.RootElement.GetProperty("kinds")[1].GetProperty("traceevent").GetString());
        Assert.Equal(JsonValueKind.Null, json.RootElement.GetProperty("kinds_note").ValueKind);
    }

    [Fact]
    public void AFilterTakesKindsAndSeveritiesAsAlternatives()
    {
        Fault[] faults = [Missing(Anon, 1), Missing(File, 3) with { Major = true, Access = FaultAccess.Read },
            Missing(File + 0x1000, 3) with { Access = FaultAccess.Read }, new(0x8, 0, Signal: 11)];
        var filter = new FaultFilter { Severities = [Severity.Failed], Kinds = [FaultKind.AnonWrite, FaultKind.FileCache] };

        var report = Story.Report(Metadata, faults, filter);

        Assert.Equal(["failed", "anon_write", "file_cache"], report.Kinds.Select(row => row.Kind.Name()));
        Assert.Equal("--kind failed --kind anon_write --kind file_cache", filter.ToString());
    }

    [Fact]
    public void WhyKindsAreUnknownIsOneLine()
    {
        Assert.StartsWith("the file is older than", Note(Metadata with { PageTable = null }), StringComparison.Ordinal);
        Assert.Equal(
            "page-table facts were not recorded (--no-frames), so kinds are unknown; minor, major and failed are right",
            Note(Metadata with { PageTable = new PageTableRecording(false, "--no-frames", 0, null, null) }));
        Assert.StartsWith("page-table entries of riscv64 cannot be read", Note(Metadata with { Arch = "riscv64" }), StringComparison.Ordinal);
        Assert.Equal("1 fault of unknown kind: what was recorded of it proves no kind", Note(Metadata));

        static string? Note(TraceMetadata metadata) => KindTable.Definition.Note(Story.Report(metadata, [new Fault(Anon, 1)]));
    }

    private static void Is(string kind, Fault fault) => Assert.Equal(kind, Kind(Metadata, fault));

    private static string Kind(TraceMetadata metadata, Fault fault) => Assert.Single(Story.Report(metadata, [fault]).Kinds).Kind.Name();

    private static MemoryAdvice Advice(string advice, long timeNs) => new(10, Anon, Anon + (16 << 20), advice, timeNs);

    private static FolioSize[] Sizes(string huge) => [new FolioSize(64, "never", "never"), new FolioSize(2048, huge, "inherit")];

    /// <summary>A write where the page table had nothing, in a table that was there.</summary>
    private static Fault Missing(ulong address, int region, long durationNs = 1000)
        => new(address, region, durationNs) { Level = 0, Entry = 0, Pfn = 0x42, Order = 0 };

    /// <summary>A write to what the entry forbids or permits.</summary>
    private static Fault Mapped(ulong address, int region, long bits, long pfn, long after)
        => new(address, region) { Level = 0, Entry = bits | (pfn << 12), Pfn = after, Order = 0 };

    private static Fault Swapped(ulong address, int region, long type)
        => new(address, region) { Level = 0, Entry = (type << 59) | 0x1234_0000, Pfn = 0x42, Order = 0 };
}
