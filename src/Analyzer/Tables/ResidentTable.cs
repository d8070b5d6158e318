using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Residency;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Tables;

/// <summary>Resident memory by the code that touched it.</summary>
/// <param name="PeakPages">Resident at the moment when most was.</param>
/// <param name="KeptPages">Resident at the end, or when the process ended.</param>
/// <param name="BornPages">Pages that became resident, each time that they did.</param>
/// <param name="Region">Where most of its pages at the peak are.</param>
internal sealed record ResidentRow(
    string Code, string? Through, long PeakPages, double Share, long KeptPages, long BornPages, double PageSeconds, int RegionId, Region? Region);

internal static class ResidentTable
{
    private const double BytesPerGib = 1L << 30;

    public static TableDefinition<ResidentRow> Definition { get; } = new()
    {
        Name = "resident",
        Title = "resident memory by code",
        Question = "which code made memory resident: at the peak, at the end",
        JsonKey = "resident/lines",
        JsonMembers = (json, report) =>
        {
            if (report.Memory is not { } memory)
                return;
            json.WriteNumber("peak_bytes", memory.Bytes(memory.Account.Peak));
            json.WriteNumber("peak_ns", memory.Account.PeakNs);
            json.WriteNumber("lazily_freed_bytes", memory.Bytes(memory.Account.LazilyFreed));
        },
        Needs = [ResidentFacts.Measure],
        FollowUp = ResidentFacts.FollowUp,
        IsInReport = false,
        Rows = Rows,
        Columns = (table, report) => table
            .Integer("peak_bytes", "at peak", "resident when all processes together had most", CellFormat.Bytes, ColumnAudience.Everyone,
                row => Bytes(report, row.PeakPages))
            .Real("share", "share", "of all that was resident then", CellFormat.Percent, ColumnAudience.Everyone, row => row.Share)
            .Integer("kept_bytes", "kept", "resident at the end, or when the process ended", CellFormat.Bytes, ColumnAudience.Everyone,
                row => Bytes(report, row.KeptPages))
            .Integer("born_bytes", "became resident", "sum of all that became resident, each time that it did", CellFormat.Bytes, ColumnAudience.Everyone,
                row => Bytes(report, row.BornPages))
            .Real("gib_seconds", "GiB·s", "resident memory times the time for which it was", CellFormat.Ratio, ColumnAudience.Everyone,
                row => row.PageSeconds * report.Metadata.PageSize / BytesPerGib)
            .Integer("region_id", "id", "id of the region with most of it; 0: no known mapping", CellFormat.Id, ColumnAudience.Wide, row => row.RegionId)
            .Text("region", "region", "mapping with most of it", ColumnAudience.Everyone, row => RegionNames.Of(row.Region))
            .Text("code", "touched by", "innermost frame of the program's own code", ColumnAudience.Wide, row => row.Code)
            .Text("through", "in", "library function that faulted for it; empty: the code itself did", ColumnAudience.Wide, row => row.Through)
            .Below(row => new RowText.Story(row.Code + (row.Through is { } function ? $", in {function}" : ""), IsDim: false)),
        Note = report => report.Memory?.Note(),
        WhyEmpty = ResidentFacts.WhyEmpty,
    };

    private static long Bytes(FaultReport report, long pages) => pages * report.Metadata.PageSize;

    private static List<ResidentRow> Rows(FaultReport report)
    {
        if (report.Memory is not { } memory)
            return [];
        var (sums, account) = (new Dictionary<int, Sum>(), memory.Account);
        foreach (var owner in memory.Owners)
        {
            var name = memory.NameOf(owner.Key);
            if (!sums.TryGetValue(name.Line, out var sum))
                sums.Add(name.Line, sum = new Sum(name));
            sum.Add(owner, account.PeakNumber, memory.EndNs);
        }

        var rows = sums.Values.Select(sum => sum.Row(memory, report.Plan.Index)).Where(row => row.PeakPages + row.KeptPages + row.BornPages > 0).ToList();
        rows.Sort((a, b) => Ordering.ByMemory((a.PeakPages, a.KeptPages), (b.PeakPages, b.KeptPages), string.CompareOrdinal(a.Code, b.Code)));
        return rows;
    }

    private sealed class Sum(CodeName name)
    {
        private readonly Dictionary<int, long> _regions = [];
        private long _peak;
        private long _kept;
        private long _born;
        private double _pageSeconds;

        public void Add(PageOwner owner, int peak, long endNs)
        {
            var atPeak = owner.PagesAtPeak(peak);
            _regions[owner.Key.RegionId] = _regions.GetValueOrDefault(owner.Key.RegionId) + atPeak;
            _peak += atPeak;
            _kept += owner.Kept;
            _born += owner.Born;
            _pageSeconds += owner.PageSeconds(endNs);
        }

        public ResidentRow Row(ResidentFacts memory, RegionIndex index)
        {
            var region = _regions.OrderByDescending(pages => pages.Value).ThenBy(pages => pages.Key).First().Key;
            return new ResidentRow(
                name.Name, name.Through, _peak, memory.ShareOfPeak(_peak), _kept, _born, _pageSeconds, region, index.Find(region));
        }
    }
}
