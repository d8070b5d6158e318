using Faultrec.Analyzer.Facts;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Classify;

/// <summary>The severity and kind of each fault of a batch; element i of both belongs to row i.</summary>
/// <param name="kinds">Empty if kinds were not determined.</param>
public readonly ref struct Verdicts(ReadOnlySpan<Severity> severities, ReadOnlySpan<FaultKind> kinds)
{
    public ReadOnlySpan<Severity> Severities { get; } = severities;

    public ReadOnlySpan<FaultKind> Kinds { get; } = kinds;
}

/// <summary>Applies both rules to one batch after the other. Not thread-safe.</summary>
internal sealed class FaultClassifier(TraceMetadata metadata)
{
    private readonly SeverityRule _severityRule = new(metadata);
    private readonly KindRule _kindRule = new(metadata, new RegionIndex(metadata.Regions));
    private Severity[] _severities = [];
    private FaultKind[] _kinds = [];
    private int _count;

    /// <summary>Columns that <see cref="Classify"/> reads.</summary>
    public FaultColumns Columns => _severityRule.Columns | _kindRule.Columns;

    /// <summary>Verdicts on the last batch; valid until the next.</summary>
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
