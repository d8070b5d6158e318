using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Tables;

namespace Faultrec.Analyzer.Budgets;

/// <summary>How much of the memory that first touches mapped came as transparent huge pages?</summary>
internal static class HugeShare
{
    /// <summary>
    /// Pages that faults of kind `huge` mapped over these and the pages that other first touches of anonymous memory mapped. Faults of unknown
    /// kind count as such touches, so that missing facts never make the share larger.
    /// </summary>
    /// <param name="whyUnknown">Null if the result is known.</param>
    public static double? Of(FaultReport report, out string? whyUnknown)
    {
        whyUnknown = null;
        long huge = 0, small = 0;
        foreach (var row in report.Rows(KindTable.Definition))
        {
            if (row.Kind == FaultKind.Huge)
            {
                huge += row.Pages;
            }
            else if (row.Kind is FaultKind.AnonWrite or FaultKind.ZeroRead or FaultKind.KernelAccess or FaultKind.HugeFallback or FaultKind.Mthp
                or FaultKind.MthpFallback or FaultKind.StackGrowth or FaultKind.Unknown)
            {
                small += row.Pages;
            }
        }

        if (!KindRule.CanTell(report.Metadata))
            whyUnknown = "the recording has no page-table facts, which show huge pages";
        else if (huge + small == 0)
            whyUnknown = "no anonymous memory was touched for the first time";
        return whyUnknown is null ? (double)huge / (huge + small) : null;
    }
}
