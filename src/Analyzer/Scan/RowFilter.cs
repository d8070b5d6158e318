using System.IO.Enumeration;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Facts;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Scan;

/// <summary>
/// A <see cref="FaultFilter"/> resolved against one trace: skips row groups by the footer's statistics and marks the rows that
/// match. Keeps a cache of names it has judged, so one instance a thread.
/// </summary>
internal sealed class RowFilter
{
    private readonly FaultFilter _filter;
    private readonly HashSet<int> _pids;
    private readonly HashSet<int> _tids;
    private readonly bool[]? _regions;
    private readonly bool[]? _kinds;
    private readonly bool[] _severities = new bool[SeverityNames.Count];
    private readonly Dictionary<string, bool> _comms = [];

    public RowFilter(FaultFilter filter, TraceMetadata metadata)
    {
        _filter = filter;
        _pids = [.. filter.Pids];
        _tids = [.. filter.Tids];
        _regions = filter.Regions.Count == 0 ? null : ResolveRegions(filter.Regions, metadata);
        if (filter.Kinds.Count + filter.Severities.Count == 0)
            return;
        _kinds = new bool[FaultKindNames.Count];
        foreach (var kind in filter.Kinds)
            _kinds[(int)kind] = true;
        foreach (var severity in filter.Severities)
            _severities[(int)severity] = true;
    }

    /// <summary>False when the statistics prove that no row of the group matches.</summary>
    public bool MayMatch(RowGroupInfo group)
        => !(group.MaxTimeNs < _filter.FromNs)
            && !(group.MinTimeNs >= _filter.ToNs)
            && (_pids.Count == 0 || AnyInside(_pids, group.MinPid, group.MaxPid))
            && (_regions is null || AnyInside(_regions, group.MinRegionId, group.MaxRegionId));

    /// <summary>Columns to read for <see cref="Mark"/> on this group; a window that covers the group needs no times.</summary>
    public FaultColumns Columns(RowGroupInfo group)
        => (WindowCovers(group) ? 0 : FaultColumns.TimeNs)
            | (_pids.Count == 0 ? 0 : FaultColumns.Pid)
            | (_tids.Count == 0 ? 0 : FaultColumns.Tid)
            | (_regions is null ? 0 : FaultColumns.RegionId)
            | (_filter.Comms.Count == 0 ? 0 : FaultColumns.Comm);

    /// <summary>Sets <paramref name="keep"/> for each row of the batch.</summary>
    /// <param name="verdicts">Verdict on each row; only used if the filter names kinds.</param>
    /// <returns>Rows that match.</returns>
    public int Mark(RowGroupInfo group, FaultBatch batch, in Verdicts verdicts, Span<bool> keep)
    {
        keep = keep[..batch.Count];
        keep.Fill(true);
        if (!WindowCovers(group))
            MarkTimes(batch.TimeNs, keep);
        if (_pids.Count != 0)
            MarkIds(_pids, batch.Pid, keep);
        if (_tids.Count != 0)
            MarkIds(_tids, batch.Tid, keep);
        if (_regions is not null)
            MarkRegions(batch.RegionId, keep);
        if (_filter.Comms.Count != 0)
            MarkComms(batch.Comm, keep);
        if (_kinds is not null)
            MarkKinds(verdicts, keep);
        return keep.Count(true);
    }

    private static bool[] ResolveRegions(IReadOnlyList<string> wanted, TraceMetadata metadata)
    {
        var index = new RegionIndex(metadata.Regions);
        var resolved = new bool[index.IdLimit];
        foreach (var text in wanted)
        {
            for (var id = 0; id < resolved.Length; id++)
                resolved[id] |= RegionNames.Matches(id, index.Find(id), text);
        }

        return resolved;
    }

    private static bool AnyInside(HashSet<int> ids, int? min, int? max)
    {
        foreach (var id in ids)
        {
            if (!(id < min) && !(id > max))
                return true;
        }

        return false;
    }

    private static bool AnyInside(bool[] ids, int? min, int? max)
    {
        // Ids that the ledger does not have count as 0, wherever the statistics put them.
        if (ids[0])
            return true;
        var from = Math.Clamp(min ?? 0, 0, ids.Length);
        var to = Math.Clamp(max ?? int.MaxValue, -1, ids.Length - 1);
        return from <= to && ids.AsSpan(from, to - from + 1).Contains(true);
    }

    private static void MarkIds(HashSet<int> wanted, int[] ids, Span<bool> keep)
    {
        var (last, matches) = (0, wanted.Contains(0));
        for (var i = 0; i < keep.Length; i++)
        {
            if (ids[i] != last)
                (last, matches) = (ids[i], wanted.Contains(ids[i]));
            keep[i] &= matches;
        }
    }

    private bool WindowCovers(RowGroupInfo group)
        => (_filter.FromNs is null || group.MinTimeNs >= _filter.FromNs)
            && (_filter.ToNs is null || group.MaxTimeNs < _filter.ToNs);

    private void MarkTimes(long[] times, Span<bool> keep)
    {
        var (from, to) = (_filter.FromNs ?? long.MinValue, _filter.ToNs ?? long.MaxValue);
        for (var i = 0; i < keep.Length; i++)
            keep[i] &= times[i] >= from && times[i] < to;
    }

    private void MarkRegions(int[] ids, Span<bool> keep)
    {
        for (var i = 0; i < keep.Length; i++)
            keep[i] &= _regions![(uint)ids[i] < (uint)_regions.Length ? ids[i] : 0];
    }

    private void MarkKinds(in Verdicts verdicts, Span<bool> keep)
    {
        var severities = verdicts.Severities;
        var kinds = verdicts.Kinds;
        for (var i = 0; i < keep.Length; i++)
            keep[i] &= _severities[(int)severities[i]] || (kinds.Length > 0 && _kinds![(int)kinds[i]]);
    }

    private void MarkComms(string[] comms, Span<bool> keep)
    {
        string? last = null;
        var matches = false;
        for (var i = 0; i < keep.Length; i++)
        {
            if (!ReferenceEquals(comms[i], last))
                (last, matches) = (comms[i], CommMatches(comms[i]));
            keep[i] &= matches;
        }
    }

    private bool CommMatches(string comm)
    {
        if (_comms.TryGetValue(comm, out var known))
            return known;
        var matches = false;
        foreach (var wanted in _filter.Comms)
            matches |= wanted == comm || FileSystemName.MatchesSimpleExpression(wanted, comm, ignoreCase: false);
        return _comms[comm] = matches;
    }
}
