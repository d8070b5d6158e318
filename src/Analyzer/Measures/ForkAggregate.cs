using System.Runtime.InteropServices;
using Faultrec.Analyzer.Classify;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Measures;

/// <summary>
/// What forks cost: pages copied at the first write, and pages made writable again in mappings that a fork had shared, since the last of the processes
/// that shared a page pays a fault for it, too.
/// </summary>
internal sealed class ForkAggregate(TraceMetadata metadata) : IMeasure<ForkAggregate>
{
    private readonly ForkHistory _forks = new(metadata);
    private readonly bool _hasForked = metadata.Processes.Any(process => process.IsForkCopy);
    private readonly bool _hasStacks = metadata.Stacks is not null;
    private readonly Dictionary<int, FaultCounts> _byStack = [];
    private FaultCounts _reused;

    public static Measure<ForkAggregate> Measure { get; } = new(plan => new ForkAggregate(plan.Metadata));

    /// <summary>The pages made writable again; none where no fork is known.</summary>
    public FaultCounts Reused => _reused;

    /// <summary>All of them, by the stack of the fault; negative: none.</summary>
    public IReadOnlyDictionary<int, FaultCounts> ByStack => _byStack;

    public FaultColumns Columns
        => FaultColumns.RegionId | FaultColumns.TimeNs | FaultColumns.DurationNs | (_hasStacks ? FaultColumns.StackId : FaultColumns.None);

    public void Add<TWeights>(FaultBatch batch, in Verdicts verdicts, TWeights weights)
        where TWeights : struct, IRowWeights
    {
        var kinds = verdicts.Kinds;
        for (var i = 0; i < kinds.Length; i++)
        {
            var isReuse = kinds[i] == FaultKind.Reuse && _hasForked && _forks.MayShare(batch.RegionId[i], batch.TimeNs[i]);
            if (!isReuse && kinds[i] != FaultKind.CowFork)
                continue;
            if (isReuse)
                _reused.Add(verdicts.Severities[i], batch.DurationNs[i], weights.Of(i));
            var stack = _hasStacks ? batch.StackId[i] : FaultBatch.Null;
            CollectionsMarshal.GetValueRefOrAddDefault(_byStack, stack, out _).Add(verdicts.Severities[i], batch.DurationNs[i], weights.Of(i));
        }
    }

    public void Merge(ForkAggregate other)
    {
        _reused.Merge(other._reused);
        foreach (var (stack, counts) in other._byStack)
            CollectionsMarshal.GetValueRefOrAddDefault(_byStack, stack, out _).Merge(counts);
    }
}
