using Faultrec.Analyzer.Facts;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Classify;

/// <summary>What the Analyzer makes of each fault of a batch; element i of both is of row i.</summary>
/// <param name="kinds">Empty where kinds are not told.</param>
public readonly ref struct Verdicts(ReadOnlySpan<Severity> severities, ReadOnlySpan<FaultKind> kinds)
{
    public ReadOnlySpan<Severity> Severities { get; } = severities;

    public ReadOnlySpan<FaultKind> Kinds { get; } = kinds;
}

/// <summary>Both rules over one batch after the other. Not thread-safe.</summary>
internal sealed class FaultClassifier(TraceMetadata metadata)
{
    private readonly SeverityRule _severityRule = new(metadata);
    private readonly KindRule _kindRule = new(metadata, new RegionIndex(metadata.Regions));
    private Severity[] _severities = [];
    private FaultKind[] _kinds = [];
    private int _count;

    /// <summary>Columns that <see cref="Classify"/> looks at.</summary>
    public FaultColumns Columns => _severityRule.Columns | _kindRule.Columns;

    /// <summary>On the last batch; valid until the next.</summary>
    public Verdicts Verdicts => new(_severities.AsSpan(0, _count), _kinds.AsSpan(0, _count));

    public void Classify(FaultBatch batch)
    {
        if (_severities.Length < batch.Count)
            (_severities, _kinds) = (new Severity[batch.Capacity], new FaultKind[batch.Capacity]);
        _count = batch.Count;
        _severityRule.Classify(batch, _severities);
        _kindRule.Classify(batch, _severities, _kinds);
    }

    /// <summary>Drops rows from the batch and its verdicts.</summary>
    /// <param name="columns">Columns that are still needed.</param>
    public void Keep(FaultBatch batch, FaultColumns columns, bool[] keep)
    {
        RowCompaction.Keep(batch, columns, _severities, _kinds, keep);
        _count = batch.Count;
    }
}
