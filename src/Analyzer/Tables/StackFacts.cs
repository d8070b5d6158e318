using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Tables;

/// <summary>Names and counts of the stacks of a report.</summary>
internal sealed class StackFacts
{
    private readonly FaultReport _report;

    private StackFacts(FaultReport report, StackTable table, StackAggregate stacks, RegionStackAggregate pairs)
    {
        (_report, Table, ByStack, Pairs) = (report, table, stacks, pairs);
        Names = new FrameNames(table);
    }

    /// <summary>The measures needed by tables that name code.</summary>
    public static IReadOnlyList<Measure> Needs { get; } = [StackAggregate.Measure, RegionStackAggregate.Measure];

    public StackTable Table { get; }

    public FrameNames Names { get; }

    public StackAggregate ByStack { get; }

    public RegionStackAggregate Pairs { get; }

    /// <summary>Faults of the report whose row has no stack.</summary>
    public FaultCounts WithoutStack => ByStack.WithoutStack.Counts;

    /// <summary>All faults of the report, as its rows count them.</summary>
    public long Faults => _report.Sample?.Faults ?? _report.Totals.Counts.Faults;

    /// <summary>By region: the code that reserved it, most faults first. Regions for which this is not known are missing.</summary>
    public Dictionary<int, List<MapperShare>> Mappers => field ??= ToucherTable.Mappers(_report.Rows(ToucherTable.Definition));

    /// <summary>Null: the trace has no stacks, or they were not counted.</summary>
    public static StackFacts? Of(FaultReport report)
        => report.Metadata.Stacks is { } table && report.Find(StackAggregate.Measure) is { } stacks && report.Find(RegionStackAggregate.Measure) is { } pairs
            ? new StackFacts(report, table, stacks, pairs)
            : null;

    /// <summary>Share of the report's faults, including those without a stack.</summary>
    public double Share(long faults) => Faults == 0 ? 0 : (double)faults / Faults;
}
