using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Tables;

namespace Faultrec.Analyzer.Screen;

/// <param name="Share">Of all faults.</param>
/// <param name="TimeShare">Of the time in all faults; null: not known.</param>
internal sealed record FamilyShare(KindFamily Family, long Faults, double Share, long TimeNs, double? TimeShare)
{
    public double LargerShare => Math.Max(Share, TimeShare ?? 0);

    /// <summary>The families that the report has, most faults first.</summary>
    public static IReadOnlyList<FamilyShare> Of(FaultReport report)
    {
        var rows = report.Rows(KindTable.Definition);
        var (allFaults, allNs) = (rows.Sum(row => row.Counts.Faults), rows.Sum(row => row.Latency.SumNs ?? 0));
        var ofForks = report.Find(ForkAggregate.Measure)?.Reused ?? default;
        return [.. KindFamily.All.Select(Sum).Where(share => share.Faults > 0).OrderByDescending(share => share.Faults)];

        FamilyShare Sum(KindFamily family)
        {
            var own = rows.Where(row => family.Kinds.Contains(row.Kind)).ToList();
            var sign = family == KindFamily.Fork ? 1 : family == KindFamily.Reuse ? -1 : 0;
            var faults = own.Sum(row => row.Counts.Faults) + (sign * ofForks.Faults);
            var ns = own.Sum(row => row.Latency.SumNs ?? 0) + (sign * ofForks.DurationNs);
            return new FamilyShare(family, faults, (double)faults / Math.Max(allFaults, 1), ns, allNs == 0 ? null : (double)ns / allNs);
        }
    }
}
