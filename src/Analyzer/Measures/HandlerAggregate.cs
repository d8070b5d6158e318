using Faultrec.Analyzer.Classify;
using Faultrec.Traces.Columns;

namespace Faultrec.Analyzer.Measures;

/// <summary>Which kernel function served the faults?</summary>
internal sealed class HandlerAggregate : IMeasure<HandlerAggregate>
{
    public static Measure<HandlerAggregate> Measure { get; } = new(plan => plan.Metadata.Handlers.Count > 0 ? new HandlerAggregate() : null);

    private readonly Dictionary<string, FaultStats> _byFunction = [];

    /// <summary>Faults whose row names no handler.</summary>
    public FaultStats Unknown { get; } = new();

    public IReadOnlyDictionary<string, FaultStats> ByFunction => _byFunction;

    public FaultColumns Columns => FaultColumns.Handler | FaultColumns.DurationNs;

    public void Add<TWeights>(FaultBatch batch, in Verdicts verdicts, TWeights weights)
        where TWeights : struct, IRowWeights
    {
        var severities = verdicts.Severities;
        var (handlers, durations) = (batch.Handler, batch.DurationNs);
        string? last = null;
        var stats = Unknown;
        for (var i = 0; i < severities.Length; i++)
        {
            if (!ReferenceEquals(handlers[i], last))
                (last, stats) = (handlers[i], handlers[i] is { } function ? StatsOf(function) : Unknown);
            stats.Add(severities[i], durations[i], weights.Of(i));
        }
    }

    public void Merge(HandlerAggregate other)
    {
        Unknown.Merge(other.Unknown);
        foreach (var (function, stats) in other._byFunction)
            StatsOf(function).Merge(stats);
    }

    private FaultStats StatsOf(string function)
    {
        if (!_byFunction.TryGetValue(function, out var stats))
            _byFunction.Add(function, stats = new FaultStats());
        return stats;
    }
}
