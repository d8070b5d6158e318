using Faultrec.Traces;

namespace Faultrec.Analyzer;

/// <summary>Everything a report counts, fed in one pass.</summary>
/// <param name="withTasks">Whether to count by process, thread and name: names are the dearest column to read.</param>
public sealed class ReportAggregates(TraceMetadata metadata, RegionIndex index, bool withTasks) : IFaultSink<ReportAggregates>
{
    public KindAggregate Kinds { get; } = new();

    public RegionAggregate Regions { get; } = new(index, metadata.PageSize);

    public TaskAggregate? Tasks { get; } = withTasks ? new TaskAggregate() : null;

    public FaultColumns Columns
        => FaultColumns.DurationNs | FaultColumns.Pid | FaultColumns.Address | FaultColumns.RegionId
            | (withTasks ? FaultColumns.Tid | FaultColumns.Comm : FaultColumns.None);

    public void Add(FaultBatch batch, ReadOnlySpan<Severity> severities)
    {
        Kinds.Add(batch, severities);
        Regions.Add(batch, severities);
        Tasks?.Add(batch, severities);
    }

    public void Merge(ReportAggregates other)
    {
        Kinds.Merge(other.Kinds);
        Regions.Merge(other.Regions);
        if (other.Tasks is not null)
            Tasks?.Merge(other.Tasks);
    }
}
