using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Files;

namespace Faultrec.Analyzer.Tables;

/// <summary>What a table counts in a pass of its own, which needs the results of the first pass or its freed memory.</summary>
internal abstract class FollowUp
{
    /// <returns>What was counted; null: there is nothing to look for.</returns>
    public abstract object? Run(TraceReader reader, FaultReport report);
}

/// <param name="plan">Given a report whose first pass is done, which faults to scan and with what; null: none.</param>
internal sealed class FollowUp<TSink>(Func<FaultReport, (FaultFilter Filter, Func<TSink> Start)?> plan) : FollowUp
    where TSink : class, IFaultSink<TSink>
{
    public override object? Run(TraceReader reader, FaultReport report)
        => plan(report) is var (filter, start) ? TraceScan.Run(reader, filter, start) : null;
}
