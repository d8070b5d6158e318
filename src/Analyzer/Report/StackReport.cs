using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Report;

/// <param name="StackId">Node of the trace's <see cref="StackTable"/>.</param>
/// <param name="Share">Of the report's faults, those without a stack among them.</param>
public sealed record StackRow(int StackId, FaultCounts Counts, LatencySummary Latency, double Share);

/// <summary>A function, or a line of one.</summary>
/// <param name="Name">Function; [module+0x…] where no symbol covers the address.</param>
/// <param name="File">Source file; null where not known, and for functions.</param>
/// <param name="Line">Null where not known, and for functions.</param>
/// <param name="Module">Path of the file that holds the code.</param>
/// <param name="Self">Faults in it: it was the innermost frame.</param>
/// <param name="Total">Faults in it and in what it called; once a fault, however often it is on the stack.</param>
/// <param name="Latency">Of <paramref name="Total"/>.</param>
public sealed record CodeRow(
    string Name, string? File, int? Line, string? Module, FaultCounts Self, double SelfShare, FaultCounts Total, double TotalShare, LatencySummary Latency);

/// <summary>
/// The answers that stacks give. Made from the same aggregates on demand: most reports show few of them.
/// </summary>
public sealed class StackReport
{
    private readonly TraceMetadata _metadata;
    private readonly RegionIndex _regions;
    private readonly StackAggregate _stacks;
    private readonly RegionStackAggregate _pairs;
    private readonly long _faults;

    /// <param name="faults">All of the report, as its rows count them.</param>
    internal StackReport(TraceMetadata metadata, RegionIndex regions, StackAggregate stacks, RegionStackAggregate pairs, long faults)
    {
        (_metadata, _regions, _stacks, _pairs, _faults) = (metadata, regions, stacks, pairs, faults);
        Table = metadata.Stacks!;
        Names = new FrameNames(Table);
    }

    public StackTable Table { get; }

    internal FrameNames Names { get; }

    /// <summary>Faults of the report whose row has no stack.</summary>
    public FaultCounts WithoutStack => _stacks.WithoutStack.Counts;

    /// <summary>Most faults first.</summary>
    public IReadOnlyList<StackRow> Stacks => field ??= StackRows();

    /// <summary>Most faults of their own first.</summary>
    public IReadOnlyList<CodeRow> Functions => field ??= CodeTable.Build(Table, Names, _stacks, Names.FunctionCount, Names.FunctionIdOf, Names.Function, Share);

    /// <summary>Most faults of their own first.</summary>
    public IReadOnlyList<CodeRow> Lines => field ??= CodeTable.Build(Table, Names, _stacks, Names.LineCount, Names.LineIdOf, Names.Line, Share);

    /// <summary>In the order in which a tree is written.</summary>
    public IReadOnlyList<CallerRow> Callers => field ??= new CallerTree(Table, Names, _faults).Build(_stacks);

    /// <summary>Most faults first.</summary>
    public IReadOnlyList<ToucherRow> Touchers => field ??= ToucherTable.Build(_metadata, Names, _regions, _pairs, Share);

    /// <summary>By region: who reserved it, most faults first. Regions of which nothing is known are not in it.</summary>
    internal Dictionary<int, List<MapperShare>> Mappers => field ??= ToucherTable.Mappers(Touchers);

    private double Share(long faults) => _faults == 0 ? 0 : (double)faults / _faults;

    private List<StackRow> StackRows()
    {
        var rows = new List<StackRow>();
        foreach (var (stack, stats) in _stacks.ByStack)
            rows.Add(new StackRow(stack, stats.Counts, LatencySummary.Of(stats.Latency), Share(stats.Counts.Faults)));
        rows.Sort((a, b) => Ordering.ByFaults(a.Counts, b.Counts, a.StackId.CompareTo(b.StackId)));
        return rows;
    }
}
