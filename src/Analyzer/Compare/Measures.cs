using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Compare;

/// <summary>What is compared of each item.</summary>
internal enum Metric
{
    Faults,
    Major,
    DistinctPages,
    TimeNs,

    /// <summary>Resident when all processes together had most.</summary>
    PeakBytes,
}

/// <summary>Names of <see cref="Metric"/> as every format spells them.</summary>
internal static class MetricNames
{
    public static IReadOnlyList<Metric> All { get; } = [Metric.Faults, Metric.Major, Metric.DistinctPages, Metric.TimeNs, Metric.PeakBytes];

    public static string Name(this Metric metric) => metric switch
    {
        Metric.Faults => "faults",
        Metric.Major => "major",
        Metric.DistinctPages => "distinct_pages",
        Metric.TimeNs => "time_ns",
        _ => "peak_bytes",
    };

    /// <summary>A figure as people read it.</summary>
    public static string Format(this Metric metric, long value) => metric switch
    {
        Metric.TimeNs => Units.Duration(value),
        Metric.PeakBytes => Units.Bytes(value),
        _ => Units.Count(value),
    };
}

/// <summary>The figures of one item in one trace.</summary>
/// <param name="Faults">Null: faults of the item are not known (code, in a trace without stacks).</param>
/// <param name="Major">Null: the trace does not say.</param>
/// <param name="DistinctPages">Null: the item has no pages of its own (a kind, code).</param>
/// <param name="TimeNs">Sum of the known durations; null: the trace's backend has none.</param>
/// <param name="PeakBytes">Null: not compared, or the item has no memory of its own (a kind).</param>
internal readonly record struct MeasureValues(long? Faults, long? Major, long? DistinctPages, long? TimeNs, long? PeakBytes = null)
{
    public long? this[Metric metric] => metric switch
    {
        Metric.Faults => Faults,
        Metric.Major => Major,
        Metric.DistinctPages => DistinctPages,
        Metric.TimeNs => TimeNs,
        _ => PeakBytes,
    };

    /// <summary>Without the resident memory, which is summed elsewhere.</summary>
    public MeasureValues Plus(in MeasureValues other)
        => new(Faults + other.Faults, Major + other.Major, DistinctPages + other.DistinctPages, TimeNs + other.TimeNs);
}
