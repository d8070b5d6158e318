using System.Text.Json;
using System.Text.Json.Nodes;
using Faultrec.Traces;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Trace.Tests;

public sealed class MetadataTests
{
    /// <summary>Every property away from its default, with text that would do harm in a terminal or a JSON string.</summary>
    private static readonly TraceMetadata Full = new()
    {
        ToolVersion = "1.2.3",
        Command = ["python3", "-c", "print(\"\e[31m\n\")", "größe", ""],
        Target = "pid 1234",
        Host = "host.example",
        Kernel = "6.12.0-rc1",
        Arch = "x86_64",
        PageSize = 16384,
        Clock = "CLOCK_BOOTTIME",
        ClockStartNs = long.MaxValue,
        StartedAt = new DateTimeOffset(2025, 3, 1, 14, 0, 0, TimeSpan.FromHours(2)).AddTicks(1234567),
        DurationNs = 987_654_321,
        Backend = Backend.Tracepoint,
        Ladder = [new LadderStep("fexit", "EPERM"), new LadderStep("tracepoint", null)],
        FaultFlagNames = new Dictionary<string, long> { ["FAULT_FLAG_WRITE"] = 1, ["FAULT_FLAG_MKWRITE"] = 2 },
        FaultResultNames = new Dictionary<string, long> { ["VM_FAULT_MAJOR"] = 4 },
        Regions =
        [
            new Region
            {
                Id = 1,
                Pid = 10,
                Start = 0x7f00_0000_1000,
                End = 0xffff_ffff_ffff_f000,
                Prot = "r-xp",
                Flags = 0x8000_0002,
                Name = "/lib/libc.so.6",
                Path = "/lib/libc.so.6",
                Inode = ulong.MaxValue,
                Device = "fe:01",
                FileOffset = 0x28000,
                BuildId = "abcdef",
                BornNs = 5,
                DiedNs = 6,
                MapperStack = 1,
                Lives = 3,
            },
            new Region { Id = 2, Pid = 10, Start = 0, End = 4096, Prot = "rw-p", Name = "[heap]" },
        ],
        Processes = [new ProcessEntry { Pid = 10, ParentPid = 1, Comm = "python3", StartedNs = 0, ExitedNs = 9 },
            new ProcessEntry { Pid = 11, SharesMemory = true, Comm = "a\e[2J" }],
        Threads = [new ThreadEntry { Pid = 10, Tid = 12, Comm = "worker", StartedNs = 1, ExitedNs = 8 }],
        Receipt = new Receipt
        {
            Events = 100,
            Lost = 3,
            LostByCpu = [new CpuLoss(0, 1), new CpuLoss(1, 2)],
            LostBySecond = [new SecondLoss(7, 3)],
            LostSideband = 4,
            WithoutEntry = 5,
            WithoutOutcome = 6,
            WithoutRegion = 7,
            RegionsFolded = 8,
            RegionsOmitted = 9,
            PerfMinor = 10,
            PerfMajor = 11,
            KernelMinor = 12,
            KernelMajor = 13,
            KernelExec = 14,
            Failed = 21,
            InCalls = 22,
            InCallsMajor = 23,
            Unseen = 24,
            Unfollowed = 25,
            EndReason = "interrupted",
            ExitStatus = 130,
            SpoolBytesDropped = 15,
            Complete = true,
            SampledOut = 16,
            SampledOutMajor = 17,
            Excluded = 18,
            Missed = 19,
            CountsLost = 20,
            MarksDropped = 26,
            MarksMoved = 27,
        },
        Sampling = new Sampling(16, 200_000, true),
        ExcludeKernel = true,
        Handlers = [new HandlerProbe("do_swap_page", null), new HandlerProbe("do_anonymous_page", "inlined")],
        PageTable = new PageTableRecording(true, "because", 5, "kallsyms", 1234),
        ThpMode = "madvise",
        SwapAreas = [new SwapArea("/dev/zram0", 4096)],
        Pressure = new MemoryPressure("/app", "memory.max", 1 << 26, 12, 1, 5_000_000, 4_000_000, true),
        FolioSizes = [new FolioSize(8, null, "never"), new FolioSize(64, "always", null)],
        SwapTypes = new Dictionary<string, string> { ["28"] = "migration" },
        Advice = [new MemoryAdvice(10, 0x7f00_0000_0000, 0xffff_ffff_ffff_f000, "hugepage", 17)],
        NumaNodes = [new NumaRange(1, 0x100, 0x200)],
        NumaCpus = [new NumaCpus(1, 4, 8)],
        TlbFlushes = [new TlbFlushes(10, "TLB_REMOTE_SHOOTDOWN", 3, 4, 5)],
        TlbRefusal = "no tracepoint",
        Causes = [new CauseProbe("reclaim", null), new CauseProbe("zeroing", "EPERM")],
        LockWaits = [new LockWait(10, 11, 12, 13, 14, 15, 16)],
        Slab = new SlabRecording([new CauseProbe("fast", null)], [new SlabCount(10, "vm_area_struct", "fast", 18)], [new BuddyCount(10, 9, 19)]),
        StackRecording = new StackRecording("because", 21, 22, 23, ["/bin/x: not an ELF file"]),
        Stacks = new StackTable(
            [new StackModule("/bin/x", "abcd")],
            [
                new StackFrame { Kind = "user", Function = "main", File = "x.c", Line = 3, Module = 0, Address = 0xffff_ffff_ffff_f000, Inlined = true },
                new StackFrame { Kind = "jit" },
            ],
            [-1, 0],
            [0, 1]),
        CallFaults =
        [
            new CallFaults(10, 12, "mmap", 9, 1, 131_072, 2, 0x7f00_0000_0000, 0xffff_ffff_ffff_f000, 1, 30, 30, true),
            new CallFaults(0, 0, null, -1, 17, 18, 0, null, null, null, 31, 32, false),
        ],
        Memory =
        [
            new ProcessMemory(10, [1, 2], [4096, 8192], [0, 4096], [0, 0], [0, 1], 12_288, true) { RefusesHugePages = true },
            new ProcessMemory(11, [], [], [], [], [], null, false),
        ],
        Releases = new ReleaseTable(["munmap", "mremap"], [7, 0], [10, 10], [0, 1], [0x7f0000000, 3], [2, 1], [-1, 5], [1, -1], 6, 9),
        ResidentBefore = new ResidentRuns([10], [0x7f0000000], [16], 3),
        Marks = [new Mark(5, "warm-up \e[31m", MarkSource.Mark, null), new Mark(6, "listen", MarkSource.Listen, 10)],
    };

    [Fact]
    public void EveryPropertyComesBack()
    {
        using var file = new TempFile(SampleTrace.Write([], Full));
        using var reader = TraceReader.Open(file.Path);
        Assert.Equivalent(Full, reader.Metadata, strict: true);
        Assert.Equal(TimeSpan.Zero, reader.Metadata.StartedAt.Offset);
    }

    [Theory]
    [InlineData(1, 0)] // a parent that comes later
    [InlineData(0, 0)] // its own parent
    [InlineData(-2, 0)]
    [InlineData(-1, 2)] // no such frame
    public void StacksThatLeadNowhereAreRefused(int parent, int frame)
    {
        var stacks = new StackTable([], [new StackFrame { Kind = "user" }], [parent], [frame]);
        using var file = new TempFile(SampleTrace.Write([], SampleTrace.Metadata() with { Stacks = stacks }));

        var error = Assert.Throws<FaultrecException>(() => TraceReader.Open(file.Path));

        Assert.Contains("faultrec.stacks", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"pid\":[10]", "\"pid\":[]")]
    [InlineData("\"call\":[0]", "\"call\":[1]")]
    [InlineData("\"first_page\":[5]", "\"first_page\":[-5]")]
    [InlineData("\"pages\":[2]", "\"pages\":[9223372036854775807]")]
    [InlineData("\"time_ns\":[7]", "\"time_ns\":[9223372036854775807]")]
    [InlineData("\"stack\":[1]", "\"stack\":[-2]")]
    [InlineData("\"calls\":[\"munmap\"]", "\"calls\":[null]")]
    public void ReleasesThatCannotBeAreRefused(string part, string damaged)
    {
        const string json = """{"calls":["munmap"],"time_ns":[7],"pid":[10],"call":[0],"first_page":[5],"pages":[2],"to_page":[-1],"stack":[1],"omitted":0,"omitted_pages":0}""";
        Assert.Contains(part, json, StringComparison.Ordinal);
        var table = System.Text.Json.JsonSerializer.Deserialize(json.Replace(part, damaged, StringComparison.Ordinal), MetadataContext.Default.ReleaseTable)!;
        using var file = new TempFile(SampleTrace.Write([], SampleTrace.Metadata() with { Releases = table }));

        var error = Assert.Throws<FaultrecException>(() => TraceReader.Open(file.Path));

        Assert.Contains("faultrec.releases", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2, 1, 0)]
    [InlineData(1, 1, -1)]
    [InlineData(1, 2, 0)]
    public void MemoryThatCannotBeIsRefused(int samples, int counters, long bytes)
    {
        var memory = new ProcessMemory(
            10, new long[samples], [.. Enumerable.Repeat(bytes, counters)], new long[counters], new long[counters], new long[counters], null, false);
        using var file = new TempFile(SampleTrace.Write([], SampleTrace.Metadata() with { Memory = [memory] }));

        var error = Assert.Throws<FaultrecException>(() => TraceReader.Open(file.Path));

        Assert.Contains("faultrec.memory", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void DefaultsComeBack()
    {
        var metadata = SampleTrace.Metadata();
        using var file = new TempFile(SampleTrace.Write([], metadata));
        using var reader = TraceReader.Open(file.Path);
        Assert.Equivalent(metadata, reader.Metadata, strict: true);
    }

    [Fact]
    public void DuckDbReadsTheKeysAsJson()
    {
        using var file = new TempFile(SampleTrace.Write([], Full));

        var values = DuckDb.KeyValues(file.Path);

        Assert.Equal(
            [
                "faultrec.schema_version", "faultrec.tool_version", "faultrec.command", "faultrec.target", "faultrec.host",
                "faultrec.kernel", "faultrec.arch", "faultrec.page_size", "faultrec.clock", "faultrec.clock_start_ns",
                "faultrec.started_at", "faultrec.duration_ns", "faultrec.backend", "faultrec.ladder", "faultrec.fault_flag_names",
                "faultrec.fault_result_names", "faultrec.regions", "faultrec.processes", "faultrec.threads", "faultrec.receipt",
                "faultrec.sampling", "faultrec.exclude_kernel", "faultrec.handlers", "faultrec.frames", "faultrec.thp_mode", "faultrec.folio_sizes",
                "faultrec.swap_types", "faultrec.swap_areas", "faultrec.pressure",
                "faultrec.advice", "faultrec.numa_nodes", "faultrec.numa_cpus", "faultrec.tlb_flushes",
                "faultrec.tlb_refusal", "faultrec.causes",
                "faultrec.lock_waits", "faultrec.slab", "faultrec.stack_recording", "faultrec.stacks", "faultrec.call_faults",
                "faultrec.memory", "faultrec.releases", "faultrec.resident_before", "faultrec.marks", "faultrec.checksums",
            ],
            values.Keys);
        AssertJson("1", "schema_version");
        AssertJson("\"2025-03-01T12:00:00.1234567Z\"", "started_at");
        AssertJson("9223372036854775807", "clock_start_ns");
        AssertJson("""["python3","-c","print(\"\u001b[31m\n\")","größe",""]""", "command");
        AssertJson("""[{"backend":"fexit","reason":"EPERM"},{"backend":"tracepoint"}]""", "ladder");
        AssertJson("""{"FAULT_FLAG_WRITE":1,"FAULT_FLAG_MKWRITE":2}""", "fault_flag_names");
        AssertJson(
            """
            [{"id":1,"pid":10,"start":"0x7f0000001000","end":"0xfffffffffffff000","prot":"r-xp","flags":2147483650,
              "name":"/lib/libc.so.6","path":"/lib/libc.so.6","inode":18446744073709551615,"device":"fe:01","file_offset":163840,
              "build_id":"abcdef","born_ns":5,"died_ns":6,"mapper_stack":1,"lives":3},
             {"id":2,"pid":10,"start":"0x0","end":"0x1000","prot":"rw-p","flags":0,"name":"[heap]","inode":0,"file_offset":0,"lives":1}]
            """,
            "regions");
        AssertJson(
            """[{"pid":10,"parent_pid":1,"comm":"python3","started_ns":0,"exited_ns":9},{"pid":11,"shares_memory":true,"comm":"a\u001b[2J"}]""",
            "processes");
        AssertJson("""[{"pid":10,"tid":12,"comm":"worker","started_ns":1,"exited_ns":8}]""", "threads");
        AssertJson(
            """
            [{"pid":10,"tid":12,"call":"mmap","number":9,"calls":1,"minor":131072,"major":2,"start":"0x7f0000000000","end":"0xfffffffffffff000","stack":1,"time_ns":30,"last_ns":30,"goes_on":true},
             {"pid":0,"tid":0,"number":-1,"calls":17,"minor":18,"major":0,"time_ns":31,"last_ns":32,"goes_on":false}]
            """,
            "call_faults");
        AssertJson(
            """
            [{"pid":10,"time_ns":[1,2],"anon_bytes":[4096,8192],"file_bytes":[0,4096],"shmem_bytes":[0,0],"swap_bytes":[0,1],"peak_bytes":12288,"has_exit":true,"refuses_huge_pages":true},
             {"pid":11,"time_ns":[],"anon_bytes":[],"file_bytes":[],"shmem_bytes":[],"swap_bytes":[],"has_exit":false}]
            """,
            "memory");
        AssertJson(
            """
            {"calls":["munmap","mremap"],"time_ns":[7,0],"pid":[10,10],"call":[0,1],"first_page":[34091302912,3],"pages":[2,1],"to_page":[-1,5],
             "stack":[1,-1],"omitted":6,"omitted_pages":9}
            """,
            "releases");
        AssertJson("""{"pid":[10],"first_page":[34091302912],"pages":[16],"omitted_pages":3}""", "resident_before");
        AssertJson(
            """[{"time_ns":5,"name":"warm-up \u001b[31m","source":"mark"},{"time_ns":6,"name":"listen","source":"listen","pid":10}]""", "marks");
        AssertMembers(
            """
            {"events":100,"failed":21,"lost":3,"lost_by_cpu":[{"cpu":0,"lost":1},{"cpu":1,"lost":2}],"lost_by_second":[{"second":7,"lost":3}],
             "missed":19,"sampled_out":16,"sampled_out_major":17,"excluded":18,"counts_lost":20,"lost_sideband":4,"without_entry":5,"without_outcome":6,"unfollowed":25,"without_region":7,"regions_folded":8,"regions_omitted":9,
             "perf_minor":10,"perf_major":11,"kernel_minor":12,"kernel_major":13,"kernel_exec":14,"in_calls":22,"in_calls_major":23,"unseen":24,"end_reason":"interrupted",
             "exit_status":130,"spool_bytes_dropped":15,"marks_dropped":26,"marks_moved":27,"complete":true}
            """,
            "receipt");
        AssertJson("""{"every":16,"max_rate_per_s":200000,"rate_limited":true}""", "sampling");
        AssertJson("true", "exclude_kernel");
        AssertJson("\"no tracepoint\"", "tlb_refusal");
        AssertJson("""[{"function":"do_swap_page"},{"function":"do_anonymous_page","refusal":"inlined"}]""", "handlers");

        // More may come; those that are there stay.
        void AssertMembers(string expected, string key)
        {
            var (members, actual) = (JsonNode.Parse(expected)!.AsObject(), JsonNode.Parse(values[$"faultrec.{key}"])!.AsObject());
            Assert.All(members, member => Assert.Equal(member.Value!.ToJsonString(), actual[member.Key]?.ToJsonString()));
        }

        void AssertJson(string expected, string key)
            => Assert.Equal(JsonNode.Parse(expected)!.ToJsonString(), JsonNode.Parse(values[$"faultrec.{key}"])!.ToJsonString());
    }

    [Fact]
    public void EveryNumberOfTheReceiptIsACounter()
    {
        var numbers = typeof(Receipt).GetProperties().Where(property => property.PropertyType == typeof(long) || property.PropertyType == typeof(long?))
            .ToList();

        Assert.Equal(numbers.Select(number => JsonNamingPolicy.SnakeCaseLower.ConvertName(number.Name)).Order(),
            Receipt.Counters.Select(counter => counter.Name).Order());
        foreach (var number in numbers)
        {
            var counter = Receipt.Counters.Single(counter => counter.Name == JsonNamingPolicy.SnakeCaseLower.ConvertName(number.Name));
            Assert.Equal((long?)number.GetValue(Full.Receipt), counter.Of(Full.Receipt));
        }
    }

    [Fact]
    public void NoControlCharacterStandsInTheMetadata()
    {
        using var file = new TempFile(SampleTrace.Write([], Full));
        Assert.All(DuckDb.KeyValues(file.Path).Values, value => Assert.DoesNotContain(value, char.IsControl));
    }

    /// <summary>A reader must read what another minor version added, or did not know yet, without a version bump.</summary>
    [Theory]
    [InlineData("\"lives\":3}", "\"livez\":3}")]
    [InlineData("\"lost_by_cpu\"", "\"found_by_cp\"")]
    [InlineData("\"lost_by_second\"", "\"found_by_secon\"")]
    [InlineData("\"end_reason\"", "\"end_seasom\"")]
    [InlineData("faultrec.sampling", "somebody.sampling")]
    [InlineData("faultrec.handlers", "somebody.handlers")]
    [InlineData("faultrec.exclude_kernel", "somebody.exclude_kernel")]
    public void UnknownPropertiesAreIgnoredAndMissingOnesDefault(string text, string replacement)
    {
        using var file = new TempFile(FooterEdit.Replace(SampleTrace.Write([], Full), text, replacement));

        using var reader = TraceReader.Open(file.Path);

        var (region, receipt) = (reader.Metadata.Regions[0], reader.Metadata.Receipt);
        Assert.Equal(text.Contains("lives", StringComparison.Ordinal) ? 1 : 3, region.Lives);
        Assert.Equal(text.Contains("cpu", StringComparison.Ordinal) ? 0 : 2, receipt.LostByCpu.Count);
        Assert.Equal(text.Contains("second", StringComparison.Ordinal) ? 0 : 1, receipt.LostBySecond.Count);
        Assert.Equal(text.Contains("reason", StringComparison.Ordinal) ? "exited" : "interrupted", receipt.EndReason);
        Assert.Equal(text.Contains("sampling", StringComparison.Ordinal) ? null : new Sampling(16, 200_000, true), reader.Metadata.Sampling);
        Assert.Equal(text.Contains("handlers", StringComparison.Ordinal) ? 0 : 2, reader.Metadata.Handlers.Count);
        Assert.Equal(!text.Contains("kernel", StringComparison.Ordinal), reader.Metadata.ExcludeKernel);
    }

    [Theory]
    [InlineData("{\"backend\":\"fexit\",\"reason\":\"EPERM\"}")]
    [InlineData("{\"cpu\":0,\"lost\":1}")]
    public void NullItemsAreRefused(string item)
    {
        using var file = new TempFile(FooterEdit.Replace(SampleTrace.Write([], Full), item, "null".PadRight(item.Length)));

        var error = Assert.Throws<FaultrecException>(() => TraceReader.Open(file.Path));

        Assert.Equal(ExitCode.BadInput, error.ExitCode);
        Assert.Contains("has a null among its items", error.Message, StringComparison.Ordinal);
    }
}
