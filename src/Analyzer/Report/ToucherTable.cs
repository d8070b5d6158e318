using Faultrec.Traces;

namespace Faultrec.Analyzer;

/// <summary>Who touched a region, and who made it.</summary>
/// <param name="RegionId">0: no known mapping.</param>
/// <param name="Share">Of the report's faults.</param>
/// <param name="Code">The program's own frame nearest to the fault (<see cref="OwnCode"/>).</param>
/// <param name="Through">The innermost function, where it is another; of several the one with the most faults.</param>
/// <param name="Mapper">The program's own frame nearest to the call that made the region; null where not known.</param>
public sealed record ToucherRow(int RegionId, Region? Region, FaultCounts Counts, double Share, string Code, string? Through, string? Mapper);

/// <summary>Rows of the table "reserved by A, paid for by B": a region and a line of the program that faulted in it.</summary>
internal static class ToucherTable
{
    public static List<ToucherRow> Build(TraceMetadata metadata, FrameNames names, RegionIndex regions, RegionStackAggregate pairs, Func<long, double> share)
    {
        var table = metadata.Stacks!;
        var own = new OwnCode(table, names);
        var touchers = new Dictionary<(int Region, int Line), Toucher>();
        foreach (var ((regionId, stack), counts) in pairs.Counts)
        {
            var region = regions.Find(regionId);
            var frame = own.FrameOf(stack);
            var key = (region?.Id ?? 0, names.LineIdOf(frame));
            if (!touchers.TryGetValue(key, out var toucher))
                touchers.Add(key, toucher = new Toucher(region, frame));
            toucher.Add(table.NodeFrames[stack], names, counts);
        }

        var rows = new List<ToucherRow>(touchers.Count);
        foreach (var toucher in touchers.Values)
        {
            var mapper = toucher.Region?.MapperStack is { } stack && (uint)stack < (uint)table.NodeFrames.Count ? names.Long(own.FrameOf(stack)) : null;
            rows.Add(new ToucherRow(
                toucher.Region?.Id ?? 0, toucher.Region, toucher.Counts, share(toucher.Counts.Faults), names.Long(toucher.Frame), toucher.Through(names), mapper));
        }

        rows.Sort((a, b) => Ordering.ByFaults(
            a.Counts, b.Counts, a.RegionId != b.RegionId ? a.RegionId.CompareTo(b.RegionId) : string.CompareOrdinal(a.Code, b.Code)));
        return rows;
    }

    private sealed class Toucher(Region? region, int frame)
    {
        private readonly Dictionary<int, long> _innermost = [];
        private FaultCounts _counts;

        public Region? Region => region;

        public int Frame => frame;

        public FaultCounts Counts => _counts;

        public void Add(int innermost, FrameNames names, in FaultCounts counts)
        {
            _counts.Merge(counts);
            var function = names.FunctionIdOf(innermost);
            _innermost[function] = _innermost.GetValueOrDefault(function) + counts.Faults;
        }

        public string? Through(FrameNames names)
        {
            var (most, name) = (0L, "");
            foreach (var (function, faults) in _innermost)
            {
                var candidate = names.Function(function).Name;
                if (faults > most || (faults == most && string.CompareOrdinal(candidate, name) < 0))
                    (most, name) = (faults, candidate);
            }

            return name == names.Function(names.FunctionIdOf(frame)).Name ? null : name;
        }
    }
}
