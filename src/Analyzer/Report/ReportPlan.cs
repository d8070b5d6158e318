using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Report;

/// <summary>What a report counts, resolved against one trace; the threads of a scan share it, and with it what needs the faults in order.</summary>
public sealed class ReportPlan
{
    /// <param name="groups">The file's; they may have times outside the recording's own.</param>
    public ReportPlan(TraceMetadata metadata, IEnumerable<RowGroupInfo> groups, FaultFilter filter, ReportParts parts)
    {
        (Metadata, Filter, Parts) = (metadata, filter, parts);
        Index = new RegionIndex(metadata.Regions);
        Window = TimeAxis.Whole(metadata, groups, filter);
        Frames = parts.HasFlag(ReportParts.Memory) && KindRule.CanTell(metadata) ? new SharedFrames(Index, metadata.PageSize) : null;
        FirstTouches = parts.HasFlag(ReportParts.Time) ? new FirstTouchAggregate(Index, metadata.PageSize, Window.Round(TimeAggregate.MostBuckets)) : null;
    }

    public TraceMetadata Metadata { get; }

    public FaultFilter Filter { get; }

    public ReportParts Parts { get; }

    public RegionIndex Index { get; }

    /// <summary>One bucket: the time that the filter leaves of the recording.</summary>
    public TimeAxis Window { get; }

    /// <summary>Null: page tables and physical memory are not asked for, or the trace has no page-table facts.</summary>
    internal SharedFrames? Frames { get; }

    /// <summary>Sees the faults in the order of time; null: not asked for.</summary>
    public FirstTouchAggregate? FirstTouches { get; }
}
