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
    private readonly Dictionary<int, FaultCounts> _byStack = [];
    private FaultCounts _reused;

    public static Measure<ForkAggregate> Measure { get; }
        = new(plan => plan.Metadata.Processes.Any(process => process is { ParentPid: not null, StartedNs: not null, SharesMemory: false })
            ? new ForkAggregate(plan.Metadata)
            : null);

    /// <summary>The pages made writable again.</summary>
    public FaultCounts Reused => _reused;

    /// <summary>All of them, by the stack of the fault; negative: none.</summary>
    public IReadOnlyDictionary<int, FaultCounts> ByStack => _byStack;

    public FaultColumns Columns => FaultColumns.RegionId | FaultColumns.TimeNs | FaultColumns.DurationNs | FaultColumns.StackId;

    public void Add<TWeights>(FaultBatch batch, in Verdicts verdicts, TWeights weights)
        where TWeights : struct, IRowWeights
    {
        var kinds = verdicts.Kinds;
        for (var i = 0; i < kinds.Length; i++)
        {
            var isReuse = kinds[i] == FaultKind.Reuse && _forks.MayShare(batch.RegionId[i], batch.TimeNs[i]);
            if (!isReuse && kinds[i] != FaultKind.CowFork)
                continue;
            if (isReuse)
                _reused.Add(verdicts.Severities[i], batch.DurationNs[i], weights.Of(i));
            CollectionsMarshal.GetValueRefOrAddDefault(_byStack, batch.StackId[i], out _).Add(verdicts.Severities[i], batch.DurationNs[i], weights.Of(i));
        }
    }

    public void Merge(ForkAggregate other)
    {
        _reused.Merge(other._reused);
        foreach (var (stack, counts) in other._byStack)
            CollectionsMarshal.GetValueRefOrAddDefault(_byStack, stack, out _).Merge(counts);
    }
}
