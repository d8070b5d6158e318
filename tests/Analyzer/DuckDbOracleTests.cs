using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Compare;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Simulate;
using Xunit;

namespace Faultrec.Analyzer.Tests;

public sealed class DuckDbOracleTests() : DuckDbOracle(isSample: false);

/// <summary>A sampled trace must give what a trace would that had every row as often as its weight says.</summary>
public sealed class SampledDuckDbOracleTests() : DuckDbOracle(isSample: true);

/// <summary>Every table once more in SQL, by an engine that reads the same file with its own Parquet reader.</summary>
public abstract class DuckDbOracle(bool isSample) : DuckDbTest(RandomTrace.Metadata(isSample),
    RandomTrace.Faults(RandomTrace.Metadata(isSample), 20_000, seed: 11))
{
    [Fact]
    public void Weights()
        => Same($"SELECT sum(weight), count(*) FROM '{TracePath}'", [[Report.Totals.Counts.Faults, Report.Sample?.Rows ?? Report.Totals.Counts.Faults]]);

    [Fact]
    public void Totals() => Same(
        $"SELECT {Counts}, count(DISTINCT (pid, page)), {Latency} FROM faults",
        [Row(Report.Totals.Counts, [Report.Totals.DistinctPages], Report.Totals.Latency)]);

    [Fact]
    public void Severities() => Same(
        $"SELECT severity, {Counts}, {Latency} FROM faults GROUP BY severity",
        Report.Severities.Select(row => Row(row.Counts, [], row.Latency).Prepend(row.Severity.Name()).ToArray()));

    [Fact]
    public void Regions() => Same(
        $"SELECT region_id, {Counts}, count(DISTINCT (CASE WHEN region_id = 0 THEN pid ELSE 0 END, page)), {Latency} FROM faults GROUP BY region_id",
        Report.Regions.Select(row => Row(row.Counts, [row.DistinctPages], row.Latency).Prepend(row.Id).ToArray()));

    [Fact]
    public void Heat() => Same(
        "SELECT region_id, (address - range_start) * 64 // (range_end - range_start) AS bucket, count(*) FROM faults "
        + "JOIN regions ON id = region_id GROUP BY ALL",
        Report.Regions.SelectMany(row => row.Heat.Select((faults, bucket) => new object[] { row.Id, bucket, faults })).Where(row => (long)row[2] != 0));

    [Fact]
    public void Files() => Same(
        $"SELECT path, count(DISTINCT region_id), count(DISTINCT pid), {Counts}, {Latency} FROM faults JOIN regions ON id = region_id "
        + "WHERE path IS NOT NULL GROUP BY path",
        Report.Files.Select(row => Row(row.Counts, [], row.Latency).Prepend(row.Processes).Prepend(row.Regions).Prepend(row.Path).ToArray()));

    [Fact]
    public void Processes() => Same(
        $"SELECT pid, count(DISTINCT tid), {Counts}, sum(duration_ns) FROM faults GROUP BY pid",
        Report.Processes.Select(row => new object[] { row.Pid, row.Threads, row.Counts.Minor, row.Counts.Major, row.Counts.Failed, row.Counts.DurationNs }));

    [Fact]
    public void Threads() => Same(
        $"SELECT pid, tid, {Counts}, sum(duration_ns) FROM faults GROUP BY pid, tid",
        Report.Threads.Select(row => new object[] { row.Pid, row.Tid, row.Counts.Minor, row.Counts.Major, row.Counts.Failed, row.Counts.DurationNs }));

    [Fact]
    public void Comms() => Same(
        $"SELECT comm, count(DISTINCT (pid, tid)), {Counts}, sum(duration_ns) FROM faults GROUP BY comm",
        Report.Comms.Select(row => new object[] { row.Comm, row.Threads, row.Counts.Minor, row.Counts.Major, row.Counts.Failed, row.Counts.DurationNs }));

    [Fact]
    public void Levels() => Same(
        $"""
        SELECT CASE WHEN pt_level IS NULL OR pte_before IS NULL THEN 'unknown' WHEN pte_before = 0 THEN ['pte', 'pmd', 'pud', 'p4d', 'pgd'][pt_level + 1]
            WHEN pte_before & 1 = 1 THEN 'present' ELSE 'not_present' END AS level, {Counts}, {Latency} FROM faults GROUP BY level
        """,
        Report.Levels.Select(row => Row(row.Counts, [], row.Latency).Prepend(row.End.Name()).ToArray()));

    [Fact]
    public void PageTables() => Same(
        """
        SELECT pid, sum((page_order < 9)::INT + (page_order >= 9 AND id IS NOT NULL AND path IS NULL)::INT), sum((pt_level >= 2)::INT), sum((pt_level >= 3)::INT),
            sum((page_order >= 9 AND id IS NOT NULL AND path IS NULL)::INT)
        FROM faults LEFT JOIN regions ON id = region_id WHERE pt_level >= 1 AND pte_before = 0 AND page_order IS NOT NULL AND severity <> 'failed' GROUP BY pid
        """,
        Report.PageTables.Select(row => new object[] { row.Pid, row.Pages.Pte, row.Pages.Pmd, row.Pages.Pud, row.Pages.Deposited }));

    [Fact]
    public void Frames() => Same(
        $"""
        WITH mapped AS (
                SELECT region_id, page, pfn FROM rows WHERE pfn <> {RandomTrace.ZeroPfn} AND coalesce(page_order, 0) < 9
                UNION ALL
                SELECT region_id, page // 512 * 512 + k, pfn // 512 * 512 + k FROM rows, range(512) AS huge(k) WHERE pfn <> {RandomTrace.ZeroPfn} AND page_order = 9),
            frames AS (
                SELECT region_id, page, max(pfn) AS pfn FROM mapped JOIN regions ON id = region_id
                WHERE page >= range_start // 4096 AND page < range_end // 4096 GROUP BY region_id, page),
            marked AS (
                SELECT *, (page, pfn) IS DISTINCT FROM lag((page + 1, pfn + 1)) OVER (PARTITION BY region_id ORDER BY page) AS begins FROM frames),
            numbered AS (SELECT *, sum(begins::INT) OVER (PARTITION BY region_id ORDER BY page) AS run FROM marked),
            runs AS (SELECT region_id, run, count(*) AS length FROM numbered GROUP BY region_id, run)
        SELECT region_id, count(*), count(DISTINCT pfn), max(run), (SELECT max(length) FROM runs WHERE runs.region_id = numbered.region_id),
            count(*) FILTER (pfn < 3000), count(*) FILTER (pfn >= 3000)
        FROM numbered GROUP BY region_id
        """,
        Report.Physical.Where(row => row.PagesWithPfn > 0).Select(row => new object[]
        {
            row.Id, row.PagesWithPfn, row.DistinctPfns, row.Runs, row.LongestRun,
            row.Nodes.Where(node => node.Node == 0).Sum(node => node.Pages), row.Nodes.Where(node => node.Node == 1).Sum(node => node.Pages),
        }));

    [Fact]
    public void Fill() => Same(
        $"""
        WITH touched AS (
                SELECT region_id, page FROM rows
                UNION SELECT region_id, page // 512 * 512 + k FROM rows, range(512) AS huge(k) WHERE pfn IS NOT NULL AND pfn <> {RandomTrace.ZeroPfn} AND page_order = 9),
            filled AS (
                SELECT region_id, page // 512 AS block, count(*) AS pages FROM touched JOIN regions ON id = region_id
                WHERE page // 512 * 512 >= range_start // 4096 AND page // 512 * 512 + 512 <= range_end // 4096 GROUP BY ALL)
        SELECT region_id, count(*), count(*) FILTER (pages = 512), sum(pages) FROM filled GROUP BY region_id
        """,
        Report.Physical.Where(row => row.TouchedBlocks > 0).Select(row => new object[] { row.Id, row.TouchedBlocks, row.FullBlocks, row.TouchedPages }));

    [Fact]
    public void Causes() => Same(
        """
        WITH split AS (
                SELECT duration_ns, reclaim_ns, compaction_ns, lock_wait_ns, off_cpu_ns, zeroing_ns,
                    CASE WHEN pt_level IS NULL OR pte_before IS NULL THEN 'io_wait' WHEN pte_before <> 0 AND pte_before & 385 = 0 THEN CASE WHEN (pte_before >> 59) & 31 = 31 THEN 'migration' ELSE 'swap_read' END ELSE 'file_read' END AS io, io_wait_ns
                FROM faults WHERE duration_ns IS NOT NULL AND reclaim_ns IS NOT NULL),
            parts AS (
                SELECT duration_ns, 'reclaim' AS cause, reclaim_ns AS ns FROM split UNION ALL SELECT duration_ns, 'compaction', compaction_ns FROM split
                UNION ALL SELECT duration_ns, io, io_wait_ns FROM split UNION ALL SELECT duration_ns, 'lock_wait', lock_wait_ns FROM split
                UNION ALL SELECT duration_ns, 'off_cpu', off_cpu_ns FROM split UNION ALL SELECT duration_ns, 'zeroing', zeroing_ns FROM split
                UNION ALL SELECT duration_ns, 'kernel_work', greatest(0, duration_ns - reclaim_ns - compaction_ns - io_wait_ns - lock_wait_ns - off_cpu_ns - zeroing_ns) FROM split)
        SELECT cause, count(*), sum(ns), count(*) FILTER (duration_ns >= 100000), coalesce(sum(ns) FILTER (duration_ns >= 100000), 0) FROM parts WHERE ns > 0 GROUP BY cause
        """,
        Report.Causes.Select(row => new object[] { row.Cause.Name(), row.All.Faults, row.All.Ns, row.Slow.Faults, row.Slow.Ns }));

    [Fact]
    public void Worst() => Same(
        "SELECT time_ns, duration_ns, tid, address FROM rows WHERE duration_ns IS NOT NULL ORDER BY duration_ns DESC, time_ns, pid, tid, address LIMIT 10",
        Report.Worst.Select(row => new object[] { row.Fault.TimeNs, row.Fault.DurationNs, row.Fault.Tid, (long)row.Fault.Address }));

    [Fact]
    public void Stacks() => Same(
        $"SELECT coalesce(stack_id, -1), {Counts}, {Latency} FROM faults WHERE stack_id IS NOT NULL GROUP BY stack_id",
        Report.StackRows.Select(row => Row(row.Counts, [], row.Latency).Prepend(row.StackId).ToArray()));

    [Fact]
    public void NoStack() => Same(
        $"SELECT {Counts} FROM faults WHERE stack_id IS NULL",
        [[Report.Stacks!.WithoutStack.Minor, Report.Stacks.WithoutStack.Major, Report.Stacks.WithoutStack.Failed]]);

    // The tree once more in SQL: every fault joined with each function that is on its stack, once.
    [Fact]
    public void Functions() => Same(
        $"""
        WITH RECURSIVE walk AS (
                SELECT node AS leaf, node, 0 AS depth FROM nodes
                UNION ALL SELECT leaf, parent, depth + 1 FROM walk JOIN nodes USING (node) WHERE parent >= 0),
            frames AS (SELECT leaf, depth, name FROM walk JOIN nodes USING (node)),
            own AS (SELECT name, count(*) AS self FROM faults JOIN frames ON leaf = stack_id AND depth = 0 GROUP BY name)
        SELECT name, coalesce(any_value(self), 0), {Counts}, {Latency}
        FROM faults JOIN (SELECT DISTINCT leaf, name FROM frames) AS met ON leaf = stack_id LEFT JOIN own USING (name) GROUP BY name
        """,
        Report.Functions.Select(row => Row(row.Total, [], row.Latency).Prepend(row.Self.Faults).Prepend(row.Name).ToArray()));

    [Fact]
    public void Touchers() => Same(
        $"SELECT region_id, {Counts}, sum(duration_ns) FROM faults WHERE stack_id IS NOT NULL GROUP BY region_id",
        Report.Touchers.GroupBy(row => row.RegionId).Select(group => new object[]
        {
            group.Key!.Value, group.Sum(row => row.Counts.Minor), group.Sum(row => row.Counts.Major), group.Sum(row => row.Counts.Failed),
            group.Sum(row => row.Counts.DurationNs),
        }));

    [Fact]
    public void Slab() => Same(
        "SELECT sum(slab_fast), sum(slab_sheaf), sum(slab_local), sum(slab_partial), sum(slab_remote), sum(slab_buddy) FROM faults",
        [[.. Report.SlabStages.Select(row => (object)row.Objects)]]);

    private static object[] Row(FaultCounts counts, object[] more, LatencySummary latency) =>
    [
        counts.Minor, counts.Major, counts.Failed, .. more,
        latency.Count, latency.MinNs ?? -1, new Approximate(latency.P50Ns ?? -1), new Approximate(latency.P90Ns ?? -1), new Approximate(latency.P99Ns ?? -1),
        latency.MaxNs ?? -1, latency.SumNs ?? -1,
    ];
}
