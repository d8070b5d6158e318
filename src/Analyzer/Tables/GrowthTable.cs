using Faultrec.Analyzer.Residency;

namespace Faultrec.Analyzer.Tables;

/// <summary>Memory that became resident within the window and stayed.</summary>
/// <param name="GrownPages">Pages that became resident within the window, and were so at its end or when their process ended.</param>
/// <param name="BornPages">All that became resident within the window, each time that it did.</param>
/// <param name="PagesPerSecond">Slope of the straight line that fits the growth best.</param>
/// <param name="Straightness">How well it fits: 1 for a straight line; null where nothing changed.</param>
internal sealed record GrowthRow(string Code, string? Through, long GrownPages, double Share, long BornPages, double PagesPerSecond, double? Straightness)
{
    /// <summary>Of all that became resident, the part that stayed.</summary>
    public double KeptShare => BornPages == 0 ? 0 : Math.Min(1, (double)GrownPages / BornPages);
}

internal static class GrowthTable
{
    private const double NsPerSecond = 1e9;

    public static TableDefinition<GrowthRow> Definition { get; } = new()
    {
        Name = "growth",
        Title = "growth",
        Question = "which code's memory came and stayed, between --from and --to",
        JsonKey = "growth",
        Needs = [ResidentFacts.Measure],
        FollowUp = ResidentFacts.FollowUp,
        IsInReport = false,
        Rows = Rows,
        Columns = (table, report) => table
            .Integer("grown_bytes", "grown by", "became resident within the time looked at, and still was at its end or when the process ended",
                CellFormat.Bytes, ColumnAudience.Everyone, row => row.GrownPages * report.Metadata.PageSize)
            .Real("share", "share", "of all growth", CellFormat.Percent, ColumnAudience.Everyone, row => row.Share)
            .Integer("bytes_per_s", "per second", "slope of the straight line that fits the growth best, bytes a second", CellFormat.Bytes,
                ColumnAudience.Everyone, row => (long)Math.Max(0, row.PagesPerSecond * report.Metadata.PageSize))
            .Real("straightness", "straight", "how well that line fits: 1 is a straight line", CellFormat.Ratio, ColumnAudience.Everyone,
                row => row.Straightness)
            .Integer("born_bytes", "became resident", "all that became resident within the time looked at, each time that it did", CellFormat.Bytes,
                ColumnAudience.Everyone, row => row.BornPages * report.Metadata.PageSize)
            .Real("kept_share", "kept", "the part of it that stayed", CellFormat.Percent, ColumnAudience.Everyone, row => row.KeptShare)
            .Text("code", "touched by", "innermost frame of the program's own code", ColumnAudience.Wide, row => row.Code)
            .Text("through", "in", "library function that faulted for it; empty: the code itself did", ColumnAudience.Wide, row => row.Through)
            .Below(row => new RowText.Story(row.Code + (row.Through is { } function ? $", in {function}" : ""), IsDim: false)),
        Note = report => report.Memory is null ? null
            : "pages are charged to the code that touched them first, which need not be the code that keeps them; " + report.Memory.Note(),
        WhyEmpty = report => ResidentFacts.WhyEmpty(report) ?? "no memory became resident and stayed within the time looked at",
    };

    private static List<GrowthRow> Rows(FaultReport report)
    {
        if (report.Memory is not { } memory)
            return [];
        var total = memory.Owners.Sum(owner => owner.Grown);
        var window = report.Plan.Window;
        var stepSeconds = (window.ToNs - window.FromNs) / NsPerSecond / MemoryAccount.SampleCount;
        var rows = memory.Owners.Where(owner => owner.Key.Cause != BirthCause.Before).GroupBy(owner => memory.NameOf(owner.Key).Line).Select(owners =>
        {
            var name = memory.NameOf(owners.First().Key);
            var samples = new double[MemoryAccount.SampleCount + 1];
            foreach (var owner in owners)
            {
                for (var i = 0; i < owner.Samples.Count; i++)
                    samples[i + 1] += owner.Samples[i];
            }

            var grown = owners.Sum(owner => owner.Grown);
            var (slope, straightness) = Fit(samples);
            return new GrowthRow(
                name.Name, name.Through, grown, total == 0 ? 0 : (double)grown / total, owners.Sum(owner => owner.Born), slope / stepSeconds, straightness);
        }).Where(row => row.GrownPages > 0).ToList();
        rows.Sort((a, b) => a.GrownPages != b.GrownPages ? b.GrownPages.CompareTo(a.GrownPages) : string.CompareOrdinal(a.Code, b.Code));
        return rows;
    }

    /// <summary>Least squares: the slope a step, and the square of the correlation.</summary>
    private static (double Slope, double? Straightness) Fit(double[] values)
    {
        var (middle, mean) = ((values.Length - 1) / 2.0, values.Average());
        double covariance = 0, ofSteps = 0, ofValues = 0;
        for (var i = 0; i < values.Length; i++)
        {
            covariance += (i - middle) * (values[i] - mean);
            ofSteps += (i - middle) * (i - middle);
            ofValues += (values[i] - mean) * (values[i] - mean);
        }

        return (covariance / ofSteps, ofValues == 0 ? null : covariance * covariance / (ofSteps * ofValues));
    }
}
