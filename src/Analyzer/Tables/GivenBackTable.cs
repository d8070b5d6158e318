namespace Faultrec.Analyzer.Tables;

/// <summary>Memory that a line of the program gave back by one call.</summary>
/// <param name="Pages">Of the ranges, the pages that were resident.</param>
/// <param name="AgainPages">Of these, those that were touched again.</param>
internal sealed record GivenBackRow(string Call, string Region, string Code, long Ranges, long Pages, long AgainPages, long AgainFaults, long AgainNs)
{
    public double AgainShare => Pages == 0 ? 0 : Math.Min(1, (double)AgainPages / Pages);
}

internal static class GivenBackTable
{
    public static TableDefinition<GivenBackRow> Definition { get; } = new()
    {
        Name = "release",
        Title = "memory given back",
        Question = "which code gave memory back, and how much was touched again",
        JsonKey = "releases",
        Needs = [ResidentFacts.Measure],
        FollowUp = ResidentFacts.FollowUp,
        IsInReport = false,
        Rows = Rows,
        Columns = (table, report) => table
            .Integer("bytes", "given back", "resident memory in the ranges", CellFormat.Bytes, ColumnAudience.Everyone,
                row => row.Pages * report.Metadata.PageSize)
            .Integer("ranges", "ranges", "ranges that were given back; neighbours of one moment are one", CellFormat.Count, ColumnAudience.Everyone,
                row => row.Ranges)
            .Text("call", "by", "the call; madvise free: the kernel takes it when it needs memory", ColumnAudience.Everyone, row => row.Call)
            .Text("region", "region", "name of the mappings", ColumnAudience.Everyone, row => row.Region)
            .Integer("again_bytes", "again", "became resident at the same addresses again", CellFormat.Bytes, ColumnAudience.Everyone,
                row => row.AgainPages * report.Metadata.PageSize)
            .Real("again_share", "share", "of what was given back", CellFormat.Percent, ColumnAudience.Everyone, row => row.AgainShare)
            .Integer("again_faults", "faults", "faults that made it resident again", CellFormat.Count, ColumnAudience.Wide, row => row.AgainFaults)
            .Integer("again_ns", "cost", "sum of the known durations of these faults", CellFormat.DurationNs, ColumnAudience.Everyone, row => row.AgainNs)
            .Text("code", "released by", "innermost frame of the program's own code", ColumnAudience.Wide, row => row.Code)
            .Below(row => new RowText.Story(row.Code, IsDim: false)),
        Note = report => report.Memory?.Note(),
        WhyEmpty = report => ResidentFacts.WhyEmpty(report)
            ?? (report.Metadata.Releases is null ? "this trace does not tell what was given back"
                : "no resident memory was given back but by processes that ended"),
    };

    private static List<GivenBackRow> Rows(FaultReport report)
    {
        if (report.Memory is not { } memory || report.Metadata.Releases is null)
            return [];
        var rows = memory.Account.Sites.GroupBy(site => (site.Call, site.Region, memory.NameOf(site.Stack).Line)).Select(sites =>
        {
            var again = sites.SelectMany(site => site.Again.Values).ToList();
            return new GivenBackRow(
                sites.Key.Call, sites.Key.Region, memory.NameOf(sites.First().Stack).Name, sites.Sum(site => site.Ranges), sites.Sum(site => site.Pages),
                again.Sum(one => one.Pages), again.Sum(one => one.Faults), again.Sum(one => one.DurationNs));
        }).Where(row => row.Pages > 0).ToList();
        rows.Sort((a, b) => a.Pages != b.Pages ? b.Pages.CompareTo(a.Pages)
            : string.CompareOrdinal(a.Code, b.Code) is not 0 and var byCode ? byCode
            : string.CompareOrdinal(a.Call + a.Region, b.Call + b.Region));
        return rows;
    }
}
