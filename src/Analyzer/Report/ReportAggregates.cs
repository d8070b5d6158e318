using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Columns;

namespace Faultrec.Analyzer.Report;

/// <summary>Everything a report counts, fed in one pass.</summary>
public sealed class ReportAggregates(ReportPlan plan) : IFaultSink<ReportAggregates>
{
    private readonly bool _seesGup = plan.Metadata.Backend.SeesGup;

    public KindAggregate Kinds { get; } = new(KindRule.CanTell(plan.Metadata));

    public RegionAggregate Regions { get; } = new(plan.Index, plan.Metadata.PageSize);

    public TaskAggregate? Tasks { get; } = plan.Parts.HasFlag(ReportParts.Tasks) ? new TaskAggregate() : null;

    /// <summary>Null: the trace is no sample, every row is one fault.</summary>
    public SampleAggregate? Sample { get; } = SampleFacts.IsSample(plan.Metadata) ? new SampleAggregate() : null;

    /// <summary>Null: `--handlers` was not given.</summary>
    public HandlerAggregate? Handlers { get; } = plan.Metadata.Handlers.Count > 0 ? new HandlerAggregate() : null;

    /// <summary>This and the next: null without page-table facts, or not counted.</summary>
    public PageTableAggregate? PageTable { get; } = plan.Frames is null ? null : new PageTableAggregate(plan.Metadata, plan.Index);

    public PhysicalAggregate? Physical { get; } = plan.Frames is { } frames ? new PhysicalAggregate(plan.Metadata, plan.Index, frames) : null;

    /// <summary>Null: `--why` was not given.</summary>
    public CauseAggregate? Causes { get; } = plan.Metadata.Causes.Count > 0 ? new CauseAggregate(plan.Metadata) : null;

    /// <summary>Null: not counted, or there are no durations.</summary>
    public WorstAggregate? Worst { get; } = plan.Parts.HasFlag(ReportParts.Tasks) && plan.Metadata.Backend.HasDurations
        ? new WorstAggregate(plan.Metadata)
        : null;

    /// <summary>Null: `--slab` was not given.</summary>
    public SlabAggregate? Slab { get; } = plan.Metadata.Slab is null ? null : new SlabAggregate();

    /// <summary>This and the next: null without stacks, or not counted.</summary>
    public StackAggregate? Stacks { get; } = plan.Parts.HasFlag(ReportParts.Stacks) && plan.Metadata.Stacks is { } stacks
        ? new StackAggregate(stacks.NodeFrames.Count)
        : null;

    public RegionStackAggregate? RegionStacks { get; } = plan.Parts.HasFlag(ReportParts.Stacks) && plan.Metadata.Stacks is { } stacks
        ? new RegionStackAggregate(stacks.NodeFrames.Count)
        : null;

    /// <summary>This and what follows: null when not asked for.</summary>
    public ActivityAggregate? Activity { get; } = plan.Parts.HasFlag(ReportParts.Activity) ? new ActivityAggregate(plan.Window.Equal(ActivityAggregate.Buckets)) : null;

    public TimeAggregate? Time { get; } = plan.FirstTouches is { } touches ? new TimeAggregate(touches.Axis) : null;

    public HeatMapAggregate? Heat { get; } = plan.Parts.HasFlag(ReportParts.Heat)
        ? new HeatMapAggregate(plan.Index, plan.Window.Equal(HeatMapAggregate.TimeBuckets))
        : null;

    public HotRangeAggregate? Hot { get; } = plan.Parts.HasFlag(ReportParts.Hot) ? new HotRangeAggregate(plan.Index) : null;

    public StormAggregate? Storms { get; } = plan.Parts.HasFlag(ReportParts.Storms) ? new StormAggregate(StormAggregate.Windows(plan.Window)) : null;

    /// <summary>Faults raised by get_user_pages.</summary>
    public long Gup { get; private set; }

    public FaultColumns Columns
        => FaultColumns.DurationNs | FaultColumns.Pid | FaultColumns.Address | FaultColumns.RegionId
            | FaultColumns.KernelAccess
            | (Tasks is not null ? FaultColumns.Tid | FaultColumns.Comm : FaultColumns.None)
            | (_seesGup ? FaultColumns.Gup : FaultColumns.None)
            | (Sample is not null ? FaultColumns.Weight : FaultColumns.None)
            | (Handlers is not null ? FaultColumns.Handler : FaultColumns.None)
            | (PageTable is not null ? PageTableAggregate.Columns | PhysicalAggregate.Columns : FaultColumns.None)
            | (Causes is not null ? CauseAggregate.Columns : FaultColumns.None)
            | (Worst is not null ? WorstAggregate.Columns : FaultColumns.None)
            | (Slab is not null ? SlabAggregate.Columns : FaultColumns.None)
            | (Stacks is not null ? StackAggregate.Columns | RegionStackAggregate.Columns : FaultColumns.None)
            | (Activity is not null ? ActivityAggregate.Columns : FaultColumns.None)
            | (Time is not null ? TimeAggregate.Columns : FaultColumns.None)
            | (Heat is not null ? HeatMapAggregate.Columns : FaultColumns.None)
            | (Hot is not null ? HotRangeAggregate.Columns : FaultColumns.None)
            | (Storms is not null ? StormAggregate.Columns : FaultColumns.None)
            | (plan.FirstTouches is not null ? FirstTouchAggregate.Columns : FaultColumns.None);

    public bool NeedsOrder => plan.FirstTouches is not null;

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

    public void AddInOrder(FaultBatch batch, in Verdicts verdicts) => plan.FirstTouches?.Add(batch, batch.Count);

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
        if (other.Activity is not null)
            Activity?.Merge(other.Activity);
        if (other.Time is not null)
            Time?.Merge(other.Time);
        if (other.Heat is not null)
            Heat?.Merge(other.Heat);
        if (other.Hot is not null)
            Hot?.Merge(other.Hot);
        if (other.Storms is not null)
            Storms?.Merge(other.Storms);
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
        Activity?.Add(batch, severities.Length, weights);
        Time?.Add(batch, severities, weights);
        Heat?.Add(batch, severities.Length, weights);
        Hot?.Add(batch, severities.Length, weights);
        Storms?.Add(batch, severities.Length, weights);
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
