using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Render;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Screen;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;
using Xunit;
using static Faultrec.Analyzer.Tests.ResidencyStories;

namespace Faultrec.Analyzer.Tests;

/// <summary>The first screen: which sentence leads, and what is not said below its share.</summary>
public class FirstScreenStories
{
    private const long Second = 1_000_000_000;
    private const int PagesPerMib = 256;

    [Fact]
    public void MemoryThatGrowsLeadsWithItsLine()
    {
        var faults = Grow(pages: 20 * PagesPerMib, Memset);

        var screen = Screen(Metadata with { DurationNs = 10 * Second, Releases = Releases() }, faults);

        Assert.Equal(
            """
            trace.parquet  app --work  10.0 s, 5,120 faults                         complete
            Memory grew to 20.0 MiB in a straight line (2.0 MiB a second); all of it stayed
            to the end.
            Page faults took 5.12 ms of 10.0 s: too little to explain a slow run; the
            longest took 1.00 µs.
            memory  ▁▁▁▁▁▁▂▂▂▂▂▂▃▃▃▃▃▃▄▄▄▄▄▄▄▅▅▅▅▅▅▆▆▆▆▆▆▇▇▇▇▇▇███████  20.0 MiB
            who     100 %, 20.0 MiB: fill (app.c:12) < main (app.c:30)
            why     100 % first touches of new memory
            cost    5.12 ms in faults, <0.1 % of the recording; 1.00 µs typical, 1.00 µs
                    worst; none was major
            where   100 % anonymous mappings; app (pid 10)
            note    memory is charged to the code that touched it first, which need not be
                    the code that keeps it.
            more    report --full · --by resident · --by growth · export --to firefox

            """,
            screen);
    }

    [Fact]
    public void TimeLeadsWhereFaultsTakeATenthOfTheRecording()
    {
        var metadata = Metadata with { DurationNs = Second };

        Assert.Equal("Page faults took 512 ms of 1.00 s.", Sentences(metadata, Grow(512, Fill, Second, 1_000_000))[0]);
        Assert.Equal("Page faults took 51.2 ms of 1.00 s.", Sentences(metadata, Grow(512, Fill, Second, 100_000))[0]);
        Assert.Equal(
            "Page faults took 5.12 ms of 1.00 s: too little to explain a slow run; the longest took 10.0 µs.",
            Sentences(metadata, Grow(512, Fill, Second, 10_000))[0]);
        Assert.Equal(
            "Page faults took 2.56 s of the threads' time in 1.00 s: at an average moment, 2.6 threads were in one.",
            Sentences(metadata, Grow(512, Fill, Second, 5_000_000))[0]);
    }

    /// <summary>Where faults are missing, nobody knows that they are too few to make it slow.</summary>
    [Fact]
    public void WhatIsMissingIsSaidFirst()
    {
        var metadata = Metadata with
        {
            DurationNs = Second,
            Receipt = new Receipt { Events = 512, Lost = 128, Failed = 0, Complete = false },
        };

        var sentences = Sentences(metadata, Grow(512, Fill, Second));

        Assert.StartsWith("INCOMPLETE: 512 faults captured, 128 lost", sentences[0], StringComparison.Ordinal);
        Assert.Equal("20 % of the faults (128) are missing here, so every share may be off by as much.", sentences[1]);
        Assert.DoesNotContain(sentences, sentence => sentence.Contains("too little", StringComparison.Ordinal));
    }

    [Fact]
    public void AThreadThatTouchesFirstWhatOthersUseIsNamed()
    {
        const int pages = 20 * PagesPerMib;
        var metadata = Metadata with
        {
            DurationNs = Second,
            Threads = [new ThreadEntry { Pid = 10, Tid = 10, Comm = "app" }, new ThreadEntry { Pid = 10, Tid = 11, Comm = "worker" }],
            NumaNodes = [new NumaRange(0, 0, 0x8000), new NumaRange(1, 0x8000, 0x10_0000)],
            NumaCpus = [new NumaCpus(0, 0, 1), new NumaCpus(1, 1, 2)],
        };
        Fault[] faults = [.. Grow(pages, Fill, Second / 2), .. Used(60)];

        var sentence = "app (tid 10) made 100 % of the first faults in 20.0 MiB of anonymous mappings, and 1 other thread uses it, too (60 faults, "
            + "60 of these on CPUs of another NUMA node than the page's).";
        Assert.Contains(sentence, Sentences(metadata, faults));
        // On a machine of one node, of a process of one thread, and where another thread hardly faults.
        Assert.Contains(Sentences(metadata with { NumaCpus = [] }, faults), text => text.EndsWith("uses it, too (60 faults).", StringComparison.Ordinal));
        Assert.DoesNotContain(Sentences(metadata with { Threads = [metadata.Threads[0]] }, faults), IsAboutFirstTouch);
        Assert.DoesNotContain(Sentences(metadata, [.. faults[..^20]]), IsAboutFirstTouch);
        // Where both touch their own parts.
        Assert.DoesNotContain(Sentences(metadata, [.. faults.Select((fault, i) => i % 5 == 0 ? fault with { Tid = 11 } : fault)]), IsAboutFirstTouch);

        static bool IsAboutFirstTouch(string text) => text.Contains(" of the first faults in ", StringComparison.Ordinal);

        static IEnumerable<Fault> Used(int count) => Enumerable.Range(0, count).Select(i => new Fault(Anon + (ulong)(i * Page))
        {
            TimeNs = (Second / 2) + 1 + i,
            Tid = 11,
            Level = 0,
            Entry = (~0x9000L << 12 & 0xf_ffff_ffff_f000) | 0x100, // inaccessible: the bits of its frame are inverted
            Pfn = 0x60, // the fault moved the page to the node of its thread
            Order = 0,
        });
    }

    [Fact]
    public void MarkdownHasEveryStatement()
    {
        const string evil = "<b>*evil*|`\n\u202e";
        var metadata = Metadata with { DurationNs = Second, Command = [evil] };
        var markdown = new StringWriter();
        var report = Story.Report(metadata, Grow(512, Fill, Second));

        ScreenReport.WriteMarkdown(markdown, report);

        var text = markdown.ToString();
        Assert.Matches(@"\A# Page faults of &lt;b&gt;.*evil.*\n\ntrace\.parquet: 1\.00 s, 512 faults, complete\n\n\*\*Page faults took .*\*\*\n\n- ", text);
        foreach (var statement in FirstScreen.Of(report).Where(statement => statement.Label.Length > 0))
            Assert.Contains($"\n- {statement.Label}: ", text, StringComparison.Ordinal);
        Assert.DoesNotContain("\u202e", text, StringComparison.Ordinal);
        Assert.DoesNotContain("<b>", text, StringComparison.Ordinal);
    }

    [Fact]
    public void ThreadsThatWaitForADiskLead()
    {
        var faults = Enumerable.Range(0, 64)
            .Select(i => new Fault(ResidencyStories.File + (ulong)(i % 16 * Page), 2, 10_000_000, Major: true)
            {
                TimeNs = i * Second / 64,
                Access = FaultAccess.Read,
                Level = 0,
                Entry = 0,
                Pfn = 0x100 + i,
                Order = 0,
                Stack = Walk,
            })
            .ToArray();
        var metadata = Metadata with { DurationNs = Second, Threads = [new ThreadEntry { Pid = 10, Tid = 10, Comm = "app" }] };

        Assert.Equal(
            "Threads waited 640 ms for file pages to be read from a disk, in a recording of 1.00 s; app (pid 10) was in faults for 64 % of its time; "
            + "64 of 64 reads were of /lib/a.so, 4.00 times each page: they did not stay in memory.",
            Sentences(metadata, faults)[0]);
        Assert.StartsWith("read the file ahead", Statements(metadata, faults).Single(statement => statement.Label == "try").Text, StringComparison.Ordinal);
        // Read at random, as the program said, or a small part of it: most of what is read ahead would be read in vain.
        foreach (var inPart in (TraceMetadata[])
            [
                metadata with { Advice = [new MemoryAdvice(10, ResidencyStories.File, ResidencyStories.File + 0x1000, "random", 1)] },
                metadata with { Regions = [Regions[0], Regions[1] with { End = ResidencyStories.File + (2000 * Page) }] },
            ])
        {
            Assert.DoesNotContain(Statements(inPart, faults), statement => statement.Label == "try");
        }

        // Less than a tenth of the recording.
        Assert.StartsWith("Page faults took 640 ms", Sentences(metadata with { DurationNs = 10 * Second }, faults)[0], StringComparison.Ordinal);
    }

    [Fact]
    public void WaitsForMmapLockNameWhoHeldIt()
    {
        var metadata = Metadata with
        {
            DurationNs = Second,
            Threads = [.. Metadata.Threads, new ThreadEntry { Pid = 10, Tid = 12, Comm = "protector" }],
            LockWaits = [Wait(10, 12, 300_000_000), Wait(11, 12, 50_000_000), Wait(11, 10, 50_000_000)],
        };

        Assert.Equal(
            "Threads waited 400 ms in faults for mmap_lock, in a recording of 1.00 s; 88 % of it while protector (tid 12) held it.",
            Sentences(metadata, Grow(10, Fill, 90))[0]);
        // Less than a tenth of the recording.
        Assert.DoesNotContain(
            Sentences(metadata with { DurationNs = 5 * Second }, Grow(10, Fill, 90)), sentence => sentence.Contains("mmap_lock", StringComparison.Ordinal));

        static LockWait Wait(int tid, int holder, long ns) => new(10, tid, 10, holder, 3, ns, ns);
    }

    [Fact]
    public void ALimitOfMemoryIsNamedWhereItMattersAndAKillLeads()
    {
        var metadata = Metadata with
        {
            DurationNs = Second,
            Pressure = new MemoryPressure("/docker/\u001babc", "memory.max", 64 << 20, 1234, 0, 412_000_000, 0, false),
        };
        Fault[] faults = [.. Grow(10, Fill, 90)];

        Assert.Contains(
            "The limit of cgroup /docker/\u001babc, memory.max 64.0 MiB, was met 1,234 times; its tasks waited for memory in 41 % of the time (PSI).",
            Sentences(metadata, faults));
        // Met, and nobody waited: page cache that is taken again.
        Assert.DoesNotContain(Met(metadata.Pressure with { SomeNs = 1000 }), sentence => sentence.Contains("limit", StringComparison.Ordinal));
        Assert.Contains(
            Met(new MemoryPressure(null, null, null, null, null, 412_000_000, 0, true)),
            sentence => sentence == "Tasks of the machine waited for memory in 41 % of the time (PSI).");
        var killed = metadata with
        {
            Pressure = metadata.Pressure with { OomKills = 1 },
            Receipt = metadata.Receipt with { ExitStatus = 137 },
        };
        Assert.Equal(
            "The kernel killed 1 process of cgroup /docker/\u001babc, memory.max 64.0 MiB, for lack of memory (OOM); the program ended by SIGKILL.",
            Sentences(killed, faults)[0]);

        IReadOnlyList<string> Met(MemoryPressure pressure) => Sentences(metadata with { Pressure = pressure }, faults);
    }

    [Fact]
    public void ForksLeadWithCopiesAndPagesMadeWritableAgain()
    {
        var metadata = Metadata with
        {
            Target = "command",
            DurationNs = Second,
            Processes =
            [
                new ProcessEntry { Pid = 10, Comm = "app", StartedNs = 0 },
                new ProcessEntry { Pid = 11, ParentPid = 10, Comm = "app", StartedNs = 100, ExitedNs = 900 },
            ],
        };
        Fault[] faults =
        [
            .. Grow(10, Fill, 90), .. Written(200, 20, pfnAfter: 0x900), .. Written(500, 10, pfnAfter: 0x60),
        ];

        var statements = Statements(metadata, faults);

        Assert.Equal(
            "75 % of the faults and 75 % of their time are the price of forks: 20 pages copied at the first write, 10 made writable again.",
            statements[0].Text);
        Assert.Equal("100 %, 30.0 µs in these faults: walk (app.c:20) < main (app.c:30)", statements.Single(statement => statement.Label == "who").Text);
        Assert.Equal("75 % the price of forks · 25 % first touches of new memory", statements.Single(statement => statement.Label == "why").Text);

        // A fork that nobody saw has shared the pages: what is not a copy may have another cause.
        Assert.Equal(
            "50 % of the faults and 50 % of their time are the price of forks: 20 pages copied at the first write.",
            Statements(metadata with { Target = "all", Processes = [metadata.Processes[0]] }, faults)[0].Text);

        // The frame before is 0x60: another one after is a copy.
        static IEnumerable<Fault> Written(long from, int count, long pfnAfter) => Enumerable.Range(0, count).Select(i => new Fault(Anon + (ulong)(i * Page))
        {
            TimeNs = from + i,
            Level = 0,
            Entry = (0x60L << 12) | 0x25, // present, user, accessed; not writable
            Pfn = pfnAfter,
            Order = 0,
            Stack = Walk,
        });
    }

    [Theory]
    [InlineData(0x0, FaultAccess.Read, 0, "walk (app.c:20) read address 0x0, where nothing is mapped (a null pointer)")]
    [InlineData(0x40, FaultAccess.Write, 0, "walk (app.c:20) wrote address 0x40, where nothing is mapped (a null pointer with an offset)")]
    [InlineData(0x40, FaultAccess.Exec, 0, "walk (app.c:20) executed code at address 0x40, where nothing is mapped (a null pointer with an offset)")]
    [InlineData(0x9999_0000, FaultAccess.Read, 0, "walk (app.c:20) read 0x99990000, where nothing is mapped")]
    [InlineData((long)ResidencyStories.File, FaultAccess.Write, 2, "walk (app.c:20) wrote to read-only memory (/lib/a.so, 0x500000000000)")]
    [InlineData((long)Anon, FaultAccess.Exec, 1, "it jumped to 0x700000000000 in [anon], which is no code")]
    [InlineData((long)Anon, FaultAccess.Read, 1, "walk (app.c:20) read 0x700000000000 in [anon] (rw-p), and the kernel refused it")]
    [InlineData(0x7ffd_0000_0ff0, FaultAccess.Write, 0, "stack overflow: walk (app.c:20), wrote below the main thread's stack, which had grown to 64.0 KiB")]
    public void ADeathIsExplainedFirst(long address, FaultAccess access, int region, string cause)
        => Assert.Equal([$"app (pid 10) died of SIGSEGV: {cause}."], Sentences(Dying(11), [Fatal((ulong)address, access, region)]));

    [Fact]
    public void AThreadOverflowsItsStackIntoTheGuardPageBelowIt()
    {
        var (pthread, create) = WithCall("pthread_create@@GLIBC_2.34");
        var stack = new Region { Id = 4, Pid = 10, Start = Anon + 0x800_1000, End = Anon + 0x802_1000, Prot = "rw-p", Name = "[anon]", BornNs = 0 };
        var guard = stack with { Id = 5, Start = Anon + 0x800_0000, Prot = "---p", MapperStack = create };
        var metadata = Dying(11) with { Stacks = pthread, Regions = [.. Dying(11).Regions, stack, guard] };
        // walk calls itself.
        var fault = Fatal(Anon + 0x800_0ff8, FaultAccess.Write, 5) with { Stack = 4 };

        Assert.Equal(
            ["app (pid 10) died of SIGSEGV: stack overflow: walk (app.c:20), 2 calls deep, wrote into the guard page below the 128.0 KiB stack of its thread."],
            Sentences(metadata, [fault]));
        // What is below memory of another kind need not be a stack's guard.
        Assert.StartsWith(
            "app (pid 10) died of SIGSEGV: stack overflow, most likely: ",
            Sentences(metadata with { Regions = [.. Dying(11).Regions, stack, guard with { MapperStack = Reserve }] }, [fault])[0],
            StringComparison.Ordinal);
    }

    /// <summary>The innermost that is known decides: a thread's stack is not malloc's, though the Java virtual machine started the thread.</summary>
    [Theory]
    [InlineData("thread stacks", "mmap@libc.so.6", "__pthread_create_2_1@libc.so.6", "os::create_thread@libjvm.so")]
    [InlineData("malloc's mappings", "mmap@libc.so.6", "__libc_malloc@libc.so.6", "read_all@libjvm.so")]
    [InlineData("malloc's mappings", "mmap@libc.so.6", "pages_map@libjemalloc.so.2")]
    [InlineData("the Java virtual machine's memory", "mmap@libc.so.6", "?@libjvm.so", "JavaMain@libjli.so")]
    [InlineData("V8's memory", "mmap@libc.so.6", "v8::base::OS::Allocate(void*)@node")]
    [InlineData(".NET's memory", "mmap@libc.so.6", "?@libclrgc.so")]
    [InlineData("Go's memory", "runtime.mmap@service", "main.main@service")]
    [InlineData("thread stacks", "mmap@libc.so.6", "pthread_create@@GLIBC_2.34@libc.so.6")]
    [InlineData(null, "mmap@libc.so.6", "malloc_usable@app", "pthread_create_all@app")]
    public void AnonymousMemoryIsNamedByWhoReservedIt(string? expected, params string[] stack)
    {
        var modules = stack.Select(frame => frame[(frame.LastIndexOf('@') + 1)..]).ToList();
        var frames = stack.Select((frame, i) => new StackFrame
        {
            Kind = "user",
            Function = frame[0] == '?' ? null : frame[..frame.LastIndexOf('@')],
            Module = i,
            Address = 1,
        });

        Assert.Equal(expected, MemoryClasses.Of(frames, frame => $"/usr/lib/{modules[frame.Module ?? 0]}"));
    }

    [Fact]
    public void MappingsOfOneClassAreOnePlace()
    {
        var (table, malloc) = WithCall("malloc");
        Region[] regions =
        [
            new Region { Id = 1, Pid = 10, Start = Anon, End = Anon + 0x1000_0000, Prot = "rw-p", Name = "[anon]", MapperStack = malloc },
            new Region { Id = 2, Pid = 10, Start = 0x6000_0000_0000, End = 0x6000_1000_0000, Prot = "rw-p", Name = "[anon]", MapperStack = malloc },
            new Region { Id = 3, Pid = 10, Start = 0x6100_0000_0000, End = 0x6100_1000_0000, Prot = "rwxp", Name = "[anon]" },
        ];
        var screen = Screen(
            Metadata with { Stacks = table, Regions = regions },
            [
                .. Enumerable.Range(0, 6).Select(i => Touch(i, Anon + (ulong)(i * Page), Walk)),
                .. Enumerable.Range(0, 3).Select(i => Touch(i, 0x6000_0000_0000 + (ulong)(i * Page), Walk) with { Region = 2 }),
                Touch(9, 0x6100_0000_0000, Walk) with { Region = 3 },
            ]);

        Assert.Contains("where   90 % malloc's mappings, 10 % generated code; app (pid 10)", screen, StringComparison.Ordinal);
    }

    [Fact]
    public void UseAfterMunmapNamesWhoUnmapped()
    {
        var metadata = Dying(11) with { Releases = Releases(new Gone(400, "munmap", 0x6000_0000_0000, 4, Fill)) };
        var fault = Fatal(0x6000_0000_2000, FaultAccess.Read, 0);

        Assert.Equal(
            ["app (pid 10) died of SIGSEGV: walk (app.c:20) read 0x600000002000, which fill (app.c:12) had unmapped 500 ns before."],
            Sentences(metadata, [fault]));
        // Something else was mapped there since.
        var since = new Region { Id = 4, Pid = 10, Start = 0x6000_0000_0000, End = 0x6000_0001_0000, Prot = "-w-p", Name = "[anon]", BornNs = 500 };
        var mapped = metadata with { Regions = [.. metadata.Regions, since] };
        Assert.DoesNotContain("unmapped", Sentences(mapped, [fault with { Region = 4 }])[0], StringComparison.Ordinal);
    }

    [Fact]
    public void ABusErrorNamesThePageOfTheFile()
        => Assert.Equal(
            [
                "app (pid 10) died of SIGBUS: walk (app.c:20) touched page 10 of /lib/a.so, beyond its end, most likely "
                    + "(a page that cannot be read, or a full tmpfs, looks the same).",
            ],
            Sentences(Dying(7), [Fatal(ResidencyStories.File + 0xa000, FaultAccess.Read, 2) with { Signal = 7 }]));

    [Theory]
    [InlineData("page 10 of /lib/a.so, beyond its end: it had 40.0 KiB", 40L << 10, false)]
    [InlineData("page 10 of /lib/a.so, beyond its end: it had 0 B", 0L, false)]
    [InlineData("page 10 of /lib/a.so, which is not beyond its end: it could not be read, or its file system had no room", (40L << 10) + 1, false)]
    [InlineData("0x50000000a000 in /lib/a.so, whose memory has a hardware error", 64L << 10, true)]
    public void ABusErrorIsExplainedByTheSizeOfTheFileAndTheCodeOfTheSignal(string expected, long fileBytes, bool isPoisoned)
    {
        var dying = Dying(7);
        var process = dying.Processes[0] with { FatalFileBytes = fileBytes, IsPoisoned = isPoisoned };

        Assert.Equal(
            [$"app (pid 10) died of SIGBUS: walk (app.c:20) touched {expected}."],
            Sentences(dying with { Processes = [process] }, [Fatal(ResidencyStories.File + 0xa000, FaultAccess.Read, 2) with { Signal = 7 }]));
    }

    [Fact]
    public void ABusErrorOnATmpfsMayBeItsLimit()
    {
        var region = Regions[0] with { Id = 4, Prot = "rw-s", Name = "/dev/shm/frames", Path = "/dev/shm/frames" };
        var statements = Statements(
            Dying(7) with { Regions = [.. Regions[1..], region] }, [Fatal(Anon + 0xa000, FaultAccess.Write, 4) with { Signal = 7 }]);

        Assert.Equal(
            "app (pid 10) died of SIGBUS: walk (app.c:20) touched page 10 of /dev/shm/frames, which is beyond its end, or for which its tmpfs had no room.",
            statements[0].Text);
        // What a death says is the innermost line: who called it stands below.
        Assert.Equal("walk (app.c:20) < main (app.c:30)", statements.Single(statement => statement.Label == "who").Text);
    }

    [Fact]
    public void MemoryGivenBackAndTouchedAgainNamesTheSettingThatKeepsIt()
    {
        var (table, unmap) = WithCall("munmap_chunk");
        var metadata = Metadata with
        {
            Stacks = table,
            DurationNs = Second,
            Releases = Releases(new Gone(500_000_000, "munmap", Anon, 512, unmap)),
        };
        var touched = Grow(512, Fill, 400_000_000);

        Assert.Equal(
            "glibc's free gave it back: GLIBC_TUNABLES=glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=2097152 keeps it; "
            + "512 faults (512 µs) found memory that had been given back",
            Statements(metadata, [.. touched, .. touched.Select(fault => fault with { TimeNs = fault.TimeNs + 500_000_001 })])
                .Single(statement => statement.Label == "try").Text);
    }

    [Fact]
    public void MemoryThatIsTouchedAgainNamesWhoGaveItBack()
    {
        var metadata = Metadata with { DurationNs = Second, Releases = Releases(new Gone(500_000_000, "munmap", Anon, 512, Walk)) };
        var touched = Grow(512, Fill, 400_000_000, 100_000);
        Fault[] faults = [.. touched, .. touched.Select(fault => fault with { TimeNs = fault.TimeNs + 500_000_001 })];

        var sentences = Sentences(metadata, faults);

        Assert.StartsWith("Page faults took 102 ms of 1.00 s", sentences[0], StringComparison.Ordinal);
        Assert.Equal("50 % of the faults touched memory again that had been given back by munmap in walk (app.c:20).", sentences[1]);
        // Less than half of them, and of a time that changes nothing.
        Assert.DoesNotContain(Sentences(metadata, faults[..^1]), IsAboutChurn);
        Assert.DoesNotContain(Sentences(metadata with { DurationNs = 10 * Second }, faults), IsAboutChurn);

        static bool IsAboutChurn(string text) => text.Contains("given back", StringComparison.Ordinal);
    }

    /// <summary>What a handler of the signal did takes time that no fault has.</summary>
    [Fact]
    public void RefusedAccessesThatAProgramSurvivesLead()
    {
        var metadata = Metadata with { DurationNs = Second };
        Fault[] faults = [.. Grow(20, Fill, 1000), .. Refused(20)];

        Assert.Equal(
            ["50 % of the faults (20) were refused accesses that the program survived: each raised a signal, whose handling is not in the times here."],
            Sentences(metadata, faults));
        Assert.Equal(["Page faults took 39.0 µs of 1.00 s."], Sentences(metadata, faults[..^1]));

        static IEnumerable<Fault> Refused(int count)
            => Enumerable.Range(0, count).Select(i => new Fault(Anon + (ulong)(i * Page), 1, 1000, Signal: 11)
            {
                TimeNs = 2000 + i,
                Access = FaultAccess.Write,
                Stack = Walk,
            });
    }

    [Fact]
    public void MemoryOfMappedFilesIsNoMemoryOfTheProgramsOwn()
    {
        var file = Regions[0] with { Prot = "r--s", Name = "/data/index", Path = "/data/index" };
        var metadata = Metadata with { DurationNs = 10 * Second, Regions = [file, .. Regions[1..]], Releases = Releases() };

        Assert.Contains(
            "; 100 % of it were pages of shared mappings of files; all of it stayed to the end.",
            Sentences(metadata, Grow(20 * PagesPerMib, Fill))[0],
            StringComparison.Ordinal);
        // Of a private one they may be the program's own.
        Assert.DoesNotContain(
            "files", Sentences(metadata with { Regions = [file with { Prot = "r--p" }, .. Regions[1..]] }, Grow(20 * PagesPerMib, Fill))[0],
            StringComparison.Ordinal);
    }

    [Fact]
    public void WhatTheDynamicLinkerDoesForNobodyHasOneName()
    {
        var table = Metadata.Stacks! with
        {
            Modules = [.. Metadata.Stacks.Modules, Metadata.Stacks.Modules[0] with { Path = "/lib/ld-linux-x86-64.so.2" }],
            Frames =
            [
                .. Metadata.Stacks.Frames,
                new StackFrame { Kind = "user", Function = "dl_main", Module = Metadata.Stacks.Modules.Count, Address = 0x78 },
                new StackFrame { Kind = "user", Function = "relocate", Module = Metadata.Stacks.Modules.Count, Address = 0x79 },
            ],
            Parents = [.. Metadata.Stacks.Parents, -1, Metadata.Stacks.NodeFrames.Count],
            NodeFrames = [.. Metadata.Stacks.NodeFrames, Metadata.Stacks.Frames.Count, Metadata.Stacks.Frames.Count + 1],
        };

        var statements = Statements(Metadata with { DurationNs = Second, Stacks = table }, Grow(20, table.NodeFrames.Count - 1, 1000));

        Assert.Equal("100 %, 20.0 µs in faults: the dynamic linker, before main", statements.Single(statement => statement.Label == "who").Text);
    }

    [Fact]
    public void HugePagesAreProposedWhereNothingForbidsThem()
    {
        var region = Regions[0] with { End = Anon + 0x100_0000 };
        var metadata = Metadata with { DurationNs = Second, ThpMode = "madvise", Regions = [region], Releases = null };
        Assert.Equal("if all of that memory is wanted, huge pages: madvise(MADV_HUGEPAGE); about 8 faults instead of 4,096", Try(metadata));
        // Faults that take no time are not worth a change.
        Assert.Null(Try(metadata, durationNs: 1000));
        Assert.Contains("the machine forbids them", Try(metadata with { ThpMode = "never" }), StringComparison.Ordinal);
        Assert.Null(Try(metadata with { Advice = [new MemoryAdvice(10, Anon, Anon + 0x1000, "nohugepage", 0)] }));
        Assert.Null(Try(metadata with { Advice = [new MemoryAdvice(10, Anon, Anon + 0x1000, "mergeable", 0)] }));
        Assert.Null(Try(metadata with { Advice = [new MemoryAdvice(10, Anon, region.End, "hugepage", 0)] }));
        Assert.NotNull(Try(metadata with { Advice = [new MemoryAdvice(10, Anon, region.End, "hugepage", 0)], ThpMode = "never" }));
        // An execve ended what the program before it had asked for.
        Assert.NotNull(Try(metadata with { Advice = [new MemoryAdvice(10, 0, ulong.MaxValue, "nohugepage", 0)] }));
        Assert.Null(Try(metadata with { ThpMode = null }));
        // Memory that grows until the end may be a leak.
        Assert.Null(Try(metadata, overNs: Second));

        static string? Try(TraceMetadata changed, long durationNs = 100_000, long overNs = Second / 4)
            => Statements(changed, Grow(4096, Fill, overNs, durationNs)).SingleOrDefault(statement => statement.Label == "try")?.Text;
    }

    /// <summary>Whatever is in the trace, the screen stays a screen, and the terminal is safe.</summary>
    [Theory]
    [InlineData(60)]
    [InlineData(80)]
    [InlineData(160)]
    public void AScreenHasAtMostFourteenLinesOfTheTerminalsWidth(int width)
    {
        var evil = "\u001b[2J\u202e" + new string('n', 5000);
        var metadata = Metadata with
        {
            DurationNs = 10 * Second,
            Command = [evil, evil],
            Regions = [.. Regions.Select(region => region with { Name = evil, Path = evil })],
            Processes = [new ProcessEntry { Pid = 10, Comm = evil }],
            Stacks = Metadata.Stacks! with { Frames = [.. Metadata.Stacks.Frames.Select(frame => frame with { Function = evil, File = evil })] },
        };

        var screen = Screen(metadata, Grow(20 * PagesPerMib, Memset), width);

        var lines = screen.TrimEnd('\n').Split('\n');
        Assert.InRange(lines.Length, 5, FirstScreen.MostLines);
        Assert.All(lines, line => Assert.InRange(Columns.Width(line), 1, width));
        Assert.DoesNotContain('\u001b', screen);
        Assert.DoesNotContain('\u202e', screen);
    }

    [Fact]
    public void WhatIsNoLineOfCodeIsNotTakenForAnother()
    {
        var shares = new CodeShares(new ChargedCode(Metadata));
        shares.Add(new CodeName(int.MinValue, "[khugepaged]", null), -1, 3);
        shares.Add(new CodeName(7, "[0x7f0012340000]", null), Fill, 5);
        shares.Add(new CodeName(8, "[0x7f0012350000]", null), Fill, 2);
        shares.Add(new CodeName(-1, "[no stack]", null), -1, 1);

        Assert.Equal(
            [("generated code without names", 7L), ("[khugepaged]", 3), ("[no stack]", 1)],
            shares.Largest(4, 0).Select(share => (share.Code, share.Weight)));
    }

    [Fact]
    public void EveryKindIsInOneFamily()
        => Assert.Equal(Enum.GetValues<FaultKind>().Order(), KindFamily.All.SelectMany(family => family.Kinds).Order());

    [Fact]
    public void ATraceWithoutFaultsSaysSo()
        => Assert.Equal(["The trace holds no faults."], Sentences(Metadata, []));

    [Fact]
    public void AFilterIsNamedAndKeepsMemoryOut()
    {
        var screen = Screen(Metadata with { DurationNs = 10 * Second }, Grow(20 * PagesPerMib, Memset), 80, new FaultFilter { FromNs = 5 * Second });

        Assert.Contains("\nfilter: ", screen, StringComparison.Ordinal);
        Assert.DoesNotContain("Memory", screen, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("stayed at about 100 MiB", 95, 100, 98, 97, 99, 96)]
    [InlineData("grew from 5.0 MiB to 100 MiB in a straight line (9.5 MiB a second)", 5, 15, 24, 34, 43, 53, 62, 72, 81, 91, 100)]
    [InlineData("grew from 5.0 MiB to 100 MiB", 5, 5, 5, 6, 5, 50, 60, 60, 65, 95, 100)]
    [InlineData("reached 100 MiB within the first 2.00 s and stayed there", 40, 100, 95, 97, 100, 98, 96, 97, 96, 95, 95, 95)]
    [InlineData("rose to 100 MiB at 4.00 s and fell to 10.0 MiB", 10, 40, 70, 100, 60, 20, 10)]
    [InlineData("rose and fell at least 3 times, up to 100 MiB", 10, 100, 20, 90, 30, 95, 40, 80)]
    public void TheShapeOfMemoryHasAName(string expected, params int[] mib)
        => Assert.Equal(expected, MemoryShape.Describe([.. mib.Select(value => (long)value << 20)], Second, 100L << 20, 4 * Second, "100 MiB"));

    private static Fault[] Grow(int pages, int stack, long overNs = 10 * Second, long durationNs = 1000)
        => [.. Enumerable.Range(0, pages).Select(i => Touch(i * (overNs / pages), Anon + (ulong)(i * Page), stack) with { DurationNs = durationNs })];

    /// <summary>The stacks, and one more of that function of the C library, called by main: its number.</summary>
    private static (StackTable Table, int Stack) WithCall(string function)
    {
        var table = Metadata.Stacks!;
        return (table with
        {
            Frames = [.. table.Frames, new StackFrame { Kind = "user", Function = function, Module = 1, Address = 0x78 }],
            Parents = [.. table.Parents, 0],
            NodeFrames = [.. table.NodeFrames, table.Frames.Count],
        }, table.NodeFrames.Count);
    }

    private static TraceMetadata Dying(int signal) => Metadata with
    {
        Regions = [.. Regions, new Region { Id = 3, Pid = 10, Start = 0x7ffd_0000_1000, End = 0x7ffd_0001_1000, Prot = "rw-p", Name = "[stack]", BornNs = 0 }],
        Processes = [new ProcessEntry { Pid = 10, Comm = "app", ExitSignal = signal, ExitedNs = 950, FatalFaultNs = 900 }],
    };

    private static Fault Fatal(ulong address, FaultAccess access, int region)
        => new(address, region, 1000, Signal: 11) { TimeNs = 900, Access = access, Stack = Walk };

    private static string[] Sentences(TraceMetadata metadata, Fault[] faults)
        => [.. Statements(metadata, faults).Where(statement => statement.Tone != Tone.Plain).Select(statement => statement.Text)];

    private static IReadOnlyList<Statement> Statements(TraceMetadata metadata, Fault[] faults) => FirstScreen.Of(Report(metadata, faults, FaultFilter.None));

    private static string Screen(TraceMetadata metadata, Fault[] faults, int width = ScreenReport.PipeWidth, FaultFilter? filter = null)
    {
        using var text = new StringWriter { NewLine = "\n" };
        ScreenReport.Write(text, Report(metadata, faults, filter ?? FaultFilter.None), width, new TextStyle(false));
        return text.ToString();
    }

    private static FaultReport Report(TraceMetadata metadata, Fault[] faults, FaultFilter filter)
    {
        using var file = new TemporaryTrace(metadata, faults, 1024);
        using var reader = TraceReader.Open(file.Path);
        return ReportBuilder.Build(reader, filter, FirstScreen.Tables, FirstScreen.Measures) with { Path = "trace.parquet" };
    }
}
