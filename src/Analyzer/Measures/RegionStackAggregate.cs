using System.Runtime.InteropServices;
using Faultrec.Analyzer.Classify;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Measures;

/// <param name="Region">0: no known mapping.</param>
/// <param name="Stack">Of the fault.</param>
/// <param name="Mapper">Of the call that reserved the memory; <see cref="FaultBatch.Null"/>: not known.</param>
internal readonly record struct RegionStack(int Region, int Stack, int Mapper);

/// <summary>Which stacks touch which region, and which stacks reserved that memory? One count per distinct combination.</summary>
/// <param name="nodes">Nodes of the trace's <see cref="StackTable"/>.</param>
internal sealed class RegionStackAggregate(int nodes) : IMeasure<RegionStackAggregate>
{
    public static Measure<RegionStackAggregate> Measure { get; } =
        new(plan => plan.Metadata.Stacks is { } stacks ? new RegionStackAggregate(stacks.NodeFrames.Count) : null);

    private readonly Dictionary<RegionStack, FaultCounts> _counts = [];

    public IReadOnlyDictionary<RegionStack, FaultCounts> Counts => _counts;

    public FaultColumns Columns => FaultColumns.StackId | FaultColumns.MapperStackId | FaultColumns.RegionId | FaultColumns.DurationNs;

    public void Add<TWeights>(FaultBatch batch, in Verdicts verdicts, TWeights weights)
        where TWeights : struct, IRowWeights
    {
        var severities = verdicts.Severities;
        var (regions, stacks, mappers, durations) = (batch.RegionId, batch.StackId, batch.MapperStackId, batch.DurationNs);
        // Neighbouring rows mostly share all three; only a change costs a look-up.
        var (key, run) = (new RegionStack(0, FaultBatch.Null, FaultBatch.Null), new FaultCounts());
        for (var i = 0; i < severities.Length; i++)
        {
            if (regions[i] != key.Region || stacks[i] != key.Stack || mappers[i] != key.Mapper)
            {
                Flush(key, run);
                (key, run) = (new RegionStack(regions[i], stacks[i], mappers[i]), new FaultCounts());
            }

            run.Add(severities[i], durations[i], weights.Of(i));
        }

        Flush(key, run);
    }

    public void Merge(RegionStackAggregate other)
    {
        foreach (var (key, counts) in other._counts)
            Flush(key, counts);
    }

    private void Flush(RegionStack key, in FaultCounts run)
    {
        if (run.Faults > 0 && (uint)key.Stack < (uint)nodes)
            CollectionsMarshal.GetValueRefOrAddDefault(_counts, key, out _).Merge(run);
    }
}
