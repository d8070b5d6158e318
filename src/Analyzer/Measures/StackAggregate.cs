using Faultrec.Analyzer.Classify;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Measures;

/// <summary>From which stacks do faults come, and what do they cost?</summary>
/// <param name="nodes">Nodes of the trace's <see cref="StackTable"/>.</param>
internal sealed class StackAggregate(int nodes) : IMeasure<StackAggregate>
{
    public static Measure<StackAggregate> Measure { get; } =
        new(plan => plan.Metadata.Stacks is { } stacks ? new StackAggregate(stacks.NodeFrames.Count) : null);

    private readonly FaultStats?[] _byStack = new FaultStats?[nodes];

    /// <summary>Faults whose row names no stack that the trace has.</summary>
    public FaultStats WithoutStack { get; } = new();

    /// <summary>Stacks that faulted, in the order of their ids.</summary>
    public IEnumerable<(int Stack, FaultStats Stats)> ByStack
    {
        get
        {
            for (var stack = 0; stack < _byStack.Length; stack++)
            {
                if (_byStack[stack] is { } stats)
                    yield return (stack, stats);
            }
        }
    }

    public FaultColumns Columns => FaultColumns.StackId | FaultColumns.DurationNs;

    public void Add<TWeights>(FaultBatch batch, in Verdicts verdicts, TWeights weights)
        where TWeights : struct, IRowWeights
    {
        var severities = verdicts.Severities;
        var (stacks, durations) = (batch.StackId, batch.DurationNs);
        for (var i = 0; i < severities.Length; i++)
        {
            var stack = stacks[i];
            var stats = (uint)stack < (uint)_byStack.Length ? _byStack[stack] ??= new FaultStats() : WithoutStack;
            stats.Add(severities[i], durations[i], weights.Of(i));
        }
    }

    public void Merge(StackAggregate other)
    {
        WithoutStack.Merge(other.WithoutStack);
        foreach (var (stack, stats) in other.ByStack)
        {
            if (_byStack[stack] is { } ours)
                ours.Merge(stats);
            else
                _byStack[stack] = stats;
        }
    }
}
