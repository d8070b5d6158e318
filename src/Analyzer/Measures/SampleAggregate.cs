using Faultrec.Analyzer.Classify;
using Faultrec.Traces.Columns;

namespace Faultrec.Analyzer.Measures;

/// <summary>What the rows of a sampled trace say about the sample itself.</summary>
internal sealed class SampleAggregate : IMeasure<SampleAggregate>
{
    public static Measure<SampleAggregate> Measure { get; } = new(plan => plan.IsSample ? new SampleAggregate() : null);

    public long Rows { get; private set; }

    /// <summary>Rows of major faults.</summary>
    public long MajorRows { get; private set; }

    /// <summary>Faults the rows stand for: the sum of the weights.</summary>
    public long Faults { get; private set; }

    /// <summary>Sum of the squared weights; a double, because a damaged file's would overflow.</summary>
    public double SquaredWeights { get; private set; }

    public FaultColumns Columns => FaultColumns.Weight;

    public void Add<TWeights>(FaultBatch batch, in Verdicts verdicts, TWeights weights)
        where TWeights : struct, IRowWeights
    {
        var severities = verdicts.Severities;
        for (var i = 0; i < severities.Length; i++)
        {
            long weight = weights.Of(i);
            Faults += weight;
            SquaredWeights += (double)weight * weight;
            MajorRows += severities[i] == Severity.Major ? 1 : 0;
        }

        Rows += severities.Length;
    }

    public void Merge(SampleAggregate other)
    {
        Rows += other.Rows;
        MajorRows += other.MajorRows;
        Faults += other.Faults;
        SquaredWeights += other.SquaredWeights;
    }
}
