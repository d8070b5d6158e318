using System.Globalization;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Tables;

/// <summary>Where a run's start-up ends: at the knee of the curve of its new pages, if that curve is bent so much that nothing else can be meant.</summary>
/// <param name="EndNs">End of the step with the knee.</param>
/// <param name="PageShare">Of all new pages, those before it.</param>
/// <param name="TimeShare">Of the time, that before it.</param>
internal readonly record struct StartUp(long EndNs, double PageShare, double TimeShare)
{
    private const long FewestPages = 1000;
    private const double LeastPages = 0.8;
    private const double MostTime = 0.5;

    /// <summary>Of the average step of the start-up: what a step after it may have at most.</summary>
    private const double MostLater = 0.25;

    /// <summary>Of the time, and of the pages before the knee, which have come by then: else the program waited first for something else.</summary>
    private const double Begin = 0.1;

    /// <param name="newPages">By step of the axis.</param>
    /// <returns>Null: the curve does not show where start-up ends.</returns>
    public static StartUp? Of(IReadOnlyList<long> newPages, TimeAxis axis)
    {
        var (total, steps) = (newPages.Sum(), newPages.Count);
        if (total < FewestPages)
            return null;
        // The point of the curve that is farthest above the straight line from its begin to its end.
        var (knee, farthest, touched, before) = (0, double.NegativeInfinity, 0L, 0L);
        for (var i = 0; i < steps; i++)
        {
            touched += newPages[i];
            if ((double)touched / total - (i + 1.0) / steps is var above && above > farthest)
                (knee, farthest, before) = (i + 1, above, touched);
        }

        var (pageShare, timeShare, eachStep) = ((double)before / total, (double)knee / steps, (double)before / knee);
        var hasBegun = newPages.Take((int)(Begin * steps)).Sum() >= Begin * before;
        return pageShare >= LeastPages && timeShare <= MostTime && hasBegun && newPages.Skip(knee).All(pages => pages <= MostLater * eachStep)
            ? new StartUp(axis.StartNs(knee - 1) + axis.LengthNs(knee - 1), pageShare, timeShare)
            : null;
    }

    /// <summary>"start-up ended at 1.20 s: 93 % of the new pages came in the first 8 % of the time (--from 1200ms leaves it out)".</summary>
    public string Describe() => string.Create(CultureInfo.InvariantCulture,
        $"start-up ended at {Units.Duration(EndNs)}: {Units.Percent(PageShare)} of the new pages came in the first {Units.Percent(TimeShare)} of the time ")
        + $"(--from {EndNs / 1_000_000}ms leaves it out)";
}
