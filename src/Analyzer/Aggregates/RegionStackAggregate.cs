using System.Runtime.InteropServices;
using Faultrec.Traces;

namespace Faultrec.Analyzer;

/// <summary>Which stacks touch which region? As many counts as there are different pairs of both.</summary>
/// <param name="nodes">Nodes of the trace's <see cref="StackTable"/>.</param>
public sealed class RegionStackAggregate(int nodes)
{
    private readonly Dictionary<(int Region, int Stack), FaultCounts> _counts = [];

    /// <summary>Region 0: no known mapping.</summary>
    public IReadOnlyDictionary<(int Region, int Stack), FaultCounts> Counts => _counts;

    internal void Add<TWeights>(FaultBatch batch, ReadOnlySpan<Severity> severities, TWeights weights)
        where TWeights : struct, IRowWeights
    {
        var (regions, stacks, durations) = (batch.RegionId, batch.StackId, batch.DurationNs);
        // Neighbours mostly share both; only a change costs a look-up.
        var (pair, run) = ((Region: 0, Stack: FaultBatch.Null), new FaultCounts());
        for (var i = 0; i < severities.Length; i++)
        {
            if (regions[i] != pair.Region || stacks[i] != pair.Stack)
            {
                Flush(pair, run);
                (pair, run) = ((regions[i], stacks[i]), new FaultCounts());
            }

            run.Add(severities[i], durations[i], weights.Of(i));
        }

        Flush(pair, run);
    }

    public void Merge(RegionStackAggregate other)
    {
        foreach (var (pair, counts) in other._counts)
            Flush(pair, counts);
    }

    private void Flush((int Region, int Stack) pair, in FaultCounts run)
    {
        if (run.Faults > 0 && (uint)pair.Stack < (uint)nodes)
            CollectionsMarshal.GetValueRefOrAddDefault(_counts, pair, out _).Merge(run);
    }
}
