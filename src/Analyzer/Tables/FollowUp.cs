using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Files;

namespace Faultrec.Analyzer.Tables;

/// <summary>What a table counts in a pass of its own: after the first one is known, or after it has given its memory back.</summary>
internal abstract class FollowUp
{
    /// <returns>What was counted; null: there is nothing to look for.</returns>
    public abstract object? Run(TraceReader reader, FaultReport report);
}

/// <param name="plan">Of a report whose first pass is done, which faults to look at and with what; null: none.</param>
internal sealed class FollowUp<TSink>(Func<FaultReport, (FaultFilter Filter, Func<TSink> Start)?> plan) : FollowUp
    where TSink : class, IFaultSink<TSink>
{
    public override object? Run(TraceReader reader, FaultReport report)
        => plan(report) is var (filter, start) ? TraceScan.Run(reader, filter, start) : null;
}
