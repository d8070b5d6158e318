using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Screen;

/// <summary>What faults cost: in all, one of them, the worst; and how many were major.</summary>
internal static class Cost
{
    public static string Describe(FaultReport report)
    {
        var (latency, about) = (report.Totals.Latency, report.Sample is null ? "" : "about ");
        if (latency is not { SumNs: { } sum, P50Ns: { } typical, MaxNs: { } worst })
            return $"{Major(report)}; how long faults took is not known";
        var share = report.FaultTime.ShareOfWall is { } wall and <= 1 ? $", {Units.Percent(wall)} of the recording" : "";
        return $"{about}{Units.Duration(sum)} in faults{share}; {Units.Duration(typical)} typical, {Units.Duration(worst)} worst; {Major(report)}";
    }

    private static string Major(FaultReport report)
    {
        var counts = report.Totals.Counts;
        if (counts.Unknown > 0)
            return "which were major is not known";
        if (counts.Major == 0)
            return report.Sample is { CountsExact: false } ? "none of the recorded ones was major" : "none was major";
        return $"{(report.Sample is { CountsExact: false } ? "about " : "")}{Units.Count(counts.Major)} {(counts.Major == 1 ? "was" : "were")} major";
    }
}
