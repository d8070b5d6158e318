using Faultrec.Analyzer.Classify;
using Faultrec.Traces.Columns;

namespace Faultrec.Analyzer.Measures;

/// <summary>Which stage of the allocator served the kernel's own objects in faults? Only of recordings with `--slab`.</summary>
internal sealed class SlabAggregate : IMeasure<SlabAggregate>
{
    public static Measure<SlabAggregate> Measure { get; } = new(plan => plan.Metadata.Slab is null ? null : new SlabAggregate());

    /// <summary>Fastest first; a stage is a column of that name with slab_ before it.</summary>
    public static IReadOnlyList<string> Stages { get; } = ["fast", "sheaf", "local", "partial", "remote", "buddy"];

    private readonly long[] _objects = new long[Stages.Count];

    /// <summary>Pages taken from the buddy allocator.</summary>
    public long BuddyPages { get; private set; }

    public long Objects(int stage) => _objects[stage];

    public FaultColumns Columns => FaultColumns.SlabFast | FaultColumns.SlabSheaf | FaultColumns.SlabLocal | FaultColumns.SlabPartial | FaultColumns.SlabRemote
        | FaultColumns.SlabBuddy | FaultColumns.BuddyPages;

    public void Add<TWeights>(FaultBatch batch, in Verdicts verdicts, TWeights weights)
        where TWeights : struct, IRowWeights
    {
        var count = batch.Count;
        _objects[0] += Sum(batch.SlabFast, count, weights);
        _objects[1] += Sum(batch.SlabSheaf, count, weights);
        _objects[2] += Sum(batch.SlabLocal, count, weights);
        _objects[3] += Sum(batch.SlabPartial, count, weights);
        _objects[4] += Sum(batch.SlabRemote, count, weights);
        _objects[5] += Sum(batch.SlabBuddy, count, weights);
        BuddyPages += Sum(batch.BuddyPages, count, weights);
    }

    public void Merge(SlabAggregate other)
    {
        for (var i = 0; i < _objects.Length; i++)
            _objects[i] += other._objects[i];
        BuddyPages += other.BuddyPages;
    }

    private static long Sum<TWeights>(int[] column, int count, TWeights weights)
        where TWeights : struct, IRowWeights
    {
        long sum = 0;
        for (var i = 0; i < count; i++)
            sum += Math.Max((long)column[i], 0) * weights.Of(i);
        return sum;
    }
}
