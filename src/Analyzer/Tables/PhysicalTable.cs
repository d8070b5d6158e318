using System.Numerics;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Tables;

/// <param name="Node">-1: no node has the frame.</param>
internal readonly record struct NodePages(int Node, long Pages);

/// <summary>Physical memory of one region.</summary>
/// <param name="PagesWithPfn">Pages whose page frame number is known.</param>
/// <param name="Runs">Stretches of neighbouring pages on neighbouring frames.</param>
/// <param name="Blocks">Aligned 2 MiB ranges that lie inside the region.</param>
/// <param name="TouchedBlocks">Blocks with a page that faulted.</param>
/// <param name="FullBlocks">Touched blocks of which every page faulted, or that one fault mapped whole.</param>
/// <param name="TouchedPages">Pages that faulted (or were mapped with one that did) in <paramref name="Blocks"/>.</param>
internal sealed record PhysicalRow(
    int Id,
    Region Region,
    long PagesWithPfn,
    long DistinctPfns,
    long Runs,
    long LongestRun,
    IReadOnlyList<NodePages> Nodes,
    long Blocks,
    long TouchedBlocks,
    long FullBlocks,
    long TouchedPages)
{
    /// <summary>Pages per run; null without frames.</summary>
    public double? MeanRun => Runs == 0 ? null : (double)PagesWithPfn / Runs;

    /// <summary>Share of the pages of touched 2 MiB ranges that are in use; null if none was touched.</summary>
    public double? MeanFill => TouchedBlocks == 0 ? null : (double)TouchedPages / (TouchedBlocks * PhysicalTable.BlockPages);
}

internal static class PhysicalTable
{
    // The columns are named for this size: a trace with other page sizes has no such table.
    private static readonly PageGeometry Pages = PageGeometry.X64;

    /// <summary>Of 2 MiB.</summary>
    public static long BlockPages => Pages.HugePages;

    public static TableDefinition<PhysicalRow> Definition { get; } = new()
    {
        Name = "physical",
        Title = "physical memory",
        Question = "which frames regions got, and how full their 2 MiB ranges are",
        JsonKey = "physical",
        Needs = [RegionAggregate.Measure, PhysicalAggregate.Measure],
        IsWorthShowing = (report, _) => report.Plan.HasPageTable,
        WhyEmpty = report => Unrecorded.PageTables(report.Metadata) ?? "no page frame of these faults is known",
        Rows = Rows,
        Columns = (table, report) => table
            .Region(row => row.Id, row => row.Region)
            .Integer("frame_pages", "pages", "pages of the region with a known page frame; a huge page counts as its base pages", CellFormat.Count,
                ColumnAudience.Everyone, row => row.PagesWithPfn)
            .Integer("distinct_frames", "frames", "different page frames of the region's pages", CellFormat.Count, ColumnAudience.Everyone,
                row => row.DistinctPfns)
            .Integer("runs", "runs", "runs: stretches of neighbouring pages on neighbouring frames", CellFormat.Count, ColumnAudience.Wide, row => row.Runs)
            .Real("mean_run", "mean run", "pages of a run, on average", CellFormat.Ratio, ColumnAudience.Everyone, row => row.MeanRun)
            .Integer("longest_run", "longest", "pages of the longest run", CellFormat.Count, ColumnAudience.Everyone, row => row.LongestRun)
            .Integer("blocks_2m", "2 MiB", "aligned 2 MiB ranges inside the region", CellFormat.Count, ColumnAudience.Everyone, row => row.Blocks)
            .Integer("touched_2m", "touched", "aligned 2 MiB ranges with a page that faulted", CellFormat.Count, ColumnAudience.Everyone,
                row => row.TouchedBlocks)
            .Integer("full_2m", "full", "aligned 2 MiB ranges whose pages all faulted, or that one fault mapped", CellFormat.Count, ColumnAudience.Everyone,
                row => row.FullBlocks)
            .Real("mean_fill_2m", "fill", "of the pages of touched 2 MiB ranges, those in use", CellFormat.Percent, ColumnAudience.Everyone,
                row => row.MeanFill)
            .Text("nodes", "NUMA nodes", "pages by NUMA node; ?: frames that no node has",
                report.Metadata.NumaNodes.Count > 1 ? ColumnAudience.Everyone : ColumnAudience.Wide, row => Nodes(row.Nodes),
                TableBuilder<PhysicalRow>.NotInJson)
            .JsonList("nodes", row => row.Nodes, (json, _, node) =>
            {
                json.WriteNullable("node", node.Node < 0 ? null : (long?)node.Node);
                json.WriteNumber("pages", node.Pages);
            }),
    };

    // In the order of the region table. Without frames only the fill of 2 MiB ranges is known.
    private static List<PhysicalRow> Rows(FaultReport report)
    {
        var rows = new List<PhysicalRow>();
        if (report.Metadata.Pages != Pages || report.Find(RegionAggregate.Measure) is not { } stats)
            return rows;
        var aggregate = report.Find(PhysicalAggregate.Measure);
        foreach (var row in report.Rows(RegionTable.Definition))
        {
            if (row.Region is null || stats.ById(row.Id) is not { } pages)
                continue;
            var frames = aggregate?.ById(row.Id);
            var physical = Fill(new PhysicalRow(row.Id, row.Region, 0, 0, 0, 0, [], 0, 0, 0, 0), pages.Pages, frames?.HugeBlocks);
            if (frames is not null)
                physical = Frames(physical, frames.Pfns, report.Metadata.NumaNodes);
            if (physical.PagesWithPfn > 0 || physical.TouchedBlocks > 0)
                rows.Add(physical);
        }

        return rows;
    }

    /// <summary>"0:512 1:3": pages by node; ? for frames that no node has.</summary>
    private static string Nodes(IReadOnlyList<NodePages> nodes)
        => string.Join(' ', nodes.Select(node => node.Node < 0 ? $"?:{node.Pages}" : $"{node.Node}:{node.Pages}"));

    private static PhysicalRow Fill(PhysicalRow row, PageSet pages, HashSet<long>? hugeBlocks)
    {
        var shift = Pages.HugeOrder;
        var first = (Pages.PageOf(row.Region.Start) + BlockPages - 1) >> shift;
        var end = Pages.HugePageOf(row.Region.End);
        var fill = new Dictionary<long, int>();
        foreach (var (firstPage, bits) in pages.Words())
        {
            var block = firstPage >> shift;
            if (block >= first && block < end)
                fill[block] = fill.GetValueOrDefault(block) + BitOperations.PopCount(bits);
        }

        foreach (var block in hugeBlocks ?? [])
        {
            if (block >= first && block < end)
                fill[block] = (int)BlockPages;
        }

        var (full, touched) = (0L, 0L);
        foreach (var count in fill.Values)
        {
            touched += count;
            full += count == BlockPages ? 1 : 0;
        }

        return row with { Blocks = Math.Max(end - first, 0), TouchedBlocks = fill.Count, FullBlocks = full, TouchedPages = touched };
    }

    private static PhysicalRow Frames(PhysicalRow row, PfnMap map, IReadOnlyList<NumaRange> ranges)
    {
        var walk = new PfnWalk(ranges);
        map.ForEach(walk, static (walk, page, frame) => walk.Add(page, frame));
        return row with
        {
            PagesWithPfn = walk.Pages,
            Runs = walk.Runs,
            LongestRun = walk.Longest,
            DistinctPfns = Distinct(map, walk),
            Nodes = walk.Nodes(),
        };
    }

    private static long Distinct(PfnMap map, PfnWalk walk)
    {
        if (walk.Pages == 0)
            return 0;
        var frames = new PageSet(walk.Lowest, walk.Highest - walk.Lowest + 1);
        map.ForEach(frames, static (frames, _, frame) => frames.Add(frame));
        return frames.Count;
    }
}

/// <summary>Figures about the frames of a region, fed page by page in the order of addresses.</summary>
internal sealed class PfnWalk(IReadOnlyList<NumaRange> ranges)
{
    private readonly SortedDictionary<int, long> _nodes = [];
    private long _lastPage = long.MinValue;
    private long _lastFrame = long.MinValue;
    private long _run;

    // The range of the last frame; empty at first.
    private (int Node, long First, long End) _range = (-1, 0, 0);
    private long _pagesInRange;

    public long Pages { get; private set; }

    public long Runs { get; private set; }

    public long Longest { get; private set; }

    public long Lowest { get; private set; } = long.MaxValue;

    public long Highest { get; private set; } = -1;

    public void Add(long page, long frame)
    {
        Pages++;
        if (page == _lastPage + 1 && frame == _lastFrame + 1)
        {
            _run++;
        }
        else
        {
            _run = 1;
            Runs++;
        }

        Longest = Math.Max(Longest, _run);
        (_lastPage, _lastFrame) = (page, frame);
        Lowest = Math.Min(Lowest, frame);
        Highest = Math.Max(Highest, frame);
        if (frame < _range.First || frame >= _range.End)
            Enter(frame);
        _pagesInRange++;
    }

    /// <summary>By node; empty if the trace has none.</summary>
    public IReadOnlyList<NodePages> Nodes()
    {
        Leave();
        return ranges.Count == 0 ? [] : [.. _nodes.Select(node => new NodePages(node.Key, node.Value))];
    }

    private void Enter(long frame)
    {
        Leave();
        _range = (-1, frame, ranges.Count == 0 ? long.MaxValue : frame + 1);
        foreach (var range in ranges)
        {
            if (frame >= range.FirstPfn && frame < range.EndPfn)
                _range = (range.Node, range.FirstPfn, range.EndPfn);
        }
    }

    private void Leave()
    {
        if (_pagesInRange > 0)
            _nodes[_range.Node] = _nodes.GetValueOrDefault(_range.Node) + _pagesInRange;
        _pagesInRange = 0;
    }
}
