namespace Faultrec.Analyzer.Tables;

/// <summary>Resident memory by the code that reserved it.</summary>
/// <param name="PeakPages">Resident at the moment when all processes together had most.</param>
/// <param name="KeptPages">Resident at the end, or when the process ended.</param>
internal sealed record ReservedRow(string Code, long PeakPages, double Share, long KeptPages);

internal static class ReservedTable
{
    public static TableDefinition<ReservedRow> Definition { get; } = new()
    {
        Name = "reserved",
        Title = "resident memory by the code that reserved it",
        Question = "which code reserved the memory that is resident",
        JsonKey = "resident/reservers",
        Needs = [ResidentFacts.Measure],
        FollowUp = ResidentFacts.FollowUp,
        IsInReport = false,
        Rows = Rows,
        Columns = (table, report) => table
            .Integer("peak_bytes", "at peak", "resident when all processes together had most", CellFormat.Bytes, ColumnAudience.Everyone,
                row => row.PeakPages * report.Metadata.PageSize)
            .Real("share", "share", "of all that was resident then", CellFormat.Percent, ColumnAudience.Everyone, row => row.Share)
            .Integer("kept_bytes", "kept", "resident at the end, or when the process ended", CellFormat.Bytes, ColumnAudience.Everyone,
                row => row.KeptPages * report.Metadata.PageSize)
            .Text("code", "reserved by", "innermost frame of the program's own code in the call that reserved it", ColumnAudience.Everyone, row => row.Code),
        Note = report => report.Memory?.Note(),
        WhyEmpty = ResidentFacts.WhyEmpty,
    };

    private static List<ReservedRow> Rows(FaultReport report)
    {
        if (report.Memory is not { } memory)
            return [];
        var account = memory.Account;
        var rows = memory.Owners.Select(owner => (Owner: owner, Reserver: memory.ReserverOf(owner.Key))).GroupBy(pair => pair.Reserver.Line).Select(pairs =>
        {
            var peak = pairs.Sum(pair => pair.Owner.PagesAtPeak(account.PeakNumber));
            return new ReservedRow(
                pairs.First().Reserver.Name, peak, memory.ShareOfPeak(peak),
                pairs.Sum(pair => pair.Owner.Kept));
        }).Where(row => row.PeakPages + row.KeptPages > 0).ToList();
        rows.Sort((a, b) => Ordering.ByMemory((a.PeakPages, a.KeptPages), (b.PeakPages, b.KeptPages), string.CompareOrdinal(a.Code, b.Code)));
        return rows;
    }
}
