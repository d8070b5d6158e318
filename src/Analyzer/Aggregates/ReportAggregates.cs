using Faultrec.Traces;

namespace Faultrec.Analyzer;

/// <summary>Everything a report counts, fed in one pass.</summary>
/// <param name="withTasks">Whether to count by process, thread and name: names are the dearest column to read.</param>
/// <param name="withStacks">Whether to count by stack, where the trace has stacks.</param>
public sealed class ReportAggregates(TraceMetadata metadata, RegionIndex index, bool withTasks, bool withStacks) : IFaultSink<ReportAggregates>
{
    private readonly bool _seesGup = BackendFacts.SeesGup(metadata.Backend);

    public KindAggregate Kinds { get; } = new(KindRule.CanTell(metadata));

    public RegionAggregate Regions { get; } = new(index, metadata.PageSize);

    public TaskAggregate? Tasks { get; } = withTasks ? new TaskAggregate() : null;

    /// <summary>Null: the trace is no sample, every row is one fault.</summary>
    public SampleAggregate? Sample { get; } = SampleFacts.IsSample(metadata) ? new SampleAggregate() : null;

    /// <summary>Null: `--handlers` was not given.</summary>
    public HandlerAggregate? Handlers { get; } = metadata.Handlers.Count > 0 ? new HandlerAggregate() : null;

    /// <summary>This and the next: null without page-table facts.</summary>
    public PageTableAggregate? PageTable { get; } = KindRule.CanTell(metadata) ? new PageTableAggregate(metadata, index) : null;

    public PhysicalAggregate? Physical { get; } = KindRule.CanTell(metadata) ? new PhysicalAggregate(metadata, index) : null;

    /// <summary>Null: `--why` was not given.</summary>
    public CauseAggregate? Causes { get; } = metadata.Causes.Count > 0 ? new CauseAggregate() : null;

    /// <summary>Null: not counted, or there are no durations.</summary>
    public WorstAggregate? Worst { get; } = withTasks && BackendFacts.HasDurations(metadata.Backend) ? new WorstAggregate(metadata.Causes.Count > 0) : null;

    /// <summary>Null: `--slab` was not given.</summary>
    public SlabAggregate? Slab { get; } = metadata.Slab is null ? null : new SlabAggregate();

    /// <summary>This and the next: null without stacks, or not counted.</summary>
    public StackAggregate? Stacks { get; } = withStacks && metadata.Stacks is { } stacks ? new StackAggregate(stacks.NodeFrames.Count) : null;

    public RegionStackAggregate? RegionStacks { get; } = withStacks && metadata.Stacks is { } stacks ? new RegionStackAggregate(stacks.NodeFrames.Count) : null;

    /// <summary>Faults raised by get_user_pages.</summary>
    public long Gup { get; private set; }

    public FaultColumns Columns
        => FaultColumns.DurationNs | FaultColumns.Pid | FaultColumns.Address | FaultColumns.RegionId
            | FaultColumns.KernelAccess
            | (withTasks ? FaultColumns.Tid | FaultColumns.Comm : FaultColumns.None)
            | (_seesGup ? FaultColumns.Gup : FaultColumns.None)
            | (Sample is not null ? FaultColumns.Weight : FaultColumns.None)
            | (Handlers is not null ? FaultColumns.Handler : FaultColumns.None)
            | (PageTable is not null ? PageTableAggregate.Columns | PhysicalAggregate.Columns : FaultColumns.None)
            | (Causes is not null ? CauseAggregate.Columns : FaultColumns.None)
            | (Worst is not null ? WorstAggregate.Columns : FaultColumns.None)
            | (Slab is not null ? SlabAggregate.Columns : FaultColumns.None)
            | (Stacks is not null ? StackAggregate.Columns : FaultColumns.None);

    public void Add(FaultBatch batch, in Verdicts verdicts)
    {
        if (Sample is null)
        {
            Add(batch, verdicts, default(OneEach));
            return;
        }

        var weights = new SampledWeights(batch.Weight);
        Sample.Add(weights, verdicts.Severities);
        Add(batch, verdicts, weights);
    }

    public void Merge(ReportAggregates other)
    {
        Kinds.Merge(other.Kinds);
        Regions.Merge(other.Regions);
        if (other.Tasks is not null)
            Tasks?.Merge(other.Tasks);
        if (other.Sample is not null)
            Sample?.Merge(other.Sample);
        if (other.Handlers is not null)
            Handlers?.Merge(other.Handlers);
        if (other.PageTable is not null)
            PageTable?.Merge(other.PageTable);
        if (other.Physical is not null)
            Physical?.Merge(other.Physical);
        if (other.Causes is not null)
            Causes?.Merge(other.Causes);
        if (other.Worst is not null)
            Worst?.Merge(other.Worst);
        if (other.Slab is not null)
            Slab?.Merge(other.Slab);
        if (other.Stacks is not null)
            Stacks?.Merge(other.Stacks);
        if (other.RegionStacks is not null)
            RegionStacks?.Merge(other.RegionStacks);
        Gup += other.Gup;
    }

    private void Add<TWeights>(FaultBatch batch, in Verdicts verdicts, TWeights weights)
        where TWeights : struct, IRowWeights
    {
        var severities = verdicts.Severities;
        Kinds.Add(batch, verdicts, weights);
        Regions.Add(batch, severities, weights);
        Tasks?.Add(batch, severities, weights);
        Handlers?.Add(batch, severities, weights);
        PageTable?.Add(batch, severities, weights);
        Physical?.Add(batch, severities.Length);
        Causes?.Add(batch, severities.Length, weights);
        Worst?.Add(batch, verdicts);
        Slab?.Add(batch, severities.Length, weights);
        Stacks?.Add(batch, severities, weights);
        RegionStacks?.Add(batch, severities, weights);
        if (_seesGup)
            AddGup(batch.Gup.AsSpan(0, severities.Length), weights);
    }

    private void AddGup<TWeights>(ReadOnlySpan<bool> gup, TWeights weights)
        where TWeights : struct, IRowWeights
    {
        for (var i = 0; i < gup.Length; i++)
            Gup += gup[i] ? weights.Of(i) : 0;
    }
}
