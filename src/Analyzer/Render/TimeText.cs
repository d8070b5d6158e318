using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Render;

/// <summary>What the tables of time need said beside their figures.</summary>
internal static class TimeText
{
    /// <summary>Faults over time in one line of at most <see cref="TextLines.Width"/> columns; null when all were in one bucket.</summary>
    public static string? ActivityLine(FaultReport report)
    {
        if (report.Activity is not { } activity || activity.Faults.Count(faults => faults > 0) < 2)
            return null;
        var spark = HeatRow.Spark(HeatRow.Join(activity.Faults)).TrimEnd();
        return $"over time {spark} ({Units.Duration(activity.Axis.BucketNs)} each)";
    }

    public static string TimelineNote(FaultReport report)
        => $"{Units.Duration(report.TimeAxis?.BucketNs ?? 0)} a row; resident is an estimate: pages touched so far whose region still existed; pages that were mapped along with another "
            + "(huge pages, fault-around) are not in it, pages that were given back or swapped out are";

    public static string HeatNote(FaultReport report)
        => $"{Units.Duration(report.HeatAxis?.BucketNs ?? 0)} a row, a 64th of the region's address range a character, lowest first";

    public const string LocalityNote
        = "in order: steps of a thread to the next page up or down; mean and longest run in pages; refault after: faults of the process between two on a page, at the median; "
            + "shared pages were faulted on again by another thread than the first; strides: pages from a thread's fault to its next, and share of the steps";

    public static string StormNote(FaultReport report)
        => $"a storm is made of windows of {Units.Duration(report.StormAxis?.BucketNs ?? 0)} with at least {StormWindows.Factor} times the faults of the median window that has any, and at least "
            + $"{Units.Count(StormWindows.FloorPerSecond)} a second; or with {StormWindows.Factor} times its time in faults, and at least {StormWindows.FloorPercent} % of the window";

    public static string FirstTouchNote(FaultReport report)
        => $"{Units.Duration(report.TimeAxis?.BucketNs ?? 0)} a character, from {Units.Duration(report.TimeAxis?.FromNs ?? 0)} on";
}
