using Faultrec.Traces;

namespace Faultrec.Analyzer;

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
        Locality = parts.HasFlag(ReportParts.Locality) && !SampleFacts.IsSample(metadata) ? new LocalityAggregate(Index, metadata.PageSize) : null;
    }

    public TraceMetadata Metadata { get; }

    public FaultFilter Filter { get; }

    public ReportParts Parts { get; }

    public RegionIndex Index { get; }

    /// <summary>One bucket: the time that the filter leaves of the recording.</summary>
    public TimeAxis Window { get; }

    /// <summary>Null: page tables and physical memory are not asked for, or the trace has no page-table facts.</summary>
    internal SharedFrames? Frames { get; }

    /// <summary>This and what follows sees the faults in the order of time; null: not asked for.</summary>
    public FirstTouchAggregate? FirstTouches { get; }

    /// <summary>Null also for a sample, which does not know what came before a fault.</summary>
    public LocalityAggregate? Locality { get; }

    internal FaultColumns OrderedColumns
        => (FirstTouches is not null ? FirstTouchAggregate.Columns : FaultColumns.None)
            | (Locality is not null ? LocalityAggregate.Columns : FaultColumns.None);

    internal bool NeedsOrder => FirstTouches is not null || Locality is not null;

    internal void AddInOrder(FaultBatch batch)
    {
        FirstTouches?.Add(batch, batch.Count);
        Locality?.Add(batch, batch.Count);
    }
}
