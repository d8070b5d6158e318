using Faultrec.Analyzer.Classify;
using Faultrec.Traces.Columns;

namespace Faultrec.Analyzer.Measures;

/// <summary>How many faults did get_user_pages raise?</summary>
internal sealed class GupAggregate : IMeasure<GupAggregate>
{
    public static Measure<GupAggregate> Measure { get; } = new(plan => plan.Metadata.Backend.SeesGup ? new GupAggregate() : null);

    public FaultColumns Columns => FaultColumns.Gup;

    public long Faults { get; private set; }

    public void Add<TWeights>(FaultBatch batch, in Verdicts verdicts, TWeights weights)
        where TWeights : struct, IRowWeights
    {
        var gup = batch.Gup;
        for (var i = 0; i < batch.Count; i++)
            Faults += gup[i] ? weights.Of(i) : 0;
    }

    public void Merge(GupAggregate other) => Faults += other.Faults;
}
