using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Tables;

/// <summary>Which code touched a region, and which code had reserved the touched part.</summary>
/// <param name="RegionId">0: no known mapping.</param>
/// <param name="Share">Share of the report's faults.</param>
/// <param name="Code">The program's own frame nearest to the fault (<see cref="OwnCode"/>).</param>
/// <param name="Through">The innermost function of most of these faults, if it is another one; null: no function has most of them.</param>
/// <param name="Mapper">The program's own frame nearest to the call that reserved the memory; null: not known, or no code of the program.</param>
internal sealed record ToucherRow(int RegionId, Region? Region, FaultCounts Counts, double Share, string Code, string? Through, string? Mapper)
{
    /// <summary>How many of these faults were in <see cref="Through"/>.</summary>
    public long ThroughFaults { get; init; }
}

/// <summary>The code that reserved a part of a region, and the faults in that part.</summary>
/// <param name="Code">As <see cref="ToucherRow.Mapper"/>.</param>
internal readonly record struct MapperShare(string Code, long Faults);

/// <summary>"Reserved by A, paid for by B": a region, a line of the program that faulted in it, and the line that had reserved the memory.</summary>
internal static class ToucherTable
{
    public static TableDefinition<ToucherRow> Definition { get; } = new()
    {
        Name = "toucher",
        Title = "touched by",
        Question = "which code touched which region, and which code reserved it",
        JsonKey = "touchers",
        Needs = StackFacts.Needs,
        Rows = report => report.Stacks is { } stacks ? Rows(report, stacks) : [],
        // Code with a small share of the faults is shown only on request.
        KeepAmongOthers = (rows, top) => top == 0 ? 0 : Math.Clamp(rows.Count(row => row.Share >= CallerTree.SmallestShare), 1, top),
        Columns = (table, report) => table
            .Integer("id", "id", "id of the region in the recording; 0: no known mapping", CellFormat.Id, ColumnAudience.Everyone, row => row.RegionId,
                "region_id")
            .Text("region", "region", "mapping that was touched", ColumnAudience.Everyone, row => RegionNames.Of(row.Region))
            .Counts(row => row.Counts)
            .Real("share", "share", "of all faults of the report", CellFormat.Percent, ColumnAudience.Everyone, row => row.Share)
            .Time(report, row => row.Counts)
            .Text("code", "touched by", "innermost frame of the program's own code", ColumnAudience.Wide, row => row.Code)
            .Text("through", "in", "library function that faulted for it; empty: the code itself did", ColumnAudience.Wide, row => row.Through ?? "",
                TableBuilder<ToucherRow>.NotInJson)
            .Json((json, row) => json.WriteString("through", row.Through))
            .Text("mapper", "reserved by", "code that mapped the region, by the stack at mmap or brk", ColumnAudience.Wide, row => row.Mapper)
            .Below(row => new RowText.Story(Describe(row), IsDim: false)),
        Note = StackText.Note,
    };

    private static string Describe(ToucherRow row)
        => row.Code + (row.Through is { } function ? $", in {function}" : "") + (row.Mapper is { } mapper ? $"; reserved by {mapper}" : "");

    private static List<ToucherRow> Rows(FaultReport report, StackFacts stacks)
    {
        var (table, names) = (stacks.Table, stacks.Names);
        var own = new OwnCode(table, names);
        var touchers = new Dictionary<(int Region, int Line, int? Mapper), Toucher>();
        foreach (var ((regionId, stack, mapperStack), counts) in stacks.Pairs.Counts)
        {
            var region = report.Plan.Index.Find(regionId);
            var frame = own.FrameOf(stack);
            var mapper = MapperOf(table, own, region, mapperStack);
            var key = (region?.Id ?? 0, names.LineIdOf(frame), mapper is { } known ? names.LineIdOf(known) : (int?)null);
            if (!touchers.TryGetValue(key, out var toucher))
                touchers.Add(key, toucher = new Toucher(region, frame, mapper));
            toucher.Add(table.NodeFrames[stack], names, counts);
        }

        var rows = new List<ToucherRow>(touchers.Count);
        foreach (var toucher in touchers.Values)
        {
            rows.Add(new ToucherRow(
                toucher.Region?.Id ?? 0, toucher.Region, toucher.Counts, stacks.Share(toucher.Counts.Faults), names.Long(toucher.Frame),
                toucher.Through(names, out var inside),
                toucher.Mapper is { } mapper ? names.Long(mapper) : null)
            {
                ThroughFaults = inside,
            });
        }

        rows.Sort((a, b) => Ordering.ByFaults(a.Counts, b.Counts, CompareNames(a, b)));
        return rows;
    }

    /// <summary>The code that reserved each region, most faults first; regions for which it is not known are missing.</summary>
    public static Dictionary<int, List<MapperShare>> Mappers(IReadOnlyList<ToucherRow> touchers)
    {
        var byRegion = new Dictionary<int, List<MapperShare>>();
        foreach (var region in touchers.Where(row => row.Mapper is not null).GroupBy(row => row.RegionId))
        {
            var shares = region.GroupBy(row => row.Mapper!).Select(rows => new MapperShare(rows.Key, rows.Sum(row => row.Counts.Faults))).ToList();
            shares.Sort((a, b) => a.Faults != b.Faults ? b.Faults.CompareTo(a.Faults) : string.CompareOrdinal(a.Code, b.Code));
            byRegion.Add(region.Key, shares);
        }

        return byRegion;
    }

    // In files older than mapper_stack_id there is one mapper per region.
    private static int? MapperOf(StackTable table, OwnCode own, Region? region, int mapperStack)
    {
        var stack = mapperStack >= 0 ? mapperStack : region?.MapperStack ?? FaultBatch.Null;
        return (uint)stack < (uint)table.NodeFrames.Count ? own.UserFrameOf(stack) : null;
    }

    private static int CompareNames(ToucherRow a, ToucherRow b)
        => a.RegionId != b.RegionId ? a.RegionId.CompareTo(b.RegionId)
            : string.CompareOrdinal(a.Code, b.Code) is not 0 and var byCode ? byCode
            : string.CompareOrdinal(a.Mapper, b.Mapper);

    private sealed class Toucher(Region? region, int frame, int? mapper)
    {
        private readonly Dictionary<int, long> _innermost = [];
        private FaultCounts _counts;

        public Region? Region => region;

        public int Frame => frame;

        public int? Mapper => mapper;

        public FaultCounts Counts => _counts;

        public void Add(int innermost, FrameNames names, in FaultCounts counts)
        {
            _counts.Merge(counts);
            var function = names.FunctionIdOf(innermost);
            _innermost[function] = _innermost.GetValueOrDefault(function) + counts.Faults;
        }

        public string? Through(FrameNames names, out long most)
        {
            (most, var name) = (0L, "");
            foreach (var (function, faults) in _innermost)
            {
                var candidate = names.Function(function).Name;
                if (faults > most || (faults == most && string.CompareOrdinal(candidate, name) < 0))
                    (most, name) = (faults, candidate);
            }

            return 2 * most <= _counts.Faults || name == names.Function(names.FunctionIdOf(frame)).Name ? null : name;
        }
    }
}
