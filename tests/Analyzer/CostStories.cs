using System.Text.Json;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Compare;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Simulate;
using Faultrec.Analyzer.Tables;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Analyzer.Tests;

/// <summary>What faults cost and why, the page table and the allocator underneath, as people read them.</summary>
public class CostStories
{
    private static readonly TraceMetadata Metadata = Story.Metadata(Story.TwoRegions) with
    {
        PageTable = new PageTableRecording(true, null, 4, "kallsyms", 0x777),
        SwapTypes = new Dictionary<string, string> { ["31"] = "migration" },
    };

    private static readonly long[] Untraced = [0, 0, 0, 0, 0, 0];

    [Fact]
    public void TimeInFaultsIsToldBesideTheTimeThatPassed()
    {
        var metadata = Metadata with
        {
            DurationNs = 4000,
            Threads = [new ThreadEntry { Pid = 10, Tid = 10, Comm = "app" },
                new ThreadEntry { Pid = 10, Tid = 11, Comm = "app", StartedNs = 1000, ExitedNs = 3000 }],
        };
        Fault[] faults = [new(0x10000, DurationNs: 1000) { TimeNs = 500 }, new(0x11000, DurationNs: 2000) { TimeNs = 1500, Tid = 11 }];

        Assert.Equal(new FaultTime(3000, 4000, 2, 6000), Story.Report(metadata, faults).FaultTime);
        Assert.Equal(new FaultTime(2000, 2000, 2, 3500), Story.Report(metadata, faults, new FaultFilter { FromNs = 1500, ToNs = 3500 }).FaultTime);
        Assert.Equal(new FaultTime(2000, 4000, 1, 2000), Story.Report(metadata, faults, new FaultFilter { Tids = [11] }).FaultTime);
        Assert.Null(Story.Report(metadata, [new(0x10000, DurationNs: null)]).FaultTime.ShareOfWall);
    }

    [Fact]
    public void FaultTimeIsSplitAndTheWorstHaveAStory()
    {
        var metadata = Metadata with
        {
            Causes = [new CauseProbe("io_wait", null), new CauseProbe("off_cpu", null), new CauseProbe("compaction", "no such tracepoint")],
        };
        Fault[] faults =
        [
            new(0x20000, 2, 1_000_000, Major: true) { Level = 0, Pfn = 1, Order = 0, Access = FaultAccess.Read, Causes = [0, 0, 900_000, 0, 50_000, 0] },
            new(0x10000, 1, 500_000, Major: true) { Level = 0, Entry = 0x1234_0000, Pfn = 2, Order = 0, Causes = [0, 0, 500_000, 0, 0, 0] },
            new(0x13000, 1, 400_000) { Level = 0, Entry = (31L << 59) | 0x1234_0000, Pfn = 5, Order = 0, Causes = [0, 0, 400_000, 0, 0, 0] },
            new(0x11000, 1, 2_000) { Level = 0, Pfn = 3, Order = 0, Causes = Untraced },
            new(0x12000, 1, 1_000) { Level = 0, Pfn = 4, Order = 0 },
        ];

        var report = Story.Report(metadata, faults);

        Assert.EndsWith(
            """
            causes
              cause       faults    time share slow faults their time share not traced because
              file_read        1  900 µs  47 %           1     900 µs  47 %
              swap_read        1  500 µs  26 %           1     500 µs  26 %
              migration        1  400 µs  21 %           1     400 µs  21 %
              kernel_work      2 52.0 µs 2.7 %           1    50.0 µs 2.6 %
              off_cpu          1 50.0 µs 2.6 %           1    50.0 µs 2.6 %
              compaction       0    0 ns   0 %           0       0 ns   0 % no such tracepoint
            slow: 100 µs and more, 3 faults with 1.90 ms; 1 fault with 1.00 µs not split: none of their causes
            was traced

            """,
            TextReportTests.Text(report, "cause"),
            StringComparison.Ordinal);
        Assert.Equal(
            [
                "a file page was read from its device: 90 % waiting for the file's device, 5.0 % not running, 5.0 % the kernel's own work",
                "the page was read back from swap: 100 % waiting for the swap device",
                "the page was being moved: 100 % waiting until the page was moved",
                "fresh memory was written to: 100 % the kernel's own work",
                "fresh memory was written to",
            ],
            report.Worst.Select(row => row.Story));
    }

    [Fact]
    public void AFirstTouchInOrderMissesOneTableIn512Pages()
    {
        // 4 MiB page by page, and a huge page: nothing was there above it, so it takes a table of each level, and one in reserve.
        Region[] regions =
        [
            new() { Id = 1, Pid = 10, Start = 0x4000_0000, End = 0x4040_0000, Prot = "rw-p", Name = "[anon]" },
            new() { Id = 2, Pid = 10, Start = 0x80_0000_0000, End = 0x80_0020_0000, Prot = "rw-p", Name = "[anon]" },
        ];
        var metadata = Metadata with { Regions = regions, NumaNodes = [new NumaRange(0, 0, 0x1_0000), new NumaRange(1, 0x1_0000, 0x2_0000)] };
        Fault[] faults =
        [
            .. Enumerable.Range(0, 1024).Select(page => new Fault(0x4000_0000 + ((ulong)page << 12))
            {
                Level = page % 512 == 0 ? 1 : 0,
                Pfn = page < 600 ? 0x1000 + page : 0x9000 + page,
                Order = 0,
            }),
            new(0x80_0000_5000, 2) { Level = 3, Pfn = 0x1_0005, Order = 9 },
        ];

        var report = Story.Report(metadata, faults, groupSize: 300);

        Assert.Equal([("p4d", 1L), ("pmd", 2L), ("pte", 1022L)], report.Levels.Select(row => (row.End.Name(), row.Counts.Faults)));
        Assert.Equal(new PageTableRow(10, "app", new TablePages(3, 1, 1, 0, 1), 5 * 4096), Assert.Single(report.PageTables));
        Assert.Contains(
            """
            physical memory
              id region pages frames mean run longest 2 MiB touched full  fill NUMA nodes
               1 [anon] 1,024  1,024   512.00     600     2       2    2 100 % 0:1024
               2 [anon]   512    512   512.00     512     1       1    1 100 % 1:512

            page-table levels
            """,
            TextReportTests.Text(report),
            StringComparison.Ordinal);
    }

    [Fact]
    public void SumsOfTheTraceAreTablesAndAFilterNarrowsThemToProcesses()
    {
        var metadata = Metadata with
        {
            TlbFlushes = [new TlbFlushes(10, "remote shootdown", 5, 40, 1), new TlbFlushes(11, "flush on task switch", 9, 0, 9)],
            LockWaits = [new LockWait(10, 10, 10, 12, 3, 9000, 5000), new LockWait(10, 10, 0, 0, 1, 100, 100)],
            Causes = [new CauseProbe("lock_wait", null)],
            Slab = new SlabRecording(
                [new CauseProbe("fast", null), new CauseProbe("partial", "inlined in this kernel")],
                [new SlabCount(10, "vm_area_struct", "fast", 6), new SlabCount(11, "anon_vma", "fast", 3), new SlabCount(10, "anon_vma", "unknown", 2)],
                [new BuddyCount(10, 0, 8), new BuddyCount(10, 9, 1), new BuddyCount(11, 0, 1)]),
        };
        Fault[] faults = [new(0x10000) { Level = 0, Pfn = 3, Order = 0, Slab = [6, 0, 0, 0, 0, 2, 520], Causes = Untraced }];

        var report = Story.Report(metadata, faults, new FaultFilter { Pids = [10] });

        var text = TextReportTests.Text(report);
        Assert.Contains(
            """
            waits for mmap_lock
              tid waited holder for faults    time longest
               10 app        12 app      3 9.00 µs 5.00 µs
               10 app         - -        1  100 ns  100 ns
            """,
            text,
            StringComparison.Ordinal);
        Assert.Contains("   10 app  remote shootdown       5    40    1\n", text, StringComparison.Ordinal);
        Assert.DoesNotContain("task switch", text, StringComparison.Ordinal);
        Assert.EndsWith(
            """
            slab stages
              stage   objects share not told apart because
              fast          6  60 %
              partial       0   0 % inlined in this kernel
              buddy         2  20 %
              unknown       2  20 %

            slab caches
              cache          objects fast sheaf local partial remote buddy unknown
              vm_area_struct       6    6     0     0       0      0     0       0
              anon_vma             2    0     0     0       0      0     0       2

            buddy allocator
              order allocations pages share
                  0           8     8 1.5 %
                  9           1   512  98 %

            """,
            text,
            StringComparison.Ordinal);
        // By region the sums cannot be narrowed: what was not told apart is left out of the stages.
        var byRegion = Story.Report(metadata, faults, new FaultFilter { Regions = ["anon"] });
        Assert.DoesNotContain(byRegion.SlabStages, row => row.Stage == "unknown");
    }

    [Fact]
    public void WithoutFactsThereAreNoTablesOfThem()
    {
        var text = TextReportTests.Text(Story.Report(Story.Metadata(Story.TwoRegions), [new(0x10000)]));

        foreach (var title in (string[])["causes", "worst faults", "physical memory", "page-table levels", "page tables", "TLB flushes", "slab", "buddy"])
            Assert.DoesNotContain("\n" + title, text, StringComparison.Ordinal);
    }

    [Fact]
    public void EveryKeyOfTheJsonStandsInTheDocuments()
    {
        var metadata = Metadata with
        {
            TlbFlushes = [new TlbFlushes(10, "r", 1, 1, 1)],
            LockWaits = [new LockWait(10, 10, 10, 12, 3, 9000, 5000)],
            Causes = [new CauseProbe("reclaim", null)],
            NumaNodes = [new NumaRange(0, 0, 10)],
            Slab = new SlabRecording([new CauseProbe("fast", null)], [new SlabCount(10, "c", "fast", 6)], [new BuddyCount(10, 0, 8)]),
        };
        using var json = JsonDocument.Parse(FormatTests.Json(Story.Report(metadata, [new(0x10000) { Level = 1, Pfn = 3, Order = 0, Causes = Untraced }])));
        var document = FormatTests.Document("report.md");
        var kinds = FormatTests.Document("kinds.md");

        Assert.All(Keys(json.RootElement).Distinct(), key => Assert.Contains($"\"{key}\"", document, StringComparison.Ordinal));
        foreach (var kind in Enum.GetValues<FaultKind>())
            Assert.Contains($"\n## {kind.Name()}{(kind.TraceEventName() is { } name ? " · " + name : "")}\n", kinds, StringComparison.Ordinal);

        static IEnumerable<string> Keys(JsonElement element) => element.ValueKind switch
        {
            JsonValueKind.Object => element.EnumerateObject().SelectMany(member => Keys(member.Value).Prepend(member.Name)),
            JsonValueKind.Array => element.EnumerateArray().SelectMany(Keys),
            _ => [],
        };
    }
}
