using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Columns;

namespace Faultrec.Analyzer.Measures;

/// <summary>Everything that a scan counts, in one pass.</summary>
internal sealed class MeasureSet : IFaultSink<MeasureSet>
{
    private readonly MeasurePlan _plan;
    private readonly Dictionary<Measure, IMeasure> _parts = [];

    public MeasureSet(MeasurePlan plan)
    {
        _plan = plan;
        foreach (var measure in plan.Parts)
        {
            if (measure.Start(plan) is IMeasure part)
                _parts.Add(measure, part);
        }
    }

    public FaultColumns Columns
        => _parts.Values.Select(part => part.Columns).Concat(_plan.Ordered.Values.Select(ordered => ordered.Columns))
            .Aggregate(_plan.IsSample ? FaultColumns.Weight : FaultColumns.None, (columns, more) => columns | more);

    public bool NeedsOrder => _plan.Ordered.Count > 0;

    /// <summary>Null: not counted, because no table needs it or the trace has nothing to count.</summary>
    public T? Find<T>(Measure<T> measure)
        where T : class
        => (_parts.GetValueOrDefault(measure) ?? (object?)_plan.Ordered.GetValueOrDefault(measure)) as T;

    public void Add(FaultBatch batch, in Verdicts verdicts)
    {
        foreach (var part in _parts.Values)
        {
            if (_plan.IsSample)
                part.Add(batch, verdicts, new SampledWeights(batch.Weight));
            else
                part.Add(batch, verdicts, default(OneEach));
        }
    }

    public void AddInOrder(FaultBatch batch, in Verdicts verdicts)
    {
        foreach (var ordered in _plan.Ordered.Values)
            ordered.AddInOrder(batch);
    }

    public void Merge(MeasureSet other)
    {
        foreach (var (measure, part) in _parts)
            part.Merge(other._parts[measure]);
    }

    /// <summary>Frees the memory that grows with pages.</summary>
    public void ForgetPages()
    {
        foreach (var measure in _parts.Keys.Where(measure => measure.GrowsWithPages).ToList())
            _parts.Remove(measure);
        _plan.ForgetPages();
    }
}
