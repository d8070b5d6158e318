using System.Globalization;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Live;

/// <summary>A <see cref="FaultFilter"/> on faults as they happen: there is no ledger yet, so regions match by the name
/// in the row, and kinds other than severities are not known.</summary>
internal sealed class LiveFilter(FaultFilter filter, TraceMetadata metadata)
{
    /// <summary>Limit, because new names may appear for days.</summary>
    private const int MaxNames = 1 << 16;

    // Without statistics every rule must examine the rows.
    private static readonly RowGroupInfo AnyGroup = new(0, null, null, null, null, null, null);

    private readonly SeverityRule _rule = new(metadata);
    private readonly RowFilter _rows = new(filter with { Regions = [] }, metadata);
    private readonly Dictionary<string, bool> _names = [];
    private Severity[] _severities = [];
    private bool[] _keep = [];

    /// <summary>One per row of the last batch that was marked.</summary>
    public ReadOnlySpan<Severity> Severities => _severities;

    /// <summary>Valid until the next call.</summary>
    /// <returns>Whether each row matches.</returns>
    public ReadOnlySpan<bool> Mark(FaultBatch batch)
    {
        if (_keep.Length < batch.Count)
            (_severities, _keep) = (new Severity[batch.Capacity], new bool[batch.Capacity]);
        _rule.Classify(batch, _severities);
        _rows.Mark(AnyGroup, batch, new Verdicts(_severities, default), _keep);
        if (filter.Regions.Count > 0)
            MarkRegions(batch);
        return _keep.AsSpan(0, batch.Count);
    }

    private void MarkRegions(FaultBatch batch)
    {
        string? last = null;
        var matches = false;
        for (var i = 0; i < batch.Count; i++)
        {
            var name = batch.RegionId[i] == 0 ? RegionNames.Unmapped : batch.Region[i];
            if (!ReferenceEquals(name, last))
                (last, matches) = (name, NameMatches(name));
            _keep[i] &= matches || IdMatches(batch.RegionId[i]);
        }
    }

    private bool NameMatches(string name)
    {
        if (_names.TryGetValue(name, out var known))
            return known;
        if (_names.Count == MaxNames)
            _names.Clear();
        return _names[name] = filter.Regions.Any(wanted => !IsId(wanted, out _) && name.Contains(wanted, StringComparison.Ordinal));
    }

    private bool IdMatches(int id)
    {
        foreach (var wanted in filter.Regions)
        {
            if (IsId(wanted, out var wantedId) && wantedId == id)
                return true;
        }

        return false;
    }

    private static bool IsId(string text, out int id) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out id);
}
