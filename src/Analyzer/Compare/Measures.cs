namespace Faultrec.Analyzer.Compare;

/// <summary>What is compared of each item.</summary>
internal enum Metric
{
    Faults,
    Major,
    DistinctPages,
    TimeNs,
}

/// <summary>Names of <see cref="Metric"/> as every format spells them.</summary>
internal static class MetricNames
{
    public static IReadOnlyList<Metric> All { get; } = [Metric.Faults, Metric.Major, Metric.DistinctPages, Metric.TimeNs];

    public static string Name(this Metric metric) => metric switch
    {
        Metric.Faults => "faults",
        Metric.Major => "major",
        Metric.DistinctPages => "distinct_pages",
        _ => "time_ns",
    };
}

/// <summary>The figures of one item in one trace.</summary>
/// <param name="Major">Null: the trace does not say.</param>
/// <param name="DistinctPages">Null: the item has no pages (a kind).</param>
/// <param name="TimeNs">Sum of the known durations; null: the trace's backend has none.</param>
internal readonly record struct MeasureValues(long Faults, long? Major, long? DistinctPages, long? TimeNs)
{
    public long? this[Metric metric] => metric switch
    {
        Metric.Faults => Faults,
        Metric.Major => Major,
        Metric.DistinctPages => DistinctPages,
        _ => TimeNs,
    };

    public MeasureValues Plus(in MeasureValues other)
        => new(Faults + other.Faults, Major + other.Major, DistinctPages + other.DistinctPages, TimeNs + other.TimeNs);
}
