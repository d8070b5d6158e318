using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;
using Parquet;
using Parquet.Schema;
using Process = System.Diagnostics.Process;

namespace Faultrec.Fuzz.Inputs;

/// <summary>Small whole files that mutations begin with.</summary>
internal static class Originals
{
    public const string Plan = """
        {"faultrec_prefault_plan":1,"recorded_until":"2026-01-02T03:04:05Z","files":2,"ranges":3}
        {"path":"/usr/bin/true","inode":17}
        {"path":"/lib/x86_64-linux-gnu/libc.so.6","inode":18}
        {"file":0,"offset":0,"length":4096}
        {"file":1,"offset":8192,"length":65536}
        {"file":1,"offset":131072,"length":4096}
        """;

    public const string PerfScript = """
        # ========
        # captured on    : Thu Nov  5 01:34:26 2026
        # hostname : box
        # os release : 6.18.44
        # arch : x86_64
        # cmdline : /usr/bin/perf record -e minor-faults,major-faults -c 1 -d ./app
        # ========
        #
             app     0/0     [000]     0.000000000: PERF_RECORD_MMAP2 5/5: [0x400000(0x1000) @ 0 00:00 0 0]: r-xp before
             app     5/5     [001]     2.000000000: PERF_RECORD_COMM exec: app:5/5
             app     5/5     [001]     2.000000001: PERF_RECORD_MMAP2 5/5: [0x7fff2b1f3000(0x21000) @ 0x7ffffffde000 00:00 0 0]: rw-p [stack]
             app     5/5     [001]     2.000000002: PERF_RECORD_MMAP2 5/5: [0x1000(0x4000) @ 0x2000 fe:00 247444 0]: r--p /bin/my app
             app     5/5     [001]     2.000000003: PERF_RECORD_MMAP2 5/5: [0x8000(0x2000) @ 0 <da39a3ee5e6b4b0d3255bfef95601890afd80709>]: r-xp /lib/x.so
             app     5/5     [001]     2.000001000: minor-faults:     3008     4000
             app     5/5     [001]     2.000001001: major-faults:     9000     4000
             app     5/5     [001]     2.000001004: PERF_RECORD_FORK(6:6):(5:5)
             app     6/6     [001]     2.000001005: minor-faults:    11000 ffffffff821e8fc0
            perf    99/99    [001]    11.500000500: minor-faults:u:     10     4000 main+0x10 (/bin/app)
            perf    99/99    [001]    11.500000501: PERF_RECORD_LOST lost 12
             app     5/5     [001]    12.000001004: PERF_RECORD_EXIT(6:6):(5:5)

        """;

    public const string Budgets = """
        # what our start-up may cost
        --max-faults 3e5
        max-major=0

        max-fault-time	200ms
        min-huge-share 0.5
        --region [heap]:max-faults=1000
        region /lib/x.so:max-pages=7
        max-rss 1.5GiB
        code f (a.c:1):max-growth=9MiB
        """;

    public static string RecordedTraces => Path.Combine(Root, "fixtures/traces");

    private static string Root { get; } = FindRoot();

    /// <summary>A program as the compiler made it, with compressed debug information, and without any; and one without symbols.</summary>
    public static IReadOnlyList<byte[]> Elf(string program, string folder)
    {
        byte[] Changed(string option)
        {
            var path = Path.Combine(folder, "changed");
            using var objcopy = Process.Start("objcopy", [option, program, path]);
            objcopy.WaitForExit();
            return objcopy.ExitCode == 0
                ? File.ReadAllBytes(path)
                : throw new InvalidOperationException($"objcopy {option} {program} fails with {objcopy.ExitCode}");
        }

        return [File.ReadAllBytes(program), Changed("--compress-debug-sections=zlib"), Changed("--strip-debug"), File.ReadAllBytes("/bin/true")];
    }

    /// <summary>A frame at each address of a file that has this build id.</summary>
    public static StackTable WithoutNames(string buildId, IReadOnlyList<ulong> addresses) => new(
        [new StackModule("/no/such/program", buildId)],
        [.. addresses.Select(address => new StackFrame { Kind = "user", Module = 0, Address = address })],
        [.. addresses.Select((_, i) => i - 1)],
        [.. addresses.Select((_, i) => i)]);

    /// <summary>Every key of the metadata, stacks among them, and every column.</summary>
    public static byte[] RichTrace(StackTable? stacks = null)
    {
        const int rows = 200;
        var batch = new FaultBatch(rows) { Count = rows };
        for (var i = 0; i < rows; i++)
        {
            (batch.TimeNs[i], batch.DurationNs[i], batch.Pid[i], batch.Tid[i], batch.Cpu[i]) = (i * 1000, 500 + i, 10, 10 + i % 3, i % 2);
            (batch.Comm[i], batch.Address[i], batch.Ip[i], batch.Major[i]) = (i % 5 == 0 ? "pool" : "app", 0x7f00_0000_0000 + i / 2 * 4096L, 0x40_1000,
                i % 50 == 0);
            (batch.Access[i], batch.ErrorCode[i], batch.PtLevel[i], batch.PteBefore[i], batch.Pfn[i], batch.PageOrder[i]) = (FaultAccess.Write, 6,
                (sbyte)(i % 4), i % 7 * 0x1000, 0x5000 + i, (sbyte)(i % 9 == 0 ? 9 : 0));
            (batch.RegionId[i], batch.Region[i], batch.FilePage[i], batch.Stack[i], batch.StackId[i]) = (1 + i % 2, i % 2 == 0 ? "[heap]" : "/lib/x.so",
                i % 2 == 0 ? FaultBatch.Null : i, "main;work", i % 3);
            (batch.Handler[i], batch.VmfAddress[i], batch.VmfPgoff[i], batch.Weight[i]) = ("do_anonymous_page", batch.Address[i], i, 1 + i % 2);
            (batch.ReclaimNs[i], batch.LockWaitNs[i], batch.SlabFast[i], batch.BuddyPages[i]) = (i, i % 3, i % 4, i % 2);
        }

        using var file = new MemoryStream();
        using var writer = new TraceWriter(file);
        writer.WriteRowGroup(batch);
        writer.WriteRowGroup(batch);
        writer.Complete(stacks is null ? RichMetadata(2 * rows) : RichMetadata(2 * rows) with { Stacks = stacks });
        return file.ToArray();
    }

    /// <summary>memory_fault.parquet; the files beside it are written to <paramref name="folder"/>.</summary>
    public static byte[] Systing(string folder)
    {
        var (upid, pid, utid, tid, name) = (new DataField<long>("upid"), new DataField<int>("pid"), new DataField<long>("utid"), new DataField<int>("tid"),
            new DataField<string>("name"));
        File.WriteAllBytes(Path.Combine(folder, "process.parquet"),
            Write([(upid, new long[] { 100 }), (pid, new[] { 10 }), (name, new ReadOnlyMemory<char>[] { "app".AsMemory() })]));
        var upidOfThread = new DataField<long>("upid");
        File.WriteAllBytes(Path.Combine(folder, "thread.parquet"),
            Write([(utid, new long[] { 1 }), (tid, new[] { 10 }), (new DataField<string>("name"), new ReadOnlyMemory<char>[] { "app".AsMemory() }),
            (upidOfThread, new long[] { 100 })]));
        long[] times = [.. Enumerable.Range(0, 300).Select(i => i * 1000L)];
        return Write(
        [
            (new DataField<long>("ts"), times), (new DataField<long>("utid"), times.Select(_ => 1L).ToArray()),
            (new DataField<long>("addr"), times.Select(time => time * 4096).ToArray()),
            (new DataField<int>("error_code"), times.Select(time => (int)(time % 32)).ToArray()),
        ]);
    }

    private static byte[] Write((DataField Field, Array Values)[] columns)
    {
        using var file = new MemoryStream();
        var writer = ParquetWriter.CreateAsync(new ParquetSchema(columns.Select(column => (Field)column.Field)), file).GetAwaiter().GetResult();
        writer.CustomMetadata = new Dictionary<string, string> { ["made by"] = "\"a test\"" };
        using (var group = writer.CreateRowGroup())
        {
            foreach (var (field, values) in columns)
            {
                var present = new int[values.Length];
                present.AsSpan().Fill(1);
                var levels = field.IsNullable ? present.AsMemory() : (ReadOnlyMemory<int>?)null;
                var written = values switch
                {
                    long[] longs => group.WriteAllPartsAsync<long>(field, longs, levels, null, CancellationToken.None),
                    int[] ints => group.WriteAllPartsAsync<int>(field, ints, levels, null, CancellationToken.None),
                    _ => group.WriteAllPartsAsync<ReadOnlyMemory<char>>(field, (ReadOnlyMemory<char>[])values, levels, null, CancellationToken.None),
                };
                written.GetAwaiter().GetResult();
            }
        }

        var disposed = writer.DisposeAsync();
        disposed.GetAwaiter().GetResult();
        return file.ToArray();
    }

    private static TraceMetadata RichMetadata(long events) => new()
    {
        ToolVersion = "0.1.0",
        Command = ["app", "--work"],
        Target = "command",
        Host = "host",
        Kernel = "6.18.0",
        Arch = "x86_64",
        StartedAt = DateTimeOffset.UnixEpoch.AddYears(55),
        DurationNs = 300_000,
        Backend = Backend.Fexit,
        Ladder = [new LadderStep("fexit", null)],
        FaultFlagNames = new Dictionary<string, long> { ["FAULT_FLAG_WRITE"] = 1 },
        FaultResultNames = new Dictionary<string, long> { ["VM_FAULT_MAJOR"] = 4 },
        Regions =
        [
            new Region { Id = 1, Pid = 10, Start = 0x7f00_0000_0000, End = 0x7f00_0010_0000, Prot = "rw-p", Name = "[heap]", BornNs = 5, MapperStack = 1 },
            new Region { Id = 2, Pid = 10, Start = 0x7f00_1000_0000, End = 0x7f00_1100_0000, Prot = "r-xp", Name = "/lib/x.so", Path = "/lib/x.so", Inode = 5,
                Device = "fe:00", DiedNs = 100_000 },
        ],
        Processes = [new ProcessEntry { Pid = 10, ParentPid = 1, Comm = "app", StartedNs = 0, ExitedNs = 300_000 }],
        Threads = [new ThreadEntry { Pid = 10, Tid = 10, Comm = "app" }, new ThreadEntry { Pid = 10, Tid = 11, Comm = "pool", StartedNs = 7 },
            new ThreadEntry { Pid = 10, Tid = 12, Comm = "app" }],
        Receipt = new Receipt
        {
            Events = events,
            Lost = 3,
            LostByCpu = [new CpuLoss(0, 3)],
            LostBySecond = [new SecondLoss(0, 3)],
            KernelMinor = events,
            KernelMajor = 2,
            PerfMinor = events,
            PerfMajor = 2,
            ExitStatus = 0
        },
        Sampling = new Sampling(2, 1000, true),
        Handlers = [new HandlerProbe("do_anonymous_page", null)],
        PageTable = new PageTableRecording(true, null, 4, "kallsyms", 77),
        ThpMode = "madvise",
        FolioSizes = [new FolioSize(64, "always", "never"), new FolioSize(2048, "inherit", "inherit")],
        SwapTypes = new Dictionary<string, string> { ["28"] = "migration" },
        Advice = [new MemoryAdvice(10, 0x7f00_0000_0000, 0x7f00_0010_0000, "hugepage", 17),
            new MemoryAdvice(10, 0x7f00_0000_0000, 0x7f00_0010_0000, "userfaultfd_wp", 18)],
        NumaNodes = [new NumaRange(0, 0, 0x5080), new NumaRange(1, 0x5080, 0x9000)],
        NumaCpus = [new NumaCpus(0, 0, 1), new NumaCpus(1, 1, 2)],
        TlbFlushes = [new TlbFlushes(10, "TLB_REMOTE_SHOOTDOWN", 3, 4, 5)],
        Causes = [new CauseProbe("reclaim", null), new CauseProbe("lock_wait", null)],
        LockWaits = [new LockWait(10, 11, 10, 10, 14, 150, 16)],
        Slab = new SlabRecording([new CauseProbe("fast", null)], [new SlabCount(10, "vm_area_struct", "fast", 18)], [new BuddyCount(10, 9, 19)]),
        StackRecording = new StackRecording(null, 21, 22, 23, ["/bin/x: not an ELF file"]),
        Stacks = new StackTable(
            [new StackModule("/bin/app", "abcd")],
            [new StackFrame { Kind = "user", Function = "main", File = "app.c", Line = 3, Module = 0, Address = 0x401000 },
                new StackFrame { Kind = "user", Function = "work", Module = 0, Address = 0x402000, Inlined = true },
                new StackFrame { Kind = "python", Function = "f", File = "f.py", Line = 9 }],
            [-1, 0, 1],
            [0, 1, 2]),
    };

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Toolkit.sln")))
            folder = folder.Parent!;
        return folder.FullName;
    }
}
