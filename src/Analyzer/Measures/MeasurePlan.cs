using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Measures;

/// <summary>What a scan counts, resolved against one trace. Its threads share the plan and the measures that need the faults in order.</summary>
internal sealed class MeasurePlan
{
    private readonly Dictionary<Measure, IOrderedMeasure> _ordered = [];
    private SharedPfns? _pfns;

    /// <param name="groups">The file's row groups; they may have times outside the recording.</param>
    public MeasurePlan(TraceMetadata metadata, IEnumerable<RowGroupInfo> groups, FaultFilter filter, IEnumerable<Measure> measures)
    {
        (Metadata, Filter) = (metadata, filter);
        Index = new RegionIndex(metadata.Regions);
        Window = TimeAxis.Whole(metadata, groups, filter);
        IsSample = SampleRule.IsSample(metadata);
        var byOrder = measures.Distinct().ToLookup(measure => measure.IsOrdered);
        Parts = [.. byOrder[false]];
        foreach (var measure in byOrder[true])
        {
            if (measure.Start(this) is IOrderedMeasure ordered)
                _ordered.Add(measure, ordered);
        }
    }

    public TraceMetadata Metadata { get; }

    public FaultFilter Filter { get; }

    public RegionIndex Index { get; }

    /// <summary>One bucket: the time that the filter leaves of the recording.</summary>
    public TimeAxis Window { get; }

    /// <summary>Rows stand for more than one fault.</summary>
    public bool IsSample { get; }

    /// <summary>Measures of which each thread has its own counter.</summary>
    public IReadOnlyList<Measure> Parts { get; }

    /// <summary>Fed in the order of time, for all threads.</summary>
    public IReadOnlyDictionary<Measure, IOrderedMeasure> Ordered => _ordered;

    /// <summary>Page frame numbers by page, into which all threads write.</summary>
    public SharedPfns Pfns => LazyInitializer.EnsureInitialized(ref _pfns, () => new SharedPfns(Index, Metadata.Pages));

    /// <summary>The trace has page-table facts.</summary>
    public bool HasPageTable => KindRule.CanTell(Metadata);

    /// <summary>Frees the memory that grows with pages.</summary>
    public void ForgetPages()
    {
        _pfns = null;
        foreach (var measure in _ordered.Keys.Where(measure => measure.GrowsWithPages).ToList())
            _ordered.Remove(measure);
    }
}
