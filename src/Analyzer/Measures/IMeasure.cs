using Faultrec.Analyzer.Classify;
using Faultrec.Traces.Columns;

namespace Faultrec.Analyzer.Measures;

/// <summary>A counter of one thread of a scan; counters are merged when the threads are done.</summary>
internal interface IMeasure
{
    /// <summary>Columns that <see cref="Add"/> reads.</summary>
    FaultColumns Columns { get; }

    /// <param name="batch">Only faults that passed the filter.</param>
    /// <param name="verdicts">On each fault of the batch.</param>
    void Add<TWeights>(FaultBatch batch, in Verdicts verdicts, TWeights weights)
        where TWeights : struct, IRowWeights;

    /// <param name="other">A counter of the same type, made for the same scan.</param>
    void Merge(IMeasure other);
}

/// <summary><see cref="IMeasure"/> that merges with its own kind.</summary>
internal interface IMeasure<TSelf> : IMeasure
    where TSelf : class, IMeasure<TSelf>
{
    void Merge(TSelf other);

    void IMeasure.Merge(IMeasure other) => Merge((TSelf)other);
}

/// <summary>Counts what depends on the order of the faults: one for all threads of a scan, fed in the order of time, never merged.</summary>
internal interface IOrderedMeasure
{
    FaultColumns Columns { get; }

    void AddInOrder(FaultBatch batch);
}
