using Faultrec.Analyzer.Classify;

namespace Faultrec.Analyzer.Measures;

/// <summary>What the rows of a sampled trace say of the sample itself.</summary>
public sealed class SampleAggregate
{
    public long Rows { get; private set; }

    /// <summary>Rows of major faults.</summary>
    public long MajorRows { get; private set; }

    /// <summary>Faults the rows stand for: the sum of the weights.</summary>
    public long Faults { get; private set; }

    /// <summary>Sum of the squared weights; a double, because a damaged file's would overflow.</summary>
    public double SquaredWeights { get; private set; }

    internal void Add(SampledWeights weights, ReadOnlySpan<Severity> severities)
    {
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
