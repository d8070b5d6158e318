using Faultrec.Analyzer.Render;
using Faultrec.Analyzer.Tables;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Analyzer.Tests;

public class TaskStories
{
    [Fact]
    public void AThreadThatChangesItsNameIsOneThreadAndTwoComms()
    {
        var report = Story.Report(
            Story.Metadata(Story.TwoRegions),
            [new(0x10000) { Tid = 11, Comm = "app" }, new(0x11000) { Tid = 11, Comm = "pool" }, new(0x12000) { Tid = 11, Comm = "pool" }, new(0x13000)]);

        // Thread 11 is not in the trace's table: it goes by the name it faulted under most.
        Assert.Equal([(11, "pool", 3L), (10, "app", 1L)], report.Threads.Select(row => (row.Tid, row.Comm, row.Counts.Faults)));
        Assert.Equal([("app", 2, 2L), ("pool", 1, 2L)], report.Comms.Select(row => (row.Comm, row.Threads, row.Counts.Faults)));
        Assert.Equal([(10, "app", 2, 4L)], report.Processes.Select(row => (row.Pid, row.Comm, row.Threads, row.Counts.Faults)));
    }

    [Fact]
    public void TidsThatShareASlotOfTheCacheStayApart()
    {
        // 10 and 266 are the same modulo 256, and so alternate in one slot.
        Fault[] faults = [.. Enumerable.Range(0, 8).Select(i => new Fault(0x10000) { Tid = i % 2 == 0 ? 10 : 266 })];
        var report = Story.Report(Story.Metadata(Story.TwoRegions), faults, groupSize: 8);

        Assert.Equal([(10, 4L), (266, 4L)], report.Threads.Select(row => (row.Tid, row.Counts.Faults)));
    }

    /// <summary>A program with 40 faults, two shims that end early, with 2 each, and a process that stays to the end, with 3.</summary>
    [Fact]
    public void ShortLivedHelpersAreOneRowForPeopleIfTheyMadeFewOfTheFaults()
    {
        var metadata = Story.Metadata([.. Enumerable.Range(1, 4).Select(id => Story.TwoRegions[0] with { Id = id, Pid = 9 + id, End = 0x40000 })]) with
        {
            Processes =
            [
                new ProcessEntry { Pid = 10, Comm = "app" },
                new ProcessEntry { Pid = 11, Comm = "sh", StartedNs = 0, ExitedNs = 5000 },
                new ProcessEntry { Pid = 12, Comm = "date", StartedNs = 0, ExitedNs = 5000 },
                new ProcessEntry { Pid = 13, Comm = "watcher", StartedNs = 0, ExitedNs = 1_500_000_000 },
            ],
        };
        Fault[] faults = [.. Of(10, 40), .. Of(11, 2), .. Of(12, 2), .. Of(13, 3)];
        var report = Story.Report(metadata, faults);

        foreach (var table in (TableDefinition[])[ProcessTable.Definition, ThreadTable.Definition, RegionTable.Definition])
        {
            var folded = Text(report, table);
            Assert.Matches(@"- .*2 short-lived helpers .*\b4\b", folded);
            Assert.Contains("helpers (date, sh) are one row; --helpers shows each", folded, StringComparison.Ordinal);
            Assert.DoesNotContain("--helpers", Text(report with { ShowsHelpers = true }, table), StringComparison.Ordinal);
            // Programs get each.
            Assert.Equal(4, table.Build(report, 0).TotalRows);
        }

        Assert.Contains("watcher", Text(report, ProcessTable.Definition), StringComparison.Ordinal);
        // With more than a fifth of the faults they are the work.
        Assert.Null(Story.Report(metadata, [.. faults, .. Of(12, 20)]).Helpers);

        static IEnumerable<Fault> Of(int pid, int count)
            => Enumerable.Range(0, count).Select(i => new Fault(0x10000 + ((ulong)i << 12), pid - 9) { Pid = pid, Tid = pid, Comm = $"p{pid}" });

        static string Text(FaultReport report, TableDefinition table)
        {
            var writer = new StringWriter();
            TextReport.Write(writer, report, table, 0, default);
            return writer.ToString();
        }
    }
}
