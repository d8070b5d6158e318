namespace Faultrec.Analyzer.Tables;

/// <summary>Memory that one line gave back and another touched again.</summary>
/// <param name="Setting">With which the allocator or runtime that gave it back keeps more; null: none is known.</param>
internal sealed record ChurnRow(string Call, string Releaser, string? Setting, string Toucher, string? Through, long Pages, long Faults, long DurationNs);

internal static class ChurnTable
{
    private const double NsPerSecond = 1e9;

    public static TableDefinition<ChurnRow> Definition { get; } = new()
    {
        Name = "churn",
        Title = "churn",
        Question = "which memory was given back and touched again, at what cost",
        JsonKey = "churn",
        Needs = [ResidentFacts.Measure],
        FollowUp = ResidentFacts.FollowUp,
        IsInReport = false,
        Rows = Rows,
        Columns = (table, report) => table
            .Integer("bytes", "again", "given back and made resident at the same addresses again, each time", CellFormat.Bytes, ColumnAudience.Everyone,
                row => row.Pages * report.Metadata.PageSize)
            .Integer("bytes_per_s", "per second", "over the time looked at, bytes a second", CellFormat.Bytes, ColumnAudience.Everyone,
                row => (long)(row.Pages * report.Metadata.PageSize / Seconds(report)))
            .Integer("faults", "faults", "faults that made it resident again", CellFormat.Count, ColumnAudience.Everyone, row => row.Faults)
            .Integer("again_ns", "cost", "sum of the known durations of these faults", CellFormat.DurationNs, ColumnAudience.Everyone, row => row.DurationNs)
            .Real("share", "share", "of the time looked at", CellFormat.Percent, ColumnAudience.Everyone, row => row.DurationNs / NsPerSecond / Seconds(report))
            .Text("call", "by", "the call that gave it back", ColumnAudience.Everyone, row => row.Call)
            .Text("releaser", "released by", "program's own code at that call", ColumnAudience.Wide, row => row.Releaser)
            .Text("code", "touched by", "program's own code that touched it again", ColumnAudience.Wide, row => row.Toucher)
            .Text("through", "in", "library function that faulted for it; empty: the code itself did", ColumnAudience.Wide, row => row.Through)
            .Text("setting", "setting", "how the allocator or runtime that gave it back keeps more; empty: none is known to have",
                ColumnAudience.Wide, row => row.Setting)
            .Below(row => new RowText.Story(
                $"released by {row.Releaser}; touched again by {row.Toucher}{(row.Through is { } function ? $", in {function}" : "")}"
                    + (row.Setting is { } setting ? $"; {setting}" : ""),
                IsDim: false)),
        Note = report => report.Memory?.Note(),
        WhyEmpty = report => ResidentFacts.WhyEmpty(report)
            ?? (report.Metadata.Releases is null ? "this trace does not tell what was given back" : "no memory that was given back was touched again"),
    };

    private static double Seconds(FaultReport report) => (report.Plan.Window.ToNs - report.Plan.Window.FromNs) / NsPerSecond;

    private static List<ChurnRow> Rows(FaultReport report)
    {
        if (report.Memory is not { } memory || report.Metadata.Releases is null)
            return [];
        var pairs = new Dictionary<(string Call, int Releaser, string? Setting, int Toucher), ChurnRow>();
        foreach (var site in memory.Account.Sites)
        {
            var (releaser, setting) = (memory.NameOf(site.Stack), memory.SettingFor(site));
            foreach (var (owner, again) in site.Again)
            {
                var toucher = memory.NameOf(memory.Account.Owners[owner].Key);
                var key = (site.Call, releaser.Line, setting, toucher.Line);
                var row = pairs.GetValueOrDefault(key) ?? new ChurnRow(site.Call, releaser.Name, setting, toucher.Name, toucher.Through, 0, 0, 0);
                pairs[key] = row with { Pages = row.Pages + again.Pages, Faults = row.Faults + again.Faults, DurationNs = row.DurationNs + again.DurationNs };
            }
        }

        var rows = pairs.Values.ToList();
        rows.Sort((a, b) => a.Pages != b.Pages ? b.Pages.CompareTo(a.Pages)
            : string.CompareOrdinal(a.Toucher, b.Toucher) is not 0 and var byToucher ? byToucher
            : string.CompareOrdinal(a.Releaser + a.Call, b.Releaser + b.Call));
        return rows;
    }
}
