using Faultrec.Analyzer.Facts;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Tables;

/// <summary>Resident memory of a region.</summary>
/// <param name="PeakPages">Resident at the moment when all processes together had most.</param>
/// <param name="KeptPages">Resident at the end, or when the process ended.</param>
internal sealed record ResidentRegionRow(int Id, Region? Region, int Pid, long PeakPages, double Share, long KeptPages);

internal static class ResidentRegionTable
{
    public static TableDefinition<ResidentRegionRow> Definition { get; } = new()
    {
        Name = "resident_region",
        Title = "resident memory by region",
        Question = "which mappings hold the resident memory",
        JsonKey = "resident/regions",
        Needs = [ResidentFacts.Measure],
        FollowUp = ResidentFacts.FollowUp,
        IsInReport = false,
        Rows = Rows,
        Columns = (table, report) => table
            .Integer("id", "id", "id of the region in the recording; 0: no known mapping", CellFormat.Id, ColumnAudience.Everyone, row => row.Id)
            .Text("name", "region", "file, [heap], [stack] or other name of the mapping", ColumnAudience.Everyone, row => RegionNames.Of(row.Region))
            .Integer("pid", "pid", "process of the mapping", CellFormat.Id, ColumnAudience.Everyone, row => row.Pid)
            .Integer("bytes", "size", "widest range that the mapping had", CellFormat.Bytes, ColumnAudience.Everyone,
                row => row.Region is { } region ? (long)(region.End - region.Start) : null)
            .Integer("peak_bytes", "at peak", "resident when all processes together had most", CellFormat.Bytes, ColumnAudience.Everyone,
                row => row.PeakPages * report.Metadata.PageSize)
            .Real("share", "share", "of all that was resident then", CellFormat.Percent, ColumnAudience.Everyone, row => row.Share)
            .Integer("kept_bytes", "kept", "resident at the end, or when the process ended", CellFormat.Bytes, ColumnAudience.Everyone,
                row => row.KeptPages * report.Metadata.PageSize),
        Note = report => report.Memory?.Note(),
        WhyEmpty = ResidentFacts.WhyEmpty,
    };

    private static List<ResidentRegionRow> Rows(FaultReport report)
    {
        if (report.Memory is not { } memory)
            return [];
        var account = memory.Account;
        var rows = memory.Owners.GroupBy(owner => (owner.Key.RegionId, Pid: owner.Key.RegionId == 0 ? owner.Key.Pid : 0)).Select(owners =>
        {
            var region = report.Plan.Index.Find(owners.Key.RegionId);
            var peak = owners.Sum(owner => owner.PagesAtPeak(account.PeakNumber));
            return new ResidentRegionRow(
                owners.Key.RegionId, region, region?.Pid ?? owners.Key.Pid, peak, memory.ShareOfPeak(peak),
                owners.Sum(owner => owner.Kept));
        }).Where(row => row.PeakPages + row.KeptPages > 0).ToList();
        rows.Sort((a, b) => Ordering.ByMemory((a.PeakPages, a.KeptPages), (b.PeakPages, b.KeptPages), (a.Id, a.Pid).CompareTo((b.Id, b.Pid))));
        return rows;
    }
}
