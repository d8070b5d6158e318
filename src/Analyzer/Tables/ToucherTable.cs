using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Tables;

/// <summary>Which code touched a region, and which code had reserved the touched part.</summary>
/// <param name="RegionId">0: no known mapping; null: several mappings.</param>
/// <param name="Share">Share of the report's faults.</param>
/// <param name="Code">The program's own frame nearest to the fault (<see cref="OwnCode"/>).</param>
/// <param name="Through">The innermost function of most of these faults, if it is another one; null: no function has most of them.</param>
/// <param name="Mapper">The program's own frame nearest to the call that reserved the memory; null: not known, or no code of the program.</param>
internal sealed record ToucherRow(int? RegionId, Region? Region, FaultCounts Counts, double Share, string Code, string? Through, string? Mapper)
{
    /// <summary>Of the mapping, or what several mappings are.</summary>
    public string Place { get; init; } = RegionNames.Of(Region);

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
        Folded = (report, rows) => report.Filter.Regions.Count > 0 ? rows : OverMappings(report.Code, rows),
        // Code with a small share of the faults is shown only on request.
        KeepAmongOthers = (rows, top) => top == 0 ? 0 : Math.Clamp(rows.Count(row => row.Share >= CallerTree.SmallestShare), 1, top),
        Columns = (table, report) => table
            .Integer("id", "id", "id of the region in the recording; 0: no known mapping", CellFormat.Id, ColumnAudience.Everyone, row => row.RegionId,
                "region_id")
            .Text("region", "region", "mapping that was touched", ColumnAudience.Everyone, row => row.Place)
            .Counts(row => row.Counts)
            .Real("share", "share", "of all faults of the report", CellFormat.Percent, ColumnAudience.Everyone, row => row.Share)
            .Time(report, row => row.Counts)
            .Text("code", "touched by", "innermost frame of the program's own code", ColumnAudience.Wide, row => row.Code)
            .Text("through", "in", "library function that faulted for it; empty: the code itself did", ColumnAudience.Wide, row => row.Through ?? "",
                TableBuilder<ToucherRow>.NotInJson)
            .Json((json, row) => json.WriteString("through", row.Through))
            .Text("mapper", "reserved by", "code that mapped the region, by the stack at mmap or brk", ColumnAudience.Wide, row => row.Mapper)
            .Below(row => new RowText.Story(Describe(row), IsDim: false)),
        Note = Note,
    };

    private static string? Note(FaultReport report)
        => StackText.Note(report) is { } note && report.Filter.Regions.Count == 0 && report.Rows(Definition) is var rows
            && rows.DistinctBy(row => CodeAndPlace(report.Code, row)).Count() < rows.Count
            ? $"{note}; mappings of one kind are one row: --region shows each"
            : StackText.Note(report);

    /// <summary>One row a line of code and reserver, over all mappings of one kind: an allocator's arenas, a file in all processes.</summary>
    private static List<ToucherRow> OverMappings(ChargedCode charged, IReadOnlyList<ToucherRow> rows)
    {
        var sums = rows.GroupBy(row => CodeAndPlace(charged, row)).Select(group => Sum(group.Key.Place, [.. group])).ToList();
        sums.Sort((a, b) => Ordering.ByFaults(a.Counts, b.Counts, CompareNames(a, b)));
        return sums;
    }

    private static (string Code, string? Mapper, string Place) CodeAndPlace(ChargedCode charged, ToucherRow row)
        => (row.Code, row.Mapper, charged.PlaceOf(row.Region));

    private static ToucherRow Sum(string place, List<ToucherRow> rows)
    {
        if (rows is [var only])
            return only;
        var counts = FaultCounts.Sum(rows.Select(row => row.Counts));
        var (through, most) = InnerOfMost(rows);
        return new ToucherRow(null, null, counts, rows.Sum(row => row.Share), rows[0].Code, through, rows[0].Mapper)
        {
            Place = $"{Units.Count(rows.Count)} × {(place == RegionNames.PlaceOf(rows[0].Region) ? RegionNames.Of(rows[0].Region) : place)}",
            ThroughFaults = most,
        };
    }

    /// <summary>The innermost function of most of these faults; null: none, or the code itself.</summary>
    public static (string? Function, long Faults) InnerOfMost(List<ToucherRow> rows)
    {
        var most = rows.Where(row => row.Through is not null).GroupBy(row => row.Through).MaxBy(group => group.Sum(row => row.ThroughFaults));
        var faults = most?.Sum(row => row.ThroughFaults) ?? 0;
        return 2 * faults > rows.Sum(row => row.Counts.Faults) ? (most!.Key, faults) : (null, 0);
    }

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
            byRegion.Add(region.Key!.Value, shares);
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
        => a.RegionId != b.RegionId ? Nullable.Compare(a.RegionId, b.RegionId)
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
